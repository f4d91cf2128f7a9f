"""Schedules alpha, beta, gamma of the interpolant x_t = alpha_t x0 + beta_t x1 + gamma_t eps."""

from __future__ import annotations

import abc
import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups import directional_derivative


@dataclass(frozen=True)
class Coefficients:
    """Values and time derivatives of a schedule, each of the shape of t."""

    alpha: Tensor
    beta: Tensor
    gamma: Tensor
    d_alpha: Tensor
    d_beta: Tensor
    d_gamma: Tensor


@final
@dataclass(frozen=True)
class Rates:
    """alpha, beta and gamma^2 with their time derivatives, each of the shape of t: what is smooth at all times."""

    alpha: Tensor
    beta: Tensor
    variance: Tensor
    d_alpha: Tensor
    d_beta: Tensor
    d_variance: Tensor

    @property
    def coefficients(self) -> Coefficients:
        """The same with gamma in the place of gamma^2."""
        gamma = self.variance.sqrt()
        d_gamma = torch.where(self.d_variance == 0, torch.zeros_like(gamma), self.d_variance / (2 * gamma))
        return Coefficients(self.alpha, self.beta, gamma, self.d_alpha, self.d_beta, d_gamma)

    @property
    def merged(self) -> tuple[Tensor, Tensor]:
        """Values p and q, a common multiple of a and a' with a^2 = alpha^2 + gamma^2, finite at all times.

        p = a^2 and q = a a', divided by a = alpha where there is no bridge noise.
        """
        bare = (self.variance == 0) & (self.d_variance == 0)
        p = torch.where(bare, self.alpha, self.alpha**2 + self.variance)
        return p, torch.where(bare, self.d_alpha, self.alpha * self.d_alpha + 0.5 * self.d_variance)


class Schedule(abc.ABC):
    """alpha falls to 0 and beta rises to 1 while t runs from prior (0) to data (1).

    gamma vanishes at both ends. Only the functions are written; derivatives are computed. Samplers start from
    alpha_0 x0 (:meth:`diffusion.Interpolant.initial`).
    """

    @abc.abstractmethod
    def alpha(self, t: Tensor) -> Tensor:
        """Weight of the prior point."""

    @abc.abstractmethod
    def beta(self, t: Tensor) -> Tensor:
        """Weight of the data point."""

    @abc.abstractmethod
    def gamma_squared(self, t: Tensor) -> Tensor:
        """Variance of the additional noise: smooth where its root is not."""

    def gamma(self, t: Tensor) -> Tensor:
        """Amplitude of the additional noise."""
        return self.gamma_squared(t).sqrt()

    def rates(self, t: Tensor) -> Rates:
        """Values and derivatives, by forward-mode differentiation where a schedule does not say more."""
        one = torch.ones_like(t)
        alpha, d_alpha = directional_derivative(self.alpha, t, one)
        beta, d_beta = directional_derivative(self.beta, t, one)
        variance, d_variance = directional_derivative(self.gamma_squared, t, one)
        return Rates(alpha, beta, variance, d_alpha, d_beta, d_variance)

    @final
    def coefficients(self, t: Tensor) -> Coefficients:
        """Values and derivatives of alpha, beta and gamma."""
        return self.rates(t).coefficients


@final
@dataclass(frozen=True)
class LinearSchedule(Schedule):
    """alpha = 1 - t, beta = t, gamma = noise * sqrt(t (1 - t)).

    Attributes:
        noise: amplitude of the bridge noise; with noise > 0 the derivative of gamma is infinite at both ends.
    """

    noise: float = 0.0

    @override
    def alpha(self, t: Tensor) -> Tensor:
        return 1 - t

    @override
    def beta(self, t: Tensor) -> Tensor:
        return t.clone()

    @override
    def gamma_squared(self, t: Tensor) -> Tensor:
        return self.noise**2 * t * (1 - t)

    @override
    def rates(self, t: Tensor) -> Rates:
        """In closed form: samplers ask at every step, and there differentiation costs more than the geometry."""
        one, squared = torch.ones_like(t), self.noise**2
        slope = squared * (1 - t) - squared * t
        return Rates(self.alpha(t), self.beta(t), self.gamma_squared(t), -one, one, slope)


@final
@dataclass(frozen=True)
class CosineSchedule(Schedule):
    """alpha = cos(pi t / 2), beta = sin(pi t / 2), gamma = 0: variance preserving."""

    @override
    def alpha(self, t: Tensor) -> Tensor:
        return torch.cos(0.5 * math.pi * t)

    @override
    def beta(self, t: Tensor) -> Tensor:
        return torch.sin(0.5 * math.pi * t)

    @override
    def gamma_squared(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)


@final
@dataclass(frozen=True)
class VarianceExplodingSchedule(Schedule):
    """beta = 1 and alpha = sigma_max (1 - t)^rho: noise is added to data that keep their size [Karras2022].

    The law at t = 0 is that of the data plus noise of amplitude sigma_max, and samplers start from the noise alone: an
    error that vanishes as the size of the data over sigma_max.

    Attributes:
        sigma_max: largest noise amplitude.
        rho: how times crowd towards small noise; 1 is uniform in sigma.
    """

    sigma_max: float = 80.0
    rho: float = 3.0

    @override
    def alpha(self, t: Tensor) -> Tensor:
        return self.sigma_max * (1 - t) ** self.rho

    @override
    def beta(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    @override
    def gamma_squared(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)
