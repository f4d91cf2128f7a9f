"""What a network predicts: its regression target, and what its output stands for."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from diffusion.conversions import denoiser_from_velocity, velocity_from_denoiser
from diffusion.interpolant import InterpolantSample
from diffusion.schedules import Schedule


class Parameterization(abc.ABC):
    """The quantity that a network is trained to output."""

    @abc.abstractmethod
    def target(self, sample: InterpolantSample) -> Tensor:
        """Regression target of a training pair."""

    @abc.abstractmethod
    def to_velocity(self, output: Tensor, x_t: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
        """The velocity that an output stands for."""

    @abc.abstractmethod
    def to_denoiser(self, output: Tensor, x_t: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
        """The denoiser that an output stands for."""

    @abc.abstractmethod
    def retarget(self, sample: InterpolantSample, x1: Tensor, schedule: Schedule) -> Tensor:
        """Regression target of the pair (x_t, x1) for another data point than that of the sample, at t < 1."""


@final
@dataclass(frozen=True)
class Denoiser(Parameterization):
    """The network outputs D = E[x1 | x_t]."""

    @override
    def target(self, sample: InterpolantSample) -> Tensor:
        return sample.x1

    @override
    def to_velocity(self, output: Tensor, x_t: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
        return velocity_from_denoiser(output, x_t, t, schedule)

    @override
    def to_denoiser(self, output: Tensor, x_t: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
        return output

    @override
    def retarget(self, sample: InterpolantSample, x1: Tensor, schedule: Schedule) -> Tensor:
        return x1


@final
@dataclass(frozen=True)
class Velocity(Parameterization):
    """The network outputs v = E[alpha' x0 + beta' x1 + gamma' eps | x_t]."""

    @override
    def target(self, sample: InterpolantSample) -> Tensor:
        return sample.velocity

    @override
    def to_velocity(self, output: Tensor, x_t: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
        return output

    @override
    def to_denoiser(self, output: Tensor, x_t: Tensor, t: Tensor, schedule: Schedule) -> Tensor:
        return denoiser_from_velocity(output, x_t, t, schedule)

    @override
    def retarget(self, sample: InterpolantSample, x1: Tensor, schedule: Schedule) -> Tensor:
        zero = torch.zeros_like(x1)
        moved = velocity_from_denoiser(x1 - sample.x1, zero, sample.t, schedule)
        return sample.velocity + moved
