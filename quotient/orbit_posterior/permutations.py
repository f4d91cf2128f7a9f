"""Like particles: permanents."""

from __future__ import annotations

import math
from typing import final

from torch import Tensor
from typing_extensions import override

from groups import PermutationAction
from quotient.orbit_posterior.base import ActionOrbitPosterior
from quotient.orbit_posterior.errors import OrbitPosteriorError
from quotient.orbit_posterior.permanents import assignment_marginals, best_sum, log_permanent

_MOST_PARTICLES = 14


def _overlaps(dual: Tensor, point: Tensor) -> Tensor:
    """L_ij = <y_i, x_j>, shape ``[..., n, n]``."""
    products = dual.conj() @ point.mT
    return products.real if products.is_complex() else products


@final
class PermutationOrbitPosterior(ActionOrbitPosterior):
    """S_n on clouds of like particles: <y, g x> = sum_j L_{g(j) j} with L_ij = <y_i, x_j>.

        log Z = log permanent(exp L) - log n!,    mean_i = sum_j P_ij x_j,   P_ij = d log permanent / d L_ij

    Exact; differentiable to any order. Cost and memory O(n 2^n) an item.

    Args:
        action: permutations of at most 14 particles.

    Raises:
        OrbitPosteriorError: for more particles.
    """

    def __init__(self, action: PermutationAction) -> None:
        super().__init__(action)
        self._size = action.group.shape[0]
        if self._size > _MOST_PARTICLES:
            raise OrbitPosteriorError(
                f"exact sums over permutations take at most {_MOST_PARTICLES} particles, got {self._size}: use "
                "SwapMetropolis"
            )

    @override
    def _log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        return log_permanent(_overlaps(dual, point)) - math.lgamma(self._size + 1)

    @override
    def _mean(self, dual: Tensor, point: Tensor) -> Tensor:
        return assignment_marginals(_overlaps(dual, point))[1].to(point.dtype) @ point

    @override
    def _scaled_log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        logits = _overlaps(dual, point)
        largest = best_sum(logits)
        return log_permanent(logits - largest[..., None, None] / self._size) - math.lgamma(self._size + 1)
