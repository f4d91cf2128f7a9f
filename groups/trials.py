"""Draws on which laws are tried: generic and adversarial points, elements near and far from the identity."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from groups.group import Group
from groups.laws import MetricSpace


def _repeated(x: Tensor) -> Tensor:
    """Every coordinate along the last axis equal to the first."""
    return x[..., :1].expand_as(x)


def _integer(x: Tensor) -> Tensor:
    return torch.complex((2 * x.real).round(), (2 * x.imag).round()) if x.is_complex() else (2 * x).round()


#: How a generic point is spoilt. The first kind is left as it is.
SPOILERS: dict[str, Callable[[Tensor], Tensor]] = {
    "generic": lambda x: x,
    "tiny": lambda x: 1e-6 * x,
    "huge": lambda x: 1e6 * x,
    "far from the origin": lambda x: x + 100.0,
    "near repeated coordinates": lambda x: _repeated(x) + 1e-3 * x,
    "integer": _integer,
    "repeated coordinates": _repeated,
}


@final
@dataclass(frozen=True, eq=False)
class Trials:
    """Points with everything drawn beside them; T points, ``extra`` the batch shape of the space's own padding.

    Attributes:
        points: x, ``[T, *extra, *point_shape]``, double precision.
        others: generic points y, same shape.
        generic: which points are generic, boolean ``[T]``.
        vectors: two tangent vectors at x of about unit length, ``[2, T, *extra, *point_shape]``.
        elements: three group elements for each point, ``[3, T, 1..., *group.shape]``; empty without a group.
        coordinates: Lie algebra coordinates, ``[T, group dim]``.
    """

    points: Tensor
    others: Tensor
    generic: Tensor
    vectors: Tensor
    elements: Tensor
    coordinates: Tensor


def draw_points(space: MetricSpace, *, n: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """``n`` points of each kind on a flat space, generic ones alone on a curved one; and which are generic."""
    rank = len(space.shape)
    kinds = len(SPOILERS)
    generic = space.random_point((kinds * n,), generator)
    extra = space.to_tangent(generic[0], generic[0]).ndim - rank
    generic = generic.reshape(kinds * n, *(1,) * extra, *space.shape)
    if not space.flat:
        return generic.contiguous(), torch.ones(kinds * n, dtype=torch.bool)
    drawn = torch.cat([spoil(x) for spoil, x in zip(SPOILERS.values(), generic.split(n), strict=True)])
    return space.to_tangent(drawn, drawn).contiguous(), torch.arange(kinds * n) < n


def draw_elements(group: Group, count: int, *, generator: torch.Generator, like: Tensor) -> Tensor:
    """Group elements ``[count, *group.shape]``: random ones, and exponentials near and far from the identity."""
    if not group.dim:
        return group.random((count,), generator, like)
    c = torch.randn(count, group.dim, generator=generator, dtype=torch.float64)
    turn = torch.arange(count) % 4
    length = torch.tensor([1.0, 1e-3, 3.0, 0.0], dtype=torch.float64)[turn]
    random = group.random((count,), generator, like)
    exponentials = group.exp(length.unsqueeze(-1) * c).to(random)
    return torch.where((turn == 3).reshape(-1, *(1,) * len(group.shape)).to(random.device), random, exponentials)


def draw(space: MetricSpace, group: Group | None, *, seed: int, n: int, points: Tensor | None = None) -> Trials:
    """Draw trials; the same seed gives the same ones.

    Args:
        space: M.
        group: G, or None when no element is needed.
        seed: of every draw.
        n: points of each kind.
        points: use these points ``[T, ..., *space.shape]``, all counted as generic, in place of drawn ones.
    """
    generator = torch.Generator().manual_seed(seed)
    rank = len(space.shape)
    x, generic = draw_points(space, n=n, generator=generator)
    if points is not None:
        double = torch.complex128 if points.is_complex() else torch.float64
        x, generic = points.to(double).contiguous(), torch.ones(len(points), dtype=torch.bool)
    others = space.random_point((len(x),), generator).reshape(len(x), *(1,) * (x.ndim - 1 - rank), *space.shape)
    others = (space.to_tangent(others, others) if space.flat else others).expand_as(x).contiguous()
    noise = torch.randn(2, *x.shape, generator=generator, dtype=x.dtype)
    vectors = torch.stack([space.to_tangent(v, x) for v in noise])
    elements, coordinates = x.new_zeros(0), torch.zeros(len(x), 0, dtype=torch.float64)
    if group is not None:
        drawn = draw_elements(group, 3 * len(x), generator=generator, like=x)
        elements = drawn[torch.randperm(len(drawn), generator=generator)]
        elements = elements.reshape(3, len(x), *(1,) * (x.ndim - 1 - rank), *group.shape)
        coordinates = torch.randn(len(x), group.dim, generator=generator, dtype=torch.float64)
    return Trials(x, others, generic, vectors, elements, coordinates)
