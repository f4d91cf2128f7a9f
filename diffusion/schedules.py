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


class Schedule(abc.ABC):
    """alpha falls from 1 to 0 and beta rises from 0 to 1 while t runs from prior (0) to data (1).

    gamma vanishes at both ends. Only the functions are written; derivatives are computed.
    """

    @abc.abstractmethod
    def alpha(self, t: Tensor) -> Tensor:
        """Weight of the prior point."""

    @abc.abstractmethod
    def beta(self, t: Tensor) -> Tensor:
        """Weight of the data point."""

    @abc.abstractmethod
    def gamma(self, t: Tensor) -> Tensor:
        """Amplitude of the additional noise."""

    def coefficients(self, t: Tensor) -> Coefficients:
        """Values and derivatives by forward-mode differentiation."""
        one = torch.ones_like(t)
        alpha, d_alpha = directional_derivative(self.alpha, t, one)
        beta, d_beta = directional_derivative(self.beta, t, one)
        gamma, d_gamma = directional_derivative(self.gamma, t, one)
        return Coefficients(alpha, beta, gamma, d_alpha, d_beta, d_gamma)


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
    def gamma(self, t: Tensor) -> Tensor:
        return self.noise * (t * (1 - t)).sqrt() if self.noise else torch.zeros_like(t)


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
    def gamma(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)
