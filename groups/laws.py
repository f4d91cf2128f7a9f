"""Laws of groups and of their actions, as residuals: zero where a law holds, up to rounding.

Every function is pure and batched. Residuals are relative to a natural scale of the law and have the batch shape
``[...]`` of the points; group elements ``[..., *group.shape]`` broadcast against the points ``[..., *point_shape]``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from groups.action import GroupAction
from groups.autodiff import directional_derivative
from groups.group import Group
from groups.product import AbstractProduct
from groups.torus import Torus

#: Step of the five-point central differences: truncation and rounding are both below 1e-11.
_STEP = 3e-4


@runtime_checkable
class MetricSpace(Protocol):
    """What the laws need to know of a Riemannian manifold whose points are tensors ``[..., *shape]``."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one point."""
        ...

    @property
    def flat(self) -> bool:
        """Claim: an open set of a linear space with a constant metric."""
        ...

    def inner_product(self, first: Tensor, second: Tensor, base_point: Tensor) -> Tensor:
        """Real inner product of tangent vectors, shape ``[...]``."""
        ...

    def to_tangent(self, vector: Tensor, base_point: Tensor) -> Tensor:
        """Orthogonal projection of an ambient array on the tangent space."""
        ...

    def random_point(self, batch_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Random points in double precision, ``[*batch_shape, *shape]``."""
        ...


def array_norm(array: Tensor, axes: int) -> Tensor:
    """Euclidean norm of arrays over their last ``axes`` axes, safe at every magnitude."""
    if not (array.is_floating_point() or array.is_complex()):
        array = array.to(torch.float64)
    if not axes:
        return array.abs()
    return torch.linalg.vector_norm(array.flatten(-axes), dim=-1)


def relative(difference: Tensor, scale: Tensor) -> Tensor:
    """``difference / scale``, and 0 where both vanish."""
    return torch.where(difference == 0, torch.zeros_like(difference), difference / scale)


def element_difference(group: Group, first: Tensor, second: Tensor) -> Tensor:
    """``first - second`` as arrays, angles of tori taken in (-pi, pi]."""
    if isinstance(group, AbstractProduct):
        parts = zip(group.factors, group.split(first), group.split(second), strict=True)
        return group.join([element_difference(f, a, b) for f, a, b in parts])
    gap = first - second
    return torch.remainder(gap + math.pi, 2 * math.pi) - math.pi if isinstance(group, Torus) else gap


def element_gap(group: Group, first: Tensor, second: Tensor) -> Tensor:
    """Size of :func:`element_difference`, shape ``[...]``."""
    return array_norm(element_difference(group, first, second), len(group.shape))


def _derivative(path: Callable[[float], Tensor], difference: Callable[[Tensor, Tensor], Tensor] = torch.sub) -> Tensor:
    """Five-point central difference at 0."""
    near = difference(path(_STEP), path(-_STEP))
    far = difference(path(2 * _STEP), path(-2 * _STEP))
    return (8 * near - far) / (12 * _STEP)


def push_forward(action: GroupAction, g: Tensor, tangent_vec: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """The point g x and the vector d(g)_x v."""
    return directional_derivative(lambda y: action.act(g, y), x.contiguous(), tangent_vec.contiguous())


def compatibility(action: GroupAction, g: Tensor, h: Tensor, x: Tensor) -> Tensor:
    """|(g h) x - g (h x)| relative to the points met."""
    axes, group = action.point_ndim, action.group
    inner = action.act(h, x)
    outer = action.act(g, inner)
    size = array_norm(x, axes) * (1 + array_norm(g, len(group.shape)) * array_norm(h, len(group.shape)))
    scale = size + array_norm(inner, axes) + array_norm(outer, axes)
    return relative(array_norm(action.difference(action.act(group.compose(g, h), x), outer), axes), scale)


def identity_acts_trivially(action: GroupAction, x: Tensor) -> Tensor:
    """|e x - x| / |x|."""
    axes = action.point_ndim
    return relative(
        array_norm(action.difference(action.act(action.group.identity(x), x), x), axes), array_norm(x, axes)
    )


def inverse_undoes(action: GroupAction, g: Tensor, x: Tensor) -> Tensor:
    """|g^-1 (g x) - x| relative to the points met and to the condition of g."""
    axes, group = action.point_ndim, action.group
    moved, back = action.act(g, x), group.inverse(g)
    size = array_norm(x, axes) * (1 + array_norm(g, len(group.shape)) * array_norm(back, len(group.shape)))
    return relative(array_norm(action.difference(action.act(back, moved), x), axes), size + array_norm(moved, axes))


def isometry(action: GroupAction, space: MetricSpace, g: Tensor, x: Tensor, v: Tensor, w: Tensor) -> Tensor:
    """|<dg v, dg w>_gx - <v, w>_x| / (|v| |w| + |dg v| |dg w|)."""

    def product(first: Tensor, second: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
        lengths = space.inner_product(first, first, at) * space.inner_product(second, second, at)
        return space.inner_product(first, second, at), lengths.clamp_min(0).sqrt()

    moved, dv = push_forward(action, g, v, x)
    dw = push_forward(action, g, w, x)[1]
    here, size = product(v, w, x)
    there, other = product(dv, dw, moved)
    return relative((there - here).abs(), size + other)


def linearity(action: GroupAction, g: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """|g (a x + b y) - a g x - b g y| relative to its terms, for a = 1.3, b = -0.6."""
    axes = action.point_ndim
    first, second = 1.3 * action.act(g, x), -0.6 * action.act(g, y)
    whole = action.act(g, 1.3 * x - 0.6 * y)
    scale = array_norm(first, axes) + array_norm(second, axes) + array_norm(whole, axes)
    return relative(array_norm(whole - first - second, axes), scale)


def generators_are_derivatives(action: GroupAction, x: Tensor) -> Tensor:
    """Largest |xi_a(x) - d/dt|_0 exp(t e_a) x| / (|x| + |xi_a|), by central differences."""
    group, axes = action.group, action.point_ndim
    fields = action.infinitesimal(x)
    if not group.dim:
        return array_norm(torch.zeros_like(x), axes)
    basis = group.basis_like(x)
    sizes = array_norm(basis, len(group.shape)).clamp_min(1.0)
    lead = (1,) * (x.ndim - axes)

    def path(step: float) -> Tensor:
        elements = group.exp(torch.diag(step / sizes))
        return action.act(elements.reshape(group.dim, *lead, *group.shape), x)

    measured = _derivative(path, action.difference) * sizes.reshape(-1, *(1,) * x.ndim)
    scale = array_norm(x, axes) * sizes.reshape(-1, *lead) + array_norm(fields, axes)
    return relative(array_norm(fields - measured, axes), scale).amax(0)


def bracket_is_reversed(action: GroupAction, x: Tensor) -> Tensor:
    """Largest |[xi_a, xi_b] + c_abk xi_k| relative to the terms: a left action reverses brackets."""
    group, axes = action.group, action.point_ndim
    if group.dim < 1:
        return array_norm(torch.zeros_like(x), axes)
    fields = action.infinitesimal(x).contiguous()
    along = torch.func.vmap(lambda v: directional_derivative(action.infinitesimal, x, v)[1])(fields)
    expected = torch.einsum("abk,k...->ab...", group.structure_constants.to(fields), fields)
    gap = array_norm(along - along.transpose(0, 1) + expected, axes)
    terms = array_norm(along, axes) + array_norm(along.transpose(0, 1), axes) + array_norm(expected, axes)
    return relative(gap.amax((0, 1)), terms.amax((0, 1)) + array_norm(fields, axes).amax(0))


def _real_rows(action: GroupAction, x: Tensor) -> Tensor:
    """Generators as rows of real matrices, ``[..., group dim, real coordinates]``."""
    rows = action.generators(x).flatten(-action.point_ndim)
    return torch.view_as_real(rows).flatten(-2) if rows.is_complex() else rows


def orbit_dimension(action: GroupAction, x: Tensor, *, resolution: float = 1e-8) -> Tensor:
    """Rank of the generators at x, integer, shape ``[...]``; the stabiliser has dimension dim G minus this."""
    sizes = torch.linalg.svdvals(_real_rows(action, x))
    if not sizes.shape[-1]:
        return torch.zeros(sizes.shape[:-1], dtype=torch.int64, device=x.device)
    return (sizes > resolution * sizes[..., :1]).sum(-1)


def orbit_dimension_is_constant(action: GroupAction, g: Tensor, x: Tensor) -> Tensor:
    """Difference between the orbit dimensions at g x and at x."""
    gap = orbit_dimension(action, action.act(g, x).contiguous()) - orbit_dimension(action, x)
    return gap.abs().to(torch.float64)


def stabilizer_fixes(action: GroupAction, x: Tensor) -> Tensor:
    """Largest |exp(c) x - x| / |x| over unit c in the kernel of the generators at x."""
    group, axes = action.group, action.point_ndim
    if not group.dim:
        return array_norm(torch.zeros_like(x), axes)
    left, sizes, _ = torch.linalg.svd(_real_rows(action, x), full_matrices=True)
    full = torch.zeros(*left.shape[:-1], dtype=sizes.dtype, device=sizes.device)
    full[..., : sizes.shape[-1]] = sizes
    null = full <= 1e-11 * full[..., :1]
    directions = (left * null.unsqueeze(-2)).mT.movedim(-2, 0)
    moved = action.act(group.exp(directions), x)
    return relative(array_norm(moved - x, axes), array_norm(x, axes)).amax(0)


def associativity(group: Group, g: Tensor, h: Tensor, k: Tensor) -> Tensor:
    """|(g h) k - g (h k)| relative to the elements."""
    axes = len(group.shape)
    left, right = group.compose(group.compose(g, h), k), group.compose(g, group.compose(h, k))
    sizes = (1 + array_norm(g, axes)) * (1 + array_norm(h, axes)) * (1 + array_norm(k, axes))
    return element_gap(group, left, right) / sizes


def unit_element(group: Group, g: Tensor) -> Tensor:
    """Largest of |e g - g| and |g e - g| relative to |g|."""
    axes, unit = len(group.shape), group.identity(g)
    gap = torch.maximum(element_gap(group, group.compose(unit, g), g), element_gap(group, group.compose(g, unit), g))
    return relative(gap, array_norm(g, axes))


def inverse_element(group: Group, g: Tensor) -> Tensor:
    """Largest of |g g^-1 - e| and |g^-1 g - e| relative to (1 + |g|) (1 + |g^-1|)."""
    axes, unit, back = len(group.shape), group.identity(g), group.inverse(g)
    gap = torch.maximum(
        element_gap(group, group.compose(g, back), unit), element_gap(group, group.compose(back, g), unit)
    )
    return gap / ((1 + array_norm(g, axes)) * (1 + array_norm(back, axes)))


def one_parameter(group: Group, c: Tensor) -> Tensor:
    """|exp(0.7 c) exp(-0.4 c) - exp(0.3 c)| relative to the factors, for coordinates c ``[..., dim]``."""
    axes = len(group.shape)
    first, second = group.exp(0.7 * c), group.exp(-0.4 * c)
    gap = element_gap(group, group.compose(first, second), group.exp(0.3 * c))
    return gap / ((1 + array_norm(first, axes)) * (1 + array_norm(second, axes)))


def exponential_follows_basis(group: Group) -> Tensor:
    """|d/dt|_0 exp(t e_a) - e_a| / |e_a| and the error of the coordinates of e_a, shape ``[dim]``."""
    axes = len(group.shape)
    sizes = array_norm(group.basis, axes)
    steps = torch.eye(group.dim, dtype=torch.float64) / sizes.clamp_min(1.0)
    slopes = _derivative(lambda step: group.exp(step * steps), lambda a, b: element_difference(group, a, b))
    measured = slopes.reshape(group.basis.shape) * sizes.clamp_min(1.0).reshape(-1, *(1,) * axes)
    gap = relative(array_norm(measured - group.basis, axes), sizes)
    coordinates = group.coordinates(group.basis) - torch.eye(group.dim, dtype=torch.float64)
    return torch.maximum(gap, coordinates.abs().amax(-1))


def adjoint(group: Group, g: Tensor) -> Tensor:
    """Ad(g) in the basis, column b holding g e_b g^-1, shape ``[..., dim, dim]``."""
    back = group.inverse(g)
    unit = group.identity(g)

    def conjugate(direction: Tensor) -> Tensor:
        return directional_derivative(lambda y: group.compose(group.compose(g, y), back), unit, direction)[1]

    turned = torch.func.vmap(conjugate)(group.basis_like(g).contiguous())
    return group.coordinates(turned).movedim(0, -1)


def bracket_follows_product(group: Group) -> Tensor:
    """Largest |d/ds|_0 Ad(exp(s e_a)) e_b - [e_a, e_b]| relative to the structure constants, shape ``[dim]``."""
    sizes = array_norm(group.basis, len(group.shape)).clamp_min(1.0)
    steps = torch.diag(1 / sizes)
    measured = _derivative(lambda step: adjoint(group, group.exp(step * steps))) * sizes[:, None, None]
    constants = group.structure_constants.to(measured)
    return (measured.mT - constants).abs().amax((-2, -1)) / (1 + constants.abs().max())


def modular_trace(group: Group) -> Tensor:
    """|tr ad(e_a)| relative to the structure constants, shape ``[dim]``: zero for a unimodular group."""
    constants = group.structure_constants
    return torch.einsum("abb->a", constants).abs() / constants.abs().max().clamp_min(1.0)


def modular_function(group: Group, g: Tensor) -> Tensor:
    """|log |det Ad(g)||, shape ``[...]``: zero for a unimodular group."""
    return torch.linalg.slogdet(adjoint(group, g)).logabsdet.abs()
