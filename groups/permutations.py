"""Permutations of particles."""

from __future__ import annotations

from typing import final

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from groups.action import GroupAction
from groups.finite import SymmetricGroup

_COMPARED = 5


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
        """An optimal assignment of particles to places; identities where the clouds are not finite.

        Up to five particles all orders are compared at once. Above, items are solved one after the other on the CPU
        [Crouse2016], at a cost O(n^3) each.
        """
        batch = torch.broadcast_shapes(point.shape[:-2], base_point.shape[:-2])
        gaps = (point.unsqueeze(-2) - base_point.unsqueeze(-3)).detach().abs().double().square().sum(-1)
        gaps = gaps.expand(*batch, *gaps.shape[-2:])
        finite = gaps.isfinite().flatten(-2).all(-1)[..., None, None]
        eye = torch.eye(gaps.shape[-1], dtype=gaps.dtype, device=gaps.device)
        costs = torch.where(finite, gaps, -eye)
        return self._best_order(costs) if gaps.shape[-1] <= _COMPARED else _assignments(costs)

    def _best_order(self, costs: Tensor) -> Tensor:
        orders = self._permutations.elements(costs)
        places = torch.arange(costs.shape[-1], device=costs.device)
        return orders[costs[..., places, orders].sum(-1).argmin(-1)]


def _assignments(costs: Tensor) -> Tensor:
    from scipy.optimize import linear_sum_assignment

    rows = costs.reshape(-1, *costs.shape[-2:]).cpu().numpy()
    places = np.array([linear_sum_assignment(cost)[1] for cost in rows], dtype=np.int64)
    return torch.as_tensor(places, device=costs.device).reshape(costs.shape[:-1])
