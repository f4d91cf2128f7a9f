"""Stochastic interpolants between a prior and data [Albergo2023]."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor

from diffusion.couplings import Coupling, Independent
from diffusion.priors import GaussianPrior, Prior
from diffusion.schedules import LinearSchedule, Schedule
from quotient import NoiseSource, OrbitSpace


@dataclass(frozen=True)
class InterpolantSample:
    """A training pair.

    Attributes:
        x0: prior points, coupled to the data, shape ``[..., *point_shape]``.
        x1: data points, same shape.
        noise: eps, same shape; zero where the schedule has gamma = 0.
        t: times, shape ``[...]``.
        x_t: alpha x0 + beta x1 + gamma eps.
        velocity: alpha' x0 + beta' x1 + gamma' eps.
    """

    x0: Tensor
    x1: Tensor
    noise: Tensor
    t: Tensor
    x_t: Tensor
    velocity: Tensor


@final
@dataclass(frozen=True)
class Interpolant:
    """x_t = alpha_t x0 + beta_t x1 + gamma_t eps on a flat total space.

    Attributes:
        schedule: alpha, beta, gamma.
        prior: law of x0.
        coupling: joint law of x0 and x1.
    """

    schedule: Schedule = field(default_factory=LinearSchedule)
    prior: Prior = field(default_factory=GaussianPrior)
    coupling: Coupling = field(default_factory=Independent)

    @property
    def closed_score(self) -> bool:
        """Whether grad log p_t follows from the denoiser: independent coupling and isotropic Gaussian prior."""
        return self.coupling.independent and self.prior.isotropic

    def sample(self, quotient: OrbitSpace, x1: Tensor, t: Tensor, noise: NoiseSource) -> InterpolantSample:
        """Draw a prior point for each data point and interpolate.

        Args:
            quotient: Q = M/G with flat M.
            x1: data, shape ``[..., *point_shape]``; centred here where the group contains translations.
            t: times in [0, 1], a scalar or the leading shape of ``x1``.
            noise: source of x0 (first call) and, when gamma is not zero, of eps (second call).
        """
        data = quotient.center(x1)
        x0 = self.coupling.couple(quotient, self.prior.sample(quotient, data, noise), data)
        real = data.real.dtype if data.is_complex() else data.dtype
        c = self.schedule.coefficients(t.to(torch.promote_types(real, torch.float32)))
        expand = [value.reshape(value.shape + (1,) * (data.ndim - value.ndim)) for value in vars(c).values()]
        alpha, beta, gamma, d_alpha, d_beta, d_gamma = expand
        bridged = bool((c.gamma != 0).any())
        eps = GaussianPrior().sample(quotient, data, noise) if bridged else torch.zeros_like(data)
        x_t, velocity = alpha * x0 + beta * data, d_alpha * x0 + d_beta * data
        if bridged:
            x_t, velocity = x_t + gamma * eps, quotient.total_space.keep(velocity + d_gamma * eps)
        return InterpolantSample(
            x0=x0, x1=data, noise=eps, t=t, x_t=x_t.to(data.dtype), velocity=velocity.to(data.dtype)
        )
