"""Laws of submersions and quotients, as residuals: zero where a law holds, up to rounding.

Every function is pure and batched. Residuals are relative to a natural scale of the law and have the batch shape
``[...]`` of the points ``[..., *point_shape]``; :class:`Vertical` carries the condition number that bounds rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from groups import GroupAction, directional_derivative
from groups.laws import array_norm, push_forward, relative
from quotient._frame import Frame, orthonormal_frame, project
from quotient._generic_direction import rounding_noise
from quotient._products import inner_at
from quotient.map_submersion import MapSubmersion
from quotient.orbit_space import OrbitSpace
from quotient.submersion import RiemannianSubmersion


@final
@dataclass(frozen=True, eq=False)
class Vertical:
    """The tangent spaces of orbits, built from the generators alone: the independent route to every projection.

    Attributes:
        frame: orthonormal, of the generators divided by ``units``.
        units: size of each generator, or of its rounding noise where that is larger, ``[..., m]``.
        condition: how much rounding of the point moves the tangent space, at least 1, shape ``[...]``.
    """

    frame: Frame
    units: Tensor
    condition: Tensor


def vertical_space(quotient: OrbitSpace, x: Tensor) -> Vertical:
    """Orthonormal frame and condition number of the span of the generators, for double precision points."""
    space = quotient.total_space
    inner = inner_at(quotient.total_space, x)
    fields, noise = rounding_noise(space, quotient.generators, x)
    units = torch.maximum(noise, inner(fields, fields).clamp_min(0).sqrt())
    units = torch.where(units > 0, units, torch.ones_like(units))
    scaled = fields / units.reshape(units.shape + (1,) * len(space.shape))
    frame = orthonormal_frame(scaled, inner, noise / units, torch.finfo(torch.float64).eps)
    smallest = torch.where(frame.kept, frame.log_residuals, torch.zeros_like(frame.log_residuals))
    smallest = smallest.amin(-1) if smallest.shape[-1] else smallest.sum(-1)
    return Vertical(frame, units, (-smallest).exp())


def idempotence(submersion: RiemannianSubmersion, x: Tensor, v: Tensor) -> Tensor:
    """|P P v - P v| / |v|."""
    norm = submersion.total_space.norm
    once = submersion.horizontal_projection(v, x)
    return relative(norm(submersion.horizontal_projection(once, x) - once, x), norm(v, x))


def self_adjointness(submersion: RiemannianSubmersion, x: Tensor, v: Tensor, w: Tensor) -> Tensor:
    """|<P v, w> - <v, P w>| / (|v| |w|)."""
    space = submersion.total_space
    left = space.inner_product(submersion.horizontal_projection(v, x), w, x)
    right = space.inner_product(v, submersion.horizontal_projection(w, x), x)
    return relative((left - right).abs(), space.norm(v, x) * space.norm(w, x))


def projections_split(submersion: RiemannianSubmersion, x: Tensor, v: Tensor) -> Tensor:
    """|V v + P v - v| / |v|."""
    norm = submersion.total_space.norm
    rest = submersion.vertical_projection(v, x) + submersion.horizontal_projection(v, x) - v
    return relative(norm(rest, x), norm(v, x))


def generators_are_vertical(quotient: OrbitSpace, vertical: Vertical, x: Tensor) -> Tensor:
    """Largest |P xi_a| relative to xi_a or to its rounding noise: P removes every orbit direction."""
    fields = quotient.generators(x)
    if not fields.shape[x.ndim - len(quotient.total_space.shape)]:
        return torch.zeros_like(vertical.condition)
    killed = torch.stack(
        [quotient.horizontal_projection(xi, x) for xi in fields.unbind(-len(quotient.total_space.shape) - 1)],
        -len(quotient.total_space.shape) - 1,
    )
    inner = inner_at(quotient.total_space, x)
    return (inner(killed, killed).clamp_min(0).sqrt() / vertical.units).amax(-1)


def vertical_is_spanned(quotient: OrbitSpace, vertical: Vertical, x: Tensor, v: Tensor) -> Tensor:
    """|V v - its projection on the span of the generators| / |v|: P removes nothing but orbit directions."""
    norm = quotient.total_space.norm
    part = quotient.vertical_projection(v, x)
    return relative(norm(part - project(vertical.frame, part, inner_at(quotient.total_space, x)), x), norm(v, x))


def gram_is_of_generators(quotient: OrbitSpace, x: Tensor) -> Tensor:
    """Largest |K_ab - <xi_a, xi_b>| / max |K|."""
    fields = quotient.generators(x)
    inner = inner_at(quotient.total_space, x)
    axis = -len(quotient.total_space.shape) - 1
    rows = [inner(fields, xi.unsqueeze(axis)) for xi in fields.unbind(axis)]
    if not rows:
        return array_norm(quotient.gram(x), 2)
    expected = torch.stack(rows, -2)
    return relative((quotient.gram(x) - expected).abs().amax((-2, -1)), expected.abs().amax((-2, -1)))


def generators_follow_action(quotient: OrbitSpace, action: GroupAction, vertical: Vertical, x: Tensor) -> Tensor:
    """Largest difference between the generators of the quotient and those of the action, relative to their size."""
    gap = quotient.generators(x) - action.generators(x)
    if not vertical.units.shape[-1]:
        return torch.zeros_like(vertical.condition)
    return (inner_at(quotient.total_space, x)(gap, gap).clamp_min(0).sqrt() / vertical.units).amax(-1)


def projection_is_equivariant(quotient: OrbitSpace, action: GroupAction, g: Tensor, x: Tensor, v: Tensor) -> Tensor:
    """|P_gx dg v - dg P_x v| / |v|."""
    space = quotient.total_space
    moved, dv = push_forward(action, g, v, x)
    turned = push_forward(action, g, quotient.horizontal_projection(v, x), x)[1]
    gap = quotient.horizontal_projection(dv, moved.contiguous()) - turned
    return relative(space.norm(gap, moved), space.norm(v, x))


def _extended_frame(quotient: OrbitSpace, vertical: Vertical, i: int, axis: int) -> Callable[[Tensor], Tensor]:
    """The field eta_i = sum_a T_ia xi_a with T constant, equal to u_i at the point of the frame."""
    row = (vertical.frame.coefficients / vertical.units.unsqueeze(-2))[..., i, :]

    def field(moved: Tensor) -> Tensor:
        rows = quotient.generators(moved).flatten(axis + 1)
        return torch.einsum("...a,...ap->...p", row.to(moved.dtype), rows).reshape(moved.shape)

    return field


def second_fundamental_terms(quotient: OrbitSpace, vertical: Vertical, x: Tensor) -> Tensor:
    """nabla_{u_i} eta_i, eta_i = sum_a T_ia xi_a with T constant, ``[..., m, *point_shape]``; H = P of their sum."""
    space, axis = quotient.total_space, x.ndim - len(quotient.total_space.shape)
    terms = [torch.zeros_like(x)]
    for i in range(vertical.units.shape[-1]):
        field = _extended_frame(quotient, vertical, i, axis)
        terms.append(space.covariant_derivative(field, vertical.frame.vectors.select(axis, i).contiguous(), x))
    return torch.stack(terms, axis)


def curvature_scale(quotient: OrbitSpace, vertical: Vertical, x: Tensor) -> Tensor:
    """The natural scale of H, which may vanish by cancellation or because orbits are geodesic, shape ``[...]``.

    That is sum_i |nabla_{u_i} eta_i| + |D_{u_i} eta_i| / |u_i| + |D_w eta_i|, the last two in the norm of arrays, with
    white noise w: on a sphere the second is one over the radius. The third is the size of the whole derivative of the
    fields, whose rounding enters H also where it vanishes along the orbit, as near the axis of a screw motion.
    """
    rank = len(quotient.total_space.shape)
    axis = x.ndim - rank
    terms = second_fundamental_terms(quotient, vertical, x)
    scale = inner_at(quotient.total_space, x)(terms, terms).clamp_min(0).sqrt().sum(-1)
    normal = torch.randn(x.shape, generator=torch.Generator().manual_seed(0), dtype=x.dtype).to(x.device)
    noise = quotient.total_space.white_noise(normal, x).contiguous()
    for i in range(vertical.units.shape[-1]):
        u = vertical.frame.vectors.select(axis, i).contiguous()
        field = _extended_frame(quotient, vertical, i, axis)
        scale = scale + relative(array_norm(directional_derivative(field, x, u)[1], rank), array_norm(u, rank))
        scale = scale + array_norm(directional_derivative(field, x, noise)[1], rank)
    return scale


def mean_curvature_from_terms(quotient: OrbitSpace, vertical: Vertical, x: Tensor) -> Tensor:
    """H as the horizontal part of the trace of the second fundamental form, from the generators alone."""
    total = second_fundamental_terms(quotient, vertical, x).sum(-len(quotient.total_space.shape) - 1)
    return total - project(vertical.frame, total, inner_at(quotient.total_space, x))


def mean_curvature_from_volume(quotient: OrbitSpace, vertical: Vertical, x: Tensor) -> Tensor:
    """-(grad log vol)^hor, which is H for a unimodular group on the regular stratum."""
    gradient = torch.func.grad(lambda y: quotient.log_orbit_volume(y).sum())(x)
    lifted = quotient.total_space.gradient(gradient, x)
    return -(lifted - project(vertical.frame, lifted, inner_at(quotient.total_space, x)))


def curvature_gap(quotient: OrbitSpace, other: Tensor, scale: Tensor, x: Tensor) -> Tensor:
    """|H - other| relative to :func:`curvature_scale`."""
    return relative(quotient.total_space.norm(quotient.mean_curvature(x) - other, x), scale)


def curvature_is_horizontal(quotient: OrbitSpace, vertical: Vertical, scale: Tensor, x: Tensor) -> Tensor:
    """Size of the part of H in the span of the generators, relative to :func:`curvature_scale`."""
    part = project(vertical.frame, quotient.mean_curvature(x), inner_at(quotient.total_space, x))
    return relative(quotient.total_space.norm(part, x), scale)


def curvature_is_equivariant(quotient: OrbitSpace, action: GroupAction, scale: Tensor, g: Tensor, x: Tensor) -> Tensor:
    """|H(gx) - dg H(x)| relative to :func:`curvature_scale`, so that d pi(H) is constant along orbits."""
    moved, turned = push_forward(action, g, quotient.mean_curvature(x), x)
    gap = quotient.mean_curvature(moved.contiguous()) - turned
    return relative(quotient.total_space.norm(gap, moved), scale)


def volume_is_invariant(quotient: OrbitSpace, action: GroupAction, g: Tensor, x: Tensor) -> Tensor:
    """|log vol(G gx) - log vol(G x)|, absolute: logarithms have a scale of their own."""
    return (quotient.log_orbit_volume(action.act(g, x).contiguous()) - quotient.log_orbit_volume(x)).abs()


def trace_identity(submersion: RiemannianSubmersion, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """|tr_V Hess f + <H, grad f>| relative to its terms, for an invariant f.

    tr_V Hess f = sum_j W_j W_j f - (nabla_{W_j} W_j) f with the fields W_j = V e_j of a Parseval frame e_j.

    Args:
        submersion: pi: M -> Q.
        function: f, batched, ``[..., *point_shape]`` to ``[..., *any]``; the worst component counts.
        x: points.

    Returns:
        Residuals ``[...]``. Cost one second derivative for each vector of the frame.
    """
    space = submersion.total_space
    frame = space.parseval_frame(x)
    here = x.expand(frame.shape).contiguous()

    def field(y: Tensor) -> Tensor:
        return submersion.vertical_projection(space.to_tangent(frame, y), y)

    along = field(here)
    twice = directional_derivative(lambda y: directional_derivative(function, y, field(y))[1], here, along)[1]
    bent = directional_derivative(function, here, space.covariant_derivative(field, along, here))[1]
    # W_j f vanishes for an invariant f: the scale is what the second derivatives of arrays are made of
    raw = directional_derivative(function, here, directional_derivative(field, here, along)[1])[1]
    drift = directional_derivative(function, x, submersion.mean_curvature(x).contiguous())[1]
    batch = x.shape[: x.ndim - len(space.shape)]
    gap = ((twice - bent).sum(0) + drift).abs().reshape(*batch, -1).amax(-1)
    size = (twice.abs() + bent.abs() + raw.abs()).sum(0) + drift.abs()
    return relative(gap, size.reshape(*batch, -1).amax(-1))


def function_is_invariant(action: GroupAction, function: Callable[[Tensor], Tensor], g: Tensor, x: Tensor) -> Tensor:
    """|f(gx) - f(x)| relative to |f|."""
    here, there = function(x), function(action.act(g, x).contiguous())
    batch = x.shape[: x.ndim - action.point_ndim]
    gap, size = (a.abs().reshape(*batch, -1).amax(-1) for a in (there - here, here))
    return relative(gap, size)


def stretch(submersion: MapSubmersion, x: Tensor) -> Tensor:
    """Largest |d pi(u)| over an orthonormal frame of the horizontal space, shape ``[...]``."""
    frame = submersion.horizontal_frame(x).vectors.unbind(x.ndim - len(submersion.total_space.shape))
    rank = len(submersion.base_space.shape)
    return torch.stack([array_norm(submersion.tangent_map(u.contiguous(), x), rank) for u in frame]).amax(0)


def differential_kills_vertical(submersion: MapSubmersion, x: Tensor, v: Tensor) -> Tensor:
    """|d pi(V v)| / (|d pi| |v|)."""
    killed = submersion.tangent_map(submersion.vertical_projection(v, x).contiguous(), x)
    scale = stretch(submersion, x) * submersion.total_space.norm(v, x)
    return relative(array_norm(killed, len(submersion.base_space.shape)), scale)


def projected_drift_varies(submersion: MapSubmersion, x: Tensor, v: Tensor) -> Tensor:
    """|D_u (d pi H)| relative to |d pi H| + |d pi| / |x| over the length of a step, u vertical of unit length.

    Zero when d pi(H) is constant along fibres, that is when pi of Brownian motion is a Markov process. By five-point
    differences with a step of a thousandth of the size of the point or of the radius of curvature of the fibre.
    """
    space, rank = submersion.total_space, len(submersion.base_space.shape)
    axes = (1,) * len(space.shape)
    direction = submersion.vertical_projection(v, x)
    length = space.norm(direction, x)
    unit = direction / torch.where(length > 0, length, torch.ones_like(length)).reshape(length.shape + axes)
    size = 1 / array_norm(x, len(space.shape))
    step = 1e-3 / torch.maximum(space.norm(submersion.mean_curvature(x), x), size)

    def drift(multiple: float) -> Tensor:
        moved = space.exp((multiple * step).reshape(step.shape + axes) * unit, x).contiguous()
        return submersion.tangent_map(submersion.mean_curvature(moved).contiguous(), moved)

    slope = (8 * (drift(1.0) - drift(-1.0)) - (drift(2.0) - drift(-2.0))) / 12
    scale = array_norm(drift(0.0), rank) + stretch(submersion, x) * size
    return 1e3 * relative(array_norm(slope, rank), scale)
