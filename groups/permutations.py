"""Permutations of particles."""

from __future__ import annotations

from typing import final

import numpy as np
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

    @override
    def nearest_element(self, point: Tensor, base_point: Tensor) -> Tensor:
        """An optimal assignment of particles to places [Crouse2016], one after the other; identities where not finite.

        Cost O(n^3) for each item, on the CPU.
        """
        from scipy.optimize import linear_sum_assignment

        batch = torch.broadcast_shapes(point.shape[:-2], base_point.shape[:-2])
        gaps = (point.unsqueeze(-2) - base_point.unsqueeze(-3)).detach().abs().double().square().sum(-1)
        gaps = gaps.expand(*batch, *gaps.shape[-2:])
        finite = gaps.isfinite().flatten(-2).all(-1)[..., None, None]
        eye = torch.eye(gaps.shape[-1], dtype=gaps.dtype, device=gaps.device)
        costs = torch.where(finite, gaps, -eye).reshape(-1, *gaps.shape[-2:]).cpu().numpy()
        places = np.array([linear_sum_assignment(cost)[1] for cost in costs], dtype=np.int64)
        return torch.as_tensor(places, device=point.device).reshape(*batch, gaps.shape[-1])
