"""Finite groups: exact sums."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups import FiniteGroup, GroupAction
from quotient.orbit_posterior._arrays import orbit_points, widen
from quotient.orbit_posterior.base import ActionOrbitPosterior
from quotient.orbit_posterior.errors import OrbitPosteriorError

_LARGEST_ORDER = 50_000


def group_elements(action: GroupAction) -> Tensor:
    """All elements of the finite group of an action, shape ``[order, *group.shape]``.

    Raises:
        OrbitPosteriorError: when the group is not finite, or has more than 50000 elements.
    """
    group = action.group
    if not isinstance(group, FiniteGroup) or group.order > _LARGEST_ORDER:
        raise OrbitPosteriorError(
            f"{type(action).__name__}: sums need a finite group of at most {_LARGEST_ORDER} elements, got {group!r}: "
            "use SelfNormalizedSampling"
        )
    return group.elements(torch.zeros((), dtype=torch.float64))


@final
class FiniteOrbitPosterior(ActionOrbitPosterior):
    """The sum over all elements of a finite group, log Z = log mean_g exp<y, g x>. Differentiable to any order.

    Cost and memory O(order * point size) an item.

    Args:
        action: a linear action of a finite group of at most 50000 elements.

    Raises:
        OrbitPosteriorError: when the group is not finite, or larger.
    """

    def __init__(self, action: GroupAction) -> None:
        super().__init__(action)
        self._elements = group_elements(action)

    def _orbit(self, dual: Tensor, point: Tensor) -> tuple[Tensor, Tensor]:
        """All g x, stacked along a new first axis, and <y, g x>."""
        return orbit_points(self.action, self._elements.to(point.device), dual, point)

    @override
    def _log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        return torch.logsumexp(self._orbit(dual, point)[1], 0) - math.log(len(self._elements))

    @override
    def _mean(self, dual: Tensor, point: Tensor) -> Tensor:
        return self._both(dual, point)[1]

    @override
    def _both(self, dual: Tensor, point: Tensor) -> tuple[Tensor, Tensor]:
        moved, exponents = self._orbit(dual, point)
        shares = torch.softmax(exponents, 0)
        mean = (widen(shares, self.action.point_ndim) * moved).sum(0)
        return torch.logsumexp(exponents, 0) - math.log(len(self._elements)), mean

    @override
    def _scaled_log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        exponents = self._orbit(dual, point)[1]
        return torch.logsumexp(exponents - exponents.amax(0), 0) - math.log(len(self._elements))
