"""O'Neill's tensors of a submersion and the curvature of its base, from the projection alone.

Everything is a horizontal or vertical part of the Levi-Civita derivative of fields X_y = P_y u, V_y u, in which a
vector u is held constant as an array: the tensors do not depend on how vectors are extended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from quotient.submersion import RiemannianSubmersion, upcast


def _horizontal_derivative(submersion: RiemannianSubmersion, vector: Tensor, along: Tensor, x: Tensor) -> Tensor:
    """Derivative nabla_w (y -> P_y u) at x."""

    def field(y: Tensor) -> Tensor:
        return submersion.horizontal_projection(vector.expand_as(y), y)

    return submersion.total_space.covariant_derivative(field, along, x)


def _vertical_derivative(submersion: RiemannianSubmersion, vector: Tensor, along: Tensor, x: Tensor) -> Tensor:
    """Derivative nabla_w (y -> V_y u) at x."""

    def field(y: Tensor) -> Tensor:
        return submersion.vertical_projection(submersion.total_space.to_tangent(vector.expand_as(y), y), y)

    return submersion.total_space.covariant_derivative(field, along, x)


def _arguments(first: Tensor, second: Tensor, base_point: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    u, v, x = torch.broadcast_tensors(upcast(first), upcast(second), upcast(base_point))
    return u.contiguous(), v.contiguous(), x.contiguous()


def integrability_tensor(submersion: RiemannianSubmersion, first: Tensor, second: Tensor, base_point: Tensor) -> Tensor:
    """A_u v = V nabla_{Pu} (P v) + P nabla_{Pu} (V v) [ONeill1966].

    For horizontal u and v it is half the vertical part of the bracket of their horizontal extensions: zero when the
    horizontal spaces are tangent to submanifolds. Skew: <A_u v, w> = -<v, A_u w>.

    Args:
        submersion: pi: M -> Q.
        first: u, tangent vector ``[..., *point_shape]``.
        second: v, same.
        base_point: x.

    Returns:
        A_u v, shape ``[..., *point_shape]``, dtype of the point. Cost two differentiations of the projection.
    """
    u, v, x = _arguments(first, second, base_point)
    along = submersion.horizontal_projection(u, x)
    mixed = submersion.vertical_projection(
        _horizontal_derivative(submersion, v, along, x), x
    ) + submersion.horizontal_projection(_vertical_derivative(submersion, v, along, x), x)
    return mixed.to(base_point.dtype)


def fiber_tensor(submersion: RiemannianSubmersion, first: Tensor, second: Tensor, base_point: Tensor) -> Tensor:
    """T_u v = P nabla_{Vu} (V v) + V nabla_{Vu} (P v) [ONeill1966].

    For vertical u and v it is the second fundamental form of the fibre, and H is its trace.

    Args:
        submersion: pi: M -> Q.
        first: u, tangent vector ``[..., *point_shape]``.
        second: v, same.
        base_point: x.

    Returns:
        T_u v, shape ``[..., *point_shape]``, dtype of the point. Cost two differentiations of the projection.
    """
    u, v, x = _arguments(first, second, base_point)
    along = submersion.vertical_projection(submersion.total_space.to_tangent(u, x), x)
    mixed = submersion.horizontal_projection(
        _vertical_derivative(submersion, v, along, x), x
    ) + submersion.vertical_projection(_horizontal_derivative(submersion, v, along, x), x)
    return mixed.to(base_point.dtype)


def second_fundamental_form(
    submersion: RiemannianSubmersion, first: Tensor, second: Tensor, base_point: Tensor
) -> Tensor:
    """Second fundamental form of the fibre, II(u, v) = P nabla_{Vu} (V v), horizontal and symmetric.

    Args:
        submersion: pi: M -> Q.
        first: u, of which the vertical part is taken, ``[..., *point_shape]``.
        second: v, same.
        base_point: x.

    Returns:
        II(u, v), shape ``[..., *point_shape]``. Cost one differentiation of the projection.
    """
    u, v, x = _arguments(first, second, base_point)
    along = submersion.vertical_projection(submersion.total_space.to_tangent(u, x), x)
    bent = submersion.horizontal_projection(_vertical_derivative(submersion, v, along, x), x)
    return bent.to(base_point.dtype)


def quotient_sectional_curvature(
    submersion: RiemannianSubmersion, first: Tensor, second: Tensor, base_point: Tensor
) -> Tensor:
    """Sectional curvature of Q by O'Neill's formula [ONeill1966].

        K_Q(u, v) = (<R(u, v) v, u> + 3 |A_u v|^2) / (|u|^2 |v|^2 - <u, v>^2)

    Args:
        submersion: pi: M -> Q.
        first: u, of which the horizontal part is taken, ``[..., *point_shape]``.
        second: v, same.
        base_point: x.

    Returns:
        Curvature of the plane spanned by d pi(u) and d pi(v), shape ``[...]``; NaN where they are parallel.
    """
    space = submersion.total_space
    u, v, x = _arguments(first, second, base_point)
    u, v = (submersion.horizontal_projection(vector, x) for vector in (u, v))
    twist = integrability_tensor(submersion, u, v, x)
    above = space.inner_product(space.curvature(u, v, v, x), u, x)
    curvature = (above + 3 * space.inner_product(twist, twist, x)) / space.squared_area(u, v, x)
    return curvature.to(base_point.real.dtype if base_point.is_complex() else base_point.dtype)


@final
@dataclass(frozen=True)
class FiberGeometry:
    """How fibres lie in M.

    Attributes:
        bending: Hilbert-Schmidt norm of the second fundamental form, shape ``[...]``.
        mean_curvature: |H|, shape ``[...]``.
        twisting: Hilbert-Schmidt norm of A on horizontal vectors, shape ``[...]``.
        totally_geodesic: fibres contain the geodesics of M tangent to them, bending below ``atol``, boolean ``[...]``.
        minimal: H vanishes, so both Brownian motions of Q are the same, boolean ``[...]``.
        integrable: horizontal spaces are tangent to submanifolds (a polar action), boolean ``[...]``.
    """

    bending: Tensor
    mean_curvature: Tensor
    twisting: Tensor
    totally_geodesic: Tensor
    minimal: Tensor
    integrable: Tensor


def fiber_geometry(submersion: RiemannianSubmersion, base_point: Tensor, *, atol: float = 1e-8) -> FiberGeometry:
    """Second fundamental form, mean curvature and integrability tensor of the fibres through given points.

    Args:
        submersion: pi: M -> Q.
        base_point: x, shape ``[..., *point_shape]``.
        atol: below which a norm counts as zero, in inverse units of length.

    Returns:
        Norms and what they say. Cost dim(M) differentiations of the projection.
    """
    space = submersion.total_space
    x = upcast(base_point)
    frame = space.parseval_frame(x).contiguous()
    bending, twisting = torch.zeros_like(space.norm(x, x)), torch.zeros_like(space.norm(x, x))
    for u in frame.unbind(0):
        pairs = (second_fundamental_form(submersion, u, frame, x), integrability_tensor(submersion, u, frame, x))
        bent, twist = (space.inner_product(pair, pair, x).sum(0) for pair in pairs)
        # A_u v for horizontal v has the norm of A_u v for vertical v
        bending, twisting = bending + bent, twisting + 0.5 * twist
    curvature = submersion.mean_curvature(x)
    size = space.norm(curvature, x)
    bending, twisting = bending.sqrt(), twisting.sqrt()
    return FiberGeometry(bending, size, twisting, bending <= atol, size <= atol, twisting <= atol)
