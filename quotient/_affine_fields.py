"""What a few values of the generators say about all of them, on a flat space.

Isometries of a connected flat space are affine maps, so the generators of an action by isometries are affine fields,
xi_a(x) = L_a x + c_a.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor

from quotient._certificate import certainly
from quotient._generic_direction import generic_pattern
from quotient._products import real_rows
from quotient._row_maps import RowMaps
from quotient.embedded import EmbeddedSpace
from quotient.total_space import TotalSpace

Fields = Callable[[Tensor], Tensor]

_WIDEST_ROW = 8
_AGREEMENT = 1e-12


@final
@dataclass(frozen=True, eq=False)
class AffineFields:
    """What is known of affine fields.

    Attributes:
        spread: |L_a d| for generic directions d of unit coordinates, ``[..., m]``, exactly zero for translations.
        maps: the one affine map of all rows, or None where the fields are of another kind.
        fixed: whether this is all there is to know: no derivative passes through the action, no transform is in force.
    """

    spread: Tensor
    maps: RowMaps | None
    fixed: bool


def read_fields(space: TotalSpace, fields: Fields, like: Tensor) -> AffineFields:
    """Read affine fields on a flat space off their values at a few pairs of opposite points d, -d.

    Args:
        space: flat M.
        fields: maps points ``[..., *point_shape]`` to vectors ``[..., m, *point_shape]``.
        like: a point, for its dtype and device.
    """
    rank, width = len(space.shape), space.shape[-1] * (2 if like.is_complex() else 1)
    rowwise = type(space).metric is EmbeddedSpace.metric and width <= _WIDEST_ROW
    # one equation for each row more than the unknowns of a map, and a pair on which the solution is tried
    count = 2 + width // math.prod(space.shape[:-1]) if rowwise else 1
    patterns = generic_pattern(space, like, count).reshape(count, *(1,) * len(space.batch_shape), *space.shape)
    probes = space.to_tangent(patterns.expand(count, *space.batch_shape, *space.shape), patterns)
    values = fields(torch.cat([probes, -probes]))
    odd = 0.5 * (values[:count] - values[count:])
    squares = space.metric(odd.detach(), odd.detach(), probes.unsqueeze(-rank - 1))
    fixed = not (values.requires_grad or is_functorch_wrapped_tensor(values))
    maps = _row_maps(space, probes, values, odd, width, center=fixed) if rowwise else None
    return AffineFields(squares.mean(0).clamp_min(0).sqrt(), maps, fixed)


def _row_maps(
    space: TotalSpace, probes: Tensor, values: Tensor, odd: Tensor, width: int, *, center: bool
) -> RowMaps | None:
    """The affine map of all rows, by least squares, if it reproduces the fields at every probe.

    The last probe is kept out of the solution: where rows depend on each other, or are padding, there may be fewer
    equations than unknowns, which any solution satisfies. The linear part of what is constant, and the constant part of
    what is linear, are exactly zero.
    """
    rank, count = len(space.shape), len(probes)

    def rows(array: Tensor) -> Tensor:
        return real_rows(array, rank).unflatten(-1, (-1, width))

    ones = rows(space.keep(torch.ones_like(probes[0])))[..., :1]
    known, turned = rows(probes[:-1]).flatten(0, -2), rows(odd[:-1]).movedim(-3, 0).flatten(1, -2)
    solved, failed = torch.linalg.solve_ex(known.mT @ known, known.mT @ turned)
    sums = rows(values).movedim(-3, 1).flatten(2, -2).sum(-2)
    shift = (sums[:count].sum(0) + sums[count:].sum(0)) / (2 * count * ones.sum())
    maps = RowMaps.of(torch.cat([solved.mT, shift.unsqueeze(-1)], -1), ones, space.shape, center=center)
    gap, size = (
        real_rows(array.detach(), rank).abs().movedim(-2, 0).flatten(1).amax(-1)
        for array in (maps.fields(probes) - values[:count], values[:count])
    )
    return maps if certainly((failed == 0) & (gap <= _AGREEMENT * size)) else None
