"""Stochastic interpolants between a prior and data [Albergo2023]."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor

from diffusion.conversions import align_time, score_from_denoiser
from diffusion.couplings import Coupling, Independent
from diffusion.errors import DiffusionError
from diffusion.priors import GaussianPrior, Prior
from diffusion.schedules import LinearSchedule, Schedule
from groups import directional_derivative
from quotient import NoiseSource, OrbitSpace, TotalSpace


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
    """x_t = alpha_t x0 + beta_t x1 + gamma_t eps on a flat total space, exp_x0(beta_t log_x0 x1) on a curved one.

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
        """Whether grad log p_t follows from the denoiser: independent coupling, Gaussian prior.

        With bridge noise the prior must be isotropic too, so that both noises merge.
        """
        bridged = bool(self.schedule.gamma_squared(torch.tensor(0.5)) != 0)
        return self.coupling.independent and (self.prior.isotropic or (self.prior.gaussian and not bridged))

    def dual(self, quotient: OrbitSpace, x_t: Tensor, t: Tensor) -> Tensor:
        """The point y with p(x_t | x1) proportional to exp<y, x1> along the orbit of x1: y = beta L x_t / a^2.

        L is the precision of the prior and a^2 = alpha^2 + gamma^2. Independent coupling, t < 1.
        """
        c = self.schedule.coefficients(t)
        weight = c.beta / (c.alpha**2 + c.gamma**2)
        return align_time(weight, x_t) * self.prior.precision(quotient, x_t)

    def score(self, denoiser: Tensor, x_t: Tensor, t: Tensor, quotient: OrbitSpace) -> Tensor:
        """Score of p_t: -L (x_t - beta D) / a^2, with the precision L of the prior."""
        return self.prior.precision(quotient, score_from_denoiser(denoiser, x_t, t, self.schedule))

    def initial(self, quotient: OrbitSpace, like: Tensor, noise: NoiseSource) -> Tensor:
        """Points at t = 0 from which samplers start: alpha_0 x0."""
        start = self.schedule.alpha(torch.zeros((), dtype=torch.float64))
        return float(start) * self.prior.sample(quotient, like, noise)

    def sample(self, quotient: OrbitSpace, x1: Tensor, t: Tensor, noise: NoiseSource) -> InterpolantSample:
        """Draw a prior point for each data point and interpolate.

        Args:
            quotient: Q = M/G.
            x1: data, shape ``[..., *point_shape]``; centred here where the group contains translations.
            t: times in [0, 1], a scalar or the leading shape of ``x1``.
            noise: source of x0 (first call) and, when gamma is not zero, of eps (second call).
        """
        data = quotient.center(x1)
        x0 = self.coupling.couple(quotient, self.prior.sample(quotient, data, noise), data)
        if not quotient.total_space.flat:
            return self._geodesic(quotient.total_space, x0, data, t)
        real = data.real.dtype if data.is_complex() else data.dtype
        c = self.schedule.coefficients(t.to(torch.promote_types(real, torch.float32)))
        expand = [align_time(value, data) for value in vars(c).values()]
        alpha, beta, gamma, d_alpha, d_beta, d_gamma = expand
        bridged = bool((c.gamma != 0).any())
        eps = GaussianPrior().sample(quotient, data, noise) if bridged else torch.zeros_like(data)
        x_t, velocity = alpha * x0 + beta * data, d_alpha * x0 + d_beta * data
        if bridged:
            x_t, velocity = x_t + gamma * eps, quotient.total_space.keep(velocity + d_gamma * eps)
        return InterpolantSample(
            x0=x0, x1=data, noise=eps, t=t, x_t=x_t.to(data.dtype), velocity=velocity.to(data.dtype)
        )

    def rate(self, t: Tensor, like: Tensor) -> Tensor:
        """The number beta' / (1 - beta), t < 1: log_{x_t}(x1) times it is the velocity of the geodesic to x1.

        Args:
            t: times, a scalar or the leading shape of the points.
            like: points, ``[..., *point_shape]``, for the dtype.

        Returns:
            A scalar, or one for each point, ``[..., 1, ..., 1]``.
        """
        beta, d_beta = directional_derivative(self.schedule.beta, t, torch.ones_like(t))
        return align_time(d_beta / (1 - beta), like).to(like.real.dtype)

    def _geodesic(self, space: TotalSpace, x0: Tensor, x1: Tensor, t: Tensor) -> InterpolantSample:
        """The point and the velocity of the geodesic from x0 to x1 that beta_t has reached.

        Raises:
            DiffusionError: for a schedule with bridge noise, which has no meaning on a curved M.
        """
        beta, d_beta = directional_derivative(self.schedule.beta, t, torch.ones_like(t))
        if bool((self.schedule.gamma_squared(t) != 0).any()):
            raise DiffusionError(f"bridge noise has no meaning on the curved {space!r}: use LinearSchedule()")
        beta, d_beta = (align_time(value, x1).to(x1.real.dtype) for value in (beta, d_beta))
        chord = space.log(x1, x0)
        x_t, velocity = directional_derivative(lambda s: space.exp(s * chord, x0), beta, d_beta)
        return InterpolantSample(x0=x0, x1=x1, noise=torch.zeros_like(x1), t=t, x_t=x_t, velocity=velocity)
