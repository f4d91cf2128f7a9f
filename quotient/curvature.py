"""Routes to the mean curvature of orbits, independent of the default one, which they must equal."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from quotient.errors import ClaimError
from quotient.group_quotient import GroupQuotient
from quotient.submersion import RiemannianSubmersion, upcast


def _ambient_basis(like: Tensor, rank: int) -> Tensor:
    """Orthonormal basis of the ambient arrays as a real space, stacked along a new leading axis."""
    shape = like.shape[like.ndim - rank :]
    eye = torch.eye(math.prod(shape), dtype=like.dtype, device=like.device)
    basis = torch.cat([eye, 1j * eye]) if like.is_complex() else eye
    return basis.reshape(-1, *(1,) * (like.ndim - rank), *shape)


def mean_curvature_from_projector(submersion: RiemannianSubmersion, base_point: Tensor) -> Tensor:
    """H = P sum_j nabla_{V e_j} (V e_j) over an orthonormal basis e_j of the ambient space, from the projector alone.

    Args:
        submersion: any, with a metric induced from the ambient arrays.
        base_point: x, shape ``[..., *point_shape]``.

    Returns:
        H, horizontal, shape ``[..., *point_shape]``. Cost dim(M) differentiations of the projection.
    """
    space = submersion.total_space
    point = upcast(base_point)
    basis = _ambient_basis(point, len(space.shape))

    def bend(direction: Tensor) -> Tensor:
        def field(moved: Tensor) -> Tensor:
            return submersion.vertical_projection(space.to_tangent(direction.expand_as(moved), moved), moved)

        return space.covariant_derivative(field, field(point), point)

    total = torch.func.vmap(bend)(basis).sum(0)
    return submersion.horizontal_projection(total, point).to(base_point.dtype)


def mean_curvature_from_second_fundamental_form(quotient: GroupQuotient, base_point: Tensor) -> Tensor:
    """H = P sum_i nabla_{u_i} eta_i with eta_i = sum_a T_ia xi_a, T constant, equal to the frame u_i at x.

    Args:
        quotient: M/G.
        base_point: x, shape ``[..., *point_shape]``.

    Returns:
        H, horizontal, shape ``[..., *point_shape]``.
    """
    space = quotient.total_space
    point = upcast(base_point)
    frame = quotient.vertical_frame(base_point)
    axis = point.ndim - len(space.shape)
    total = torch.zeros_like(point)
    for i in range(frame.vectors.shape[axis]):
        weights = frame.coefficients[..., i, :]

        def field(moved: Tensor, weights: Tensor = weights) -> Tensor:
            return torch.einsum(
                "...a,...ap->...p", weights.to(moved.dtype), quotient.generators(moved).flatten(axis + 1)
            ).reshape(moved.shape)

        total = total + space.covariant_derivative(field, frame.vectors.select(axis, i), point)
    return quotient.horizontal_projection(total, point).to(base_point.dtype)


def mean_curvature_from_log_volume(quotient: GroupQuotient, base_point: Tensor) -> Tensor:
    """H = -P grad log vol(orbit), for unimodular groups and points of the regular stratum.

    Args:
        quotient: M/G.
        base_point: x, shape ``[..., *point_shape]``.

    Returns:
        H, horizontal, shape ``[..., *point_shape]``.

    Raises:
        ClaimError: when the group is not unimodular: the density of its orbit volume is then not the mean curvature's.
    """
    if not quotient.action.group.unimodular:
        raise ClaimError(
            f"{quotient.action.group!r} is not unimodular, so -grad log vol is not the mean curvature: "
            "use mean_curvature"
        )
    point = upcast(base_point)
    gradient = torch.func.grad(lambda y: quotient.log_orbit_volume(y).sum())(point)
    lifted = quotient.total_space.gradient(gradient, point)
    return -quotient.horizontal_projection(lifted, point).to(base_point.dtype)
