"""Permutations of particles."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups.action import GroupAction
from groups.finite import SymmetricGroup


@final
class PermutationAction(GroupAction):
    """S_n on clouds ``[..., n, d]``: the particle i goes to the place g[i]. Orbits are finite, H = 0 and P = 1.

    Args:
        n: number of particles.
    """

    linear = True
    point_ndim = 2

    def __init__(self, n: int) -> None:
        self._permutations = SymmetricGroup(n)
        self.group = self._permutations

    @override
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        source = self._permutations.inverse(g).unsqueeze(-1)
        batch = torch.broadcast_shapes(g.shape[:-1], x.shape[:-2])
        return x.expand(*batch, *x.shape[-2:]).gather(-2, source.expand(*batch, *x.shape[-2:]))
