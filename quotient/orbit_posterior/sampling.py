"""Any compact group: self-normalised sampling from the Haar measure."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups import GroupAction
from quotient.orbit_posterior._arrays import orbit_points, prepare, result_dtype, widen
from quotient.orbit_posterior.base import OrbitEstimate, OrbitPosterior
from quotient.orbit_posterior.errors import OrbitPosteriorError


@final
class SelfNormalizedSampling(OrbitPosterior):
    """Averages over Haar distributed elements weighed by exp<y, g x>.

        log Z ~ log mean_k w_k,    mean ~ sum_k p_k g_k x,    p_k = w_k / sum_l w_l

    The standard errors are those of the delta method, (sum_k p_k^2 - 1 / n)^(1/2) and
    (sum_k p_k^2 |g_k x - mean|^2)^(1/2); they can be trusted while the effective sample size 1 / sum_k p_k^2 is large,
    and the bias is of the order of its inverse. Every call draws anew; one draw serves the whole batch. Differentiable
    to any order for the elements drawn.

    Args:
        action: a linear action of a compact group.
        samples: number of elements n.
        generator: source of randomness.

    Raises:
        OrbitPosteriorError: when the group is not compact.
    """

    def __init__(self, action: GroupAction, samples: int, generator: torch.Generator) -> None:
        if not action.group.compact:
            raise OrbitPosteriorError(
                f"{action.group!r} is not compact and has no Haar probability: sample a compact subgroup on a slice"
            )
        self.action = action
        self.samples = samples
        self.generator = generator

    @override
    def log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        return self.estimate(dual, point).log_normalizer

    @override
    def mean(self, dual: Tensor, point: Tensor) -> Tensor:
        return self.estimate(dual, point).mean

    @override
    def estimate(self, dual: Tensor, point: Tensor) -> OrbitEstimate:
        dtype, real = result_dtype(dual, point)
        y, x = prepare(self.action, dual, point)
        elements = self.action.group.random((self.samples,), self.generator, x)
        moved, exponents = orbit_points(self.action, elements, y, x)
        rank = self.action.point_ndim
        shares = torch.softmax(exponents, 0)
        mean = (widen(shares, rank) * moved).sum(0)
        log_normalizer = torch.logsumexp(exponents, 0) - math.log(self.samples)
        squares = (shares**2).sum(0)
        spread = (widen(shares**2, rank) * (moved - mean).abs() ** 2).sum(0)
        return OrbitEstimate(
            log_normalizer=log_normalizer.to(real),
            mean=mean.to(dtype),
            log_normalizer_error=(squares - 1 / self.samples).clamp_min(0).detach().sqrt().to(real),
            mean_error=spread.detach().sqrt().to(real),
            effective_sample_size=(1 / squares).detach().to(real),
            r_hat=torch.ones_like(squares).detach().to(real),
        )
