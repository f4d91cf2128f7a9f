"""Actions of direct products on one space."""

from __future__ import annotations

from typing import final

from torch import Tensor
from typing_extensions import override

from groups.action import GroupAction
from groups.product import DirectProduct


@final
class ProductAction(GroupAction):
    """G_1 x ... x G_k acting on one space through commuting actions, (g_1, ..., g_k) x = g_1 (g_2 (... x)).

    Args:
        actions: actions on the same points that commute with each other; otherwise this is not an action.
    """

    def __init__(self, *actions: GroupAction) -> None:
        self.actions = actions
        self._product = DirectProduct(*(action.group for action in actions))
        self.group = self._product
        self.isometric = all(action.isometric for action in actions)
        self.linear = all(action.linear for action in actions)
        self.point_ndim = actions[0].point_ndim

    @override
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        for action, part in reversed(list(zip(self.actions, self._product.split(g), strict=True))):
            x = action.act(part, x)
        return x

    @override
    def center(self, x: Tensor) -> Tensor:
        for action in reversed(self.actions):
            x = action.center(x)
        return x
