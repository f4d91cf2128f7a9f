"""The von Mises-Fisher family on spheres of any dimension."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from quotient.orbit_posterior._cumulants import LogPartition
from quotient.orbit_posterior._tilted_dirichlet import tilted_dirichlet

_FRACTION_STEPS = 30
_SERIES_TERMS = 20


def _ratios(half_dim: float, quarter: Tensor, count: int) -> list[Tensor]:
    """r_k = 0F1(; b + k + 1; z) / ((b + k) 0F1(; b + k; z)) for k < count, where z is at most about (b / 2)^2.

    By the continued fraction r_k = 1 / (b + k + z r_{k+1}), all of whose terms are positive.
    """
    tail = torch.zeros_like(quarter)
    ratios: list[Tensor] = []
    for k in reversed(range(count + _FRACTION_STEPS)):
        tail = 1 / (half_dim + k + quarter * tail)
        if k < count:
            ratios.insert(0, tail)
    return ratios


@final
class SphereFamily(LogPartition):
    """phi(w) = log E exp(sqrt(w) u_1) for u uniform on the unit sphere of R^n, as a function of w = kappa^2.

    phi(w) = log 0F1(; n/2; w/4) is smooth at zero, where kappa is not. With A(kappa) = E[u_1], the ratio of Bessel
    functions I_{n/2} / I_{n/2 - 1},

        phi' = A / (2 kappa),   phi'' = (kappa A' - A) / (4 kappa^3),
        phi''' = (kappa^2 A'' - 3 kappa A' + 3 A) / (8 kappa^5).

    A' and A'' are cumulants of u_1 = 1 - 2 tau, tau a tilted Beta variable; where kappa < n / 2 and the differences
    would cancel, derivatives come from a continued fraction for ratios of 0F1 instead.

    Args:
        dim: n, at least 2.
    """

    event_ndim = 0

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def scaled(self, kappa: Tensor) -> Tensor:
        """Log E exp(kappa (u_1 - 1)), shape ``[...]``; NaN where kappa is not finite."""
        return self._moments(kappa, 0)[0]

    def _moments(self, kappa: Tensor, degree: int) -> tuple[Tensor, Tensor]:
        """Log normaliser and the moments E[tau^k], k = 1, ..., degree, of tau = (1 - u_1) / 2."""
        finite = kappa.isfinite()
        gap = 2 * torch.where(finite, kappa, torch.zeros_like(kappa))
        power = (self.dim - 1) / 2
        gaps = torch.stack([torch.zeros_like(gap), gap], -1)
        log_normalizer, moments = tilted_dirichlet(gaps, (power, power), [(0, k + 1) for k in range(degree)])
        nan = torch.full_like(gap, torch.nan)
        return torch.where(finite, log_normalizer, nan), torch.where(finite.unsqueeze(-1), moments, nan.unsqueeze(-1))

    @override
    def value(self, theta: Tensor) -> Tensor:
        small = self._is_small(theta)
        series = torch.log1p(self._excess(torch.where(small, theta, torch.zeros_like(theta)) / 4))
        kappa = theta.sqrt()
        return torch.where(small, series, kappa + self.scaled(kappa))

    def _excess(self, quarter: Tensor) -> Tensor:
        """0F1(; n/2; z) - 1 by its series of positive terms, for z < (n/4)^2."""
        total = torch.zeros_like(quarter)
        for k in reversed(range(1, _SERIES_TERMS + self.dim)):
            total = quarter / (k * (self.dim / 2 + k - 1)) * (1 + total)
        return total

    def _is_small(self, theta: Tensor) -> Tensor:
        return theta < (self.dim / 2) ** 2

    @override
    def first(self, theta: Tensor) -> Tensor:
        return self.value_and_first(theta)[1]

    @override
    def value_and_first(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        small = self._is_small(theta)
        quarter = torch.where(small, theta, torch.zeros_like(theta)) / 4
        safe = torch.where(small, torch.ones_like(theta), theta).sqrt()
        scaled, moments = self._moments(safe, 1)
        (r0,) = _ratios(self.dim / 2, quarter, 1)
        value = torch.where(small, torch.log1p(self._excess(quarter)), safe + scaled)
        return value, torch.where(small, r0 / 4, (1 - 2 * moments[..., 0]) / (2 * safe))

    @override
    def second(self, theta: Tensor, direction: Tensor) -> Tensor:
        small = self._is_small(theta)
        safe = torch.where(small, torch.ones_like(theta), theta).sqrt()
        t1, t2 = self._moments(safe, 2)[1].unbind(-1)
        large = (4 * safe * (t2 - t1**2) - (1 - 2 * t1)) / (4 * safe**3)
        r0, r1 = _ratios(self.dim / 2, torch.where(small, theta, torch.zeros_like(theta)) / 4, 2)
        return torch.where(small, r0 * (r1 - r0) / 16, large) * direction

    @override
    def third(self, theta: Tensor, direction: Tensor, other: Tensor) -> Tensor:
        small = self._is_small(theta)
        safe = torch.where(small, torch.ones_like(theta), theta).sqrt()
        t1, t2, t3 = self._moments(safe, 3)[1].unbind(-1)
        variance = 4 * (t2 - t1**2)
        skewness = -8 * (t3 - 3 * t1 * t2 + 2 * t1**3)
        large = (safe**2 * skewness - 3 * safe * variance + 3 * (1 - 2 * t1)) / (8 * safe**5)
        r0, r1, r2 = _ratios(self.dim / 2, torch.where(small, theta, torch.zeros_like(theta)) / 4, 3)
        near = r0 * ((r1 - r0) ** 2 + r1 * (r2 - r1) - r0 * (r1 - r0)) / 64
        return torch.where(small, near, large) * direction * other
