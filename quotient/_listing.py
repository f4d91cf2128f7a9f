"""Alignment along the orbits of finite groups, by going through their elements."""

from __future__ import annotations

from typing import Final

from torch import Tensor

from groups import FiniteGroup, GroupAction
from quotient.total_space import TotalSpace

#: Groups of at most this order are listed: all of S_7.
LARGEST_LISTED: Final = 5040
_AT_ONCE: Final = 64


def nearest_by_listing(space: TotalSpace, action: GroupAction, point: Tensor, base_point: Tensor) -> Tensor | None:
    """The element that moves ``point`` nearest to ``base_point``; None for groups that are infinite or too large.

    Args:
        space: M with a logarithm.
        action: the action.
        point: shape ``[..., *point_shape]``.
        base_point: same shape.

    Returns:
        Elements, shape ``[..., *group_shape]``. Cost: one distance for each element and item.
    """
    group = action.group
    if not isinstance(group, FiniteGroup) or group.order > LARGEST_LISTED:
        return None
    batch = point.ndim - len(space.shape)
    best, lowest = None, None
    for some in group.elements(point).split(_AT_ONCE):
        placed = some.reshape(len(some), *(1,) * batch, *group.shape)
        moved = action.act(placed, point.unsqueeze(0))
        gap = space.log(base_point.unsqueeze(0).expand_as(moved), moved)
        size, place = space.inner_product(gap, gap, moved).nan_to_num(nan=float("inf")).min(0)
        if best is None or lowest is None:
            best, lowest = some[place], size
        else:
            lower = size < lowest
            best = some[place].where(lower.reshape(lower.shape + (1,) * len(group.shape)), best)
            lowest = size.where(lower, lowest)
    return best
