"""Routes to the mean curvature of orbits, independent of the default one, which they must equal."""

from __future__ import annotations

import torch
from torch import Tensor

from quotient.errors import ClaimError
from quotient.group_quotient import GroupQuotient
from quotient.submersion import RiemannianSubmersion, upcast


def mean_curvature_from_projector(submersion: RiemannianSubmersion, base_point: Tensor) -> Tensor:
    """H = P sum_j nabla_{V e_j} (V e_j) over a Parseval frame e_j of the tangent space, from the projector alone.

    Args:
        submersion: any.
        base_point: x, shape ``[..., *point_shape]``.

    Returns:
        H, horizontal, shape ``[..., *point_shape]``. Cost dim(M) differentiations of the projection.
    """
    space = submersion.total_space
    point = upcast(base_point)
    frame = space.parseval_frame(point)
    here = point.expand(frame.shape).contiguous()

    def field(moved: Tensor) -> Tensor:
        return submersion.vertical_projection(space.to_tangent(frame, moved), moved)

    total = space.covariant_derivative(field, field(here), here).sum(0)
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
