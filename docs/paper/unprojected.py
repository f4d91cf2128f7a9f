"""The quotient by nothing: with it, every sampler of the library is the ordinary one on M."""

from __future__ import annotations

from typing import final

from torch import Tensor
from typing_extensions import override

from groups import CyclicGroup, GroupAction
from quotient import GroupQuotient, TotalSpace


@final
class _Standing(GroupAction):
    """The group of one element."""

    group = CyclicGroup(1)
    linear = True

    @override
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return x


def undivided(space: TotalSpace) -> GroupQuotient:
    """M itself as a quotient: P = 1 and H = 0."""
    return GroupQuotient(space, _Standing())
