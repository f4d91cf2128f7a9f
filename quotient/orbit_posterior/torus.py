"""Weighted circles and tori of dimension two: the periodic trapezoidal rule."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups import GroupAction, ProductAction, WeightedCircleAction
from quotient.orbit_posterior._arrays import prepare, result_dtype
from quotient.orbit_posterior.base import OrbitEstimate, OrbitPosterior
from quotient.orbit_posterior.errors import OrbitPosteriorError

_MOST_NODES = 2**20
_DIGITS = 40.0


def circle_weights(action: GroupAction) -> Tensor | None:
    """Integer weights w_ak of the circles a on the coordinates z_k, ``[circles, n]``; None for other actions."""
    circles = action.actions if isinstance(action, ProductAction) else (action,)
    rows = [list(circle.weights) for circle in circles if isinstance(circle, WeightedCircleAction)]
    return torch.tensor(rows, dtype=torch.float64) if len(rows) == len(circles) else None


@final
class TorusOrbitPosterior(OrbitPosterior):
    """One or two circles acting on C^n, z_k -> exp(i sum_a w_ak t_a) z_k, by equidistant angles.

    <y, g x> is a trigonometric polynomial in the angles, so that the rule converges faster than geometrically. Circle a
    takes sqrt(2 kappa (40 + log(1 + kappa))) + 40 max_k |w_ak| nodes, kappa = sum_k w_ak^2 |y_k x_k|, the largest in
    the batch; this leaves an error of about 1e-15. Errors are estimated by halving the number of nodes on each circle,
    that is, for half as many nodes as are used. Differentiable to any order.

    Args:
        action: a weighted circle, or a product of two.
        nodes: number of nodes on each circle, even, or None to choose it as above; values of tensors are then looked
            at, which ``torch.func.vmap`` refuses.

    Raises:
        OrbitPosteriorError: when the action is another one; at use, when more than 2^20 nodes are needed.
    """

    def __init__(self, action: GroupAction, *, nodes: int | None = None) -> None:
        weights = circle_weights(action)
        if weights is None or len(weights) > 2:
            raise OrbitPosteriorError(
                f"the trapezoidal rule takes one or two weighted circles, got {type(action).__name__}: use "
                "SelfNormalizedSampling"
            )
        self.action = action
        self._weights = weights
        self._nodes = nodes

    def __repr__(self) -> str:
        return f"TorusOrbitPosterior(weights={self._weights.to(torch.int64).tolist()})"

    def _counts(self, coefficients: Tensor) -> list[int]:
        if self._nodes is not None:
            return [2 * math.ceil(self._nodes / 2)] * len(self._weights)
        counts = []
        for row in self._weights.to(coefficients.device):
            strengths = (row**2 * coefficients.detach().abs()).sum(-1)
            kappa = float(strengths.max()) if strengths.numel() else 0.0
            if not math.isfinite(kappa):
                kappa = 0.0
            wanted = math.sqrt(2 * kappa * (_DIGITS + math.log1p(kappa))) + _DIGITS * float(row.abs().max())
            counts.append(2 * math.ceil(wanted / 2))
        if math.prod(counts) > _MOST_NODES:
            raise OrbitPosteriorError(
                f"{self!r} needs {' x '.join(map(str, counts))} nodes at this concentration, more than {_MOST_NODES}: "
                "align the point instead (GroupQuotient.align), which is the limit of the mean"
            )
        return counts

    def _phases(self, counts: list[int], device: torch.device) -> tuple[Tensor, Tensor]:
        """exp(i w t) at all nodes, ``[nodes, n]``, and whether a node belongs to the rule with half as many."""
        angles = [2 * math.pi * torch.arange(count, dtype=torch.float64) / count for count in counts]
        even = [torch.arange(count) % 2 == 0 for count in counts]
        grid = torch.cartesian_prod(*angles).reshape(-1, len(counts))
        coarse = torch.cartesian_prod(*even).reshape(-1, len(counts)).all(-1)
        turns = grid @ self._weights
        return torch.complex(torch.cos(turns), torch.sin(turns)).to(device), coarse.to(device)

    def _exponents(self, dual: Tensor, point: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The <y, g x> at all nodes, ``[..., nodes]``, the phases, and the nodes of the coarse rule."""
        coefficients = dual.conj() * point
        phases, coarse = self._phases(self._counts(coefficients), point.device)
        return (coefficients @ phases.mT).real, phases, coarse

    @override
    def log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        exponents = self._exponents(*prepare(self.action, dual, point))[0]
        return _log_mean(exponents).to(result_dtype(dual, point)[1])

    @override
    def mean(self, dual: Tensor, point: Tensor) -> Tensor:
        y, x = prepare(self.action, dual, point)
        exponents, phases, _ = self._exponents(y, x)
        return (x * _average(exponents, phases)).to(result_dtype(dual, point)[0])

    @override
    def estimate(self, dual: Tensor, point: Tensor) -> OrbitEstimate:
        dtype, real = result_dtype(dual, point)
        y, x = prepare(self.action, dual, point)
        exponents, phases, coarse = self._exponents(y, x)
        log_normalizer, mean = _log_mean(exponents), x * _average(exponents, phases)
        half = exponents[..., coarse]
        return OrbitEstimate(
            log_normalizer=log_normalizer.to(real),
            mean=mean.to(dtype),
            log_normalizer_error=(log_normalizer - _log_mean(half)).abs().to(real),
            mean_error=(mean - x * _average(half, phases[coarse])).abs().to(real),
            effective_sample_size=torch.full_like(log_normalizer, torch.inf).to(real),
            r_hat=torch.ones_like(log_normalizer).to(real),
        )


def _log_mean(exponents: Tensor) -> Tensor:
    return torch.logsumexp(exponents, -1) - math.log(exponents.shape[-1])


def _average(exponents: Tensor, phases: Tensor) -> Tensor:
    return torch.softmax(exponents, -1).to(phases.dtype) @ phases
