"""Exact noise of every regression target at a given x_t, for data on finitely many orbits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from diffusion import Interpolant
from quotient import OrbitPosterior, OrbitSpace

#: Names of the treatments, in the order of :meth:`OrbitData.variances`.
TREATMENTS = ("equivariant", "quotient", "orbit-averaged", "aligned target", "aligned prediction")

_MOST_ROUNDS, _SETTLED = 40, 1e-5


@final
@dataclass(frozen=True)
class OrbitData:
    """Data x1 = g m_k with Haar g and template m_k of probability w_k, and the standard normal prior.

    Given x_t, template k has a probability r_k proportional to w_k Z(y, m_k) exp(-beta^2 |m_k|^2 / (2 a^2)), with
    y = beta x_t / a^2, and mu_k = E[g m_k]. With D = E[x1 | x_t] = sum_k r_k mu_k and S = sum_k r_k |m_k|^2 the traces
    of the covariances are

        equivariant         S - |D|^2
        quotient            S - |D|^2 + (a^2 / beta) <D, H(x_t)>
        orbit-averaged      sum_k r_k |mu_k|^2 - |D|^2
        aligned target      S - |sum_k r_k A_{x_t}(m_k)|^2
        aligned prediction  S - |D'|^2 at the fixed point D' = sum_k r_k A_{D'}(m_k)

    Attributes:
        quotient: Q.
        posterior: of the compact part of the group.
        templates: m_k, centred, ``[K, *point_shape]``.
        weights: w_k, sum 1, ``[K]``.
    """

    quotient: OrbitSpace
    posterior: OrbitPosterior
    templates: Tensor
    weights: Tensor

    def noisy(self, t: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """Draw x_t, in an orientation of its own, ``[count, *point_shape]``: no variance depends on it."""
        chosen = torch.multinomial(self.weights, count, replacement=True, generator=generator)
        x1 = self.templates[chosen]
        x0 = torch.randn(x1.shape, generator=generator, dtype=x1.dtype)
        return (1 - t) * self.quotient.center(x0) + t * x1

    def variances(self, x_t: Tensor, t: Tensor) -> Tensor:
        """Traces of the covariances of the five targets given x_t, ``[5, count]``."""
        rank = self.templates.ndim - 1
        beta, a2 = t, (1 - t) ** 2
        m = self.templates.unsqueeze(1).expand(-1, *x_t.shape).contiguous()
        here = x_t.expand_as(m).contiguous()
        dual = Interpolant().dual(self.quotient, here, t)
        sizes = _square(m, rank)
        logs = self.weights.log().unsqueeze(-1) + self.posterior.log_normalizer(dual, m) - beta**2 * sizes / (2 * a2)
        r = torch.softmax(logs, 0)
        share = r.reshape(*r.shape, *(1,) * rank)
        means = self.posterior.mean(dual, m)
        denoiser = (share * means).sum(0)
        second = (r * sizes).sum(0)
        removed = -(denoiser * self.quotient.mean_curvature(x_t)).flatten(1).sum(1) * a2 / beta
        aligned = (share * self.quotient.align(m, here).point).sum(0)
        fixed = aligned
        for _ in range(_MOST_ROUNDS):
            before = fixed
            fixed = (share * self.quotient.align(m, before.expand_as(m).contiguous()).point).sum(0)
            if float((fixed - before).abs().max()) < _SETTLED:
                break
        equivariant = second - _square(denoiser, rank)
        return torch.stack(
            [
                equivariant,
                equivariant - removed,
                (r * _square(means, rank)).sum(0) - _square(denoiser, rank),
                second - _square(aligned, rank),
                second - _square(fixed, rank),
            ]
        )


def _square(x: Tensor, rank: int) -> Tensor:
    return (x**2).flatten(-rank).sum(-1)
