"""What a loss does with motions along the orbit."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from diffusion.errors import DiffusionError
from diffusion.interpolant import Interpolant, InterpolantSample
from diffusion.parameterizations import Parameterization, Velocity
from quotient import OrbitSpace
from quotient.orbit_posterior.base import OrbitPosterior


@final
@dataclass(frozen=True)
class Setting:
    """What a training pair was drawn for.

    Attributes:
        quotient: Q.
        interpolant: the law of the pair.
        parameterization: what the network predicts.
    """

    quotient: OrbitSpace
    interpolant: Interpolant
    parameterization: Parameterization


class Treatment(abc.ABC):
    """What the regression target is at x_t, and how predictions are compared with it."""

    @property
    @abc.abstractmethod
    def exact_sampler(self) -> bool:
        """Claim: the optimum drives a sampler whose law on Q is the target's."""

    def target(self, prediction: Tensor, sample: InterpolantSample, setting: Setting) -> Tensor:
        """The regression target, constant in the network: by default what the parameterization says. A hook.

        Args:
            prediction: output of the network at x_t.
            sample: the training pair.
            setting: what it was drawn for.
        """
        del prediction
        return setting.parameterization.target(sample)

    def residual(self, prediction: Tensor, target: Tensor, x_t: Tensor, quotient: OrbitSpace) -> Tensor:
        """The part of prediction - target that is penalised, a tangent vector at ``x_t``: by default all. A hook."""
        return quotient.total_space.to_tangent(prediction - target, x_t)

    def loss(self, prediction: Tensor, target: Tensor, x_t: Tensor, quotient: OrbitSpace) -> Tensor:
        """|residual|^2 per real coordinate (padding excluded), shape ``[...]``: one value for each item."""
        residual = self.residual(prediction, target, x_t, quotient)
        space = quotient.total_space
        return space.inner_product(residual, residual, x_t) / space.degrees_of_freedom(x_t).clamp_min(1)


class MovedTarget(Treatment):
    """A treatment that puts another point in the place of x1: one of its orbit, or a mean over it.

    On a curved M the target is the velocity of the geodesic that goes on from x_t to that point; networks output
    velocities there.
    """

    @abc.abstractmethod
    def data_point(self, prediction: Tensor, sample: InterpolantSample, setting: Setting) -> Tensor:
        """The point that takes the place of x1."""

    @final
    @override
    def target(self, prediction: Tensor, sample: InterpolantSample, setting: Setting) -> Tensor:
        space = setting.quotient.total_space
        if not space.flat and not isinstance(setting.parameterization, Velocity):
            raise DiffusionError(
                f"the denoiser is a mean, which has no meaning on the curved {space!r}: use Velocity()"
            )
        with torch.no_grad():
            moved = self.data_point(prediction, sample, setting)
            if not space.flat:
                return setting.interpolant.rate(sample.t, moved) * space.log(moved, sample.x_t)
        return setting.parameterization.retarget(sample, moved, setting.interpolant.schedule)


@final
@dataclass(frozen=True)
class Equivariant(Treatment):
    """|D - x1|^2: the whole motion is asked for, orbit and all. Optimum E[x1 | x_t]."""

    @property
    @override
    def exact_sampler(self) -> bool:
        return True


@final
@dataclass(frozen=True)
class Quotient(Treatment):
    """|P_{x_t}(D - x1)|^2: motion along the orbit is free. Optimum P E[x1 | x_t] plus any vertical vector [Xu2026].

    The vertical part of what a network so trained returns is arbitrary: project before any other use of it.
    """

    @property
    @override
    def exact_sampler(self) -> bool:
        return True

    @override
    def residual(self, prediction: Tensor, target: Tensor, x_t: Tensor, quotient: OrbitSpace) -> Tensor:
        return quotient.horizontal_projection(prediction - target, x_t)


@final
@dataclass(frozen=True)
class AlignedTarget(MovedTarget):
    """|D - A_{x_t}(x1)|^2: the data point is moved along its orbit to be nearest to x_t (GeoDiff) [Xu2022].

    Optimum E[A_{x_t}(x1) | x_t], which is not the denoiser of any process: no sampler reproduces the data.
    """

    @property
    @override
    def exact_sampler(self) -> bool:
        return False

    @override
    def data_point(self, prediction: Tensor, sample: InterpolantSample, setting: Setting) -> Tensor:
        return setting.quotient.align(sample.x1, sample.x_t).point


@final
@dataclass(frozen=True)
class AlignedPrediction(MovedTarget):
    """|D - A_D(x1)|^2: the data point is aligned to the prediction, without gradient (AlphaFold 3) [Abramson2024].

    An optimum is a fixed point D = E[A_D(x1) | x_t], a Procrustes mean in any orientation: no sampler reproduces the
    data.
    """

    @property
    @override
    def exact_sampler(self) -> bool:
        return False

    @override
    def data_point(self, prediction: Tensor, sample: InterpolantSample, setting: Setting) -> Tensor:
        space, x_t = setting.quotient.total_space, sample.x_t
        if space.flat:
            schedule = setting.interpolant.schedule
            predicted = setting.parameterization.to_denoiser(prediction, x_t, sample.t, schedule)
        else:
            ahead = space.to_tangent(prediction, x_t) / setting.interpolant.rate(sample.t, prediction)
            predicted = space.exp(ahead, x_t)
        return setting.quotient.align(sample.x1, predicted).point


@final
@dataclass(frozen=True)
class OrbitAveraged(MovedTarget):
    """|D - E[g x1 | x_t]|^2, the target averaged over the orbit given x_t [Tong2025].

    Optimum E[x1 | x_t], the same as :class:`Equivariant`; with ``projected`` the residual is projected too, and the
    optimum is that of :class:`Quotient`.

    Attributes:
        posterior: E[g x | y] under the tilt exp<y, g x>, for the group that is divided out.
        projected: whether motions along the orbit are free.
    """

    posterior: OrbitPosterior
    projected: bool = False

    @property
    @override
    def exact_sampler(self) -> bool:
        return True

    @override
    def data_point(self, prediction: Tensor, sample: InterpolantSample, setting: Setting) -> Tensor:
        space = setting.quotient.total_space
        if not space.flat:
            raise DiffusionError(
                f"means over orbits leave the curved {space!r}: use Quotient(), whose sampler is exact"
            )
        dual = setting.interpolant.dual(setting.quotient, sample.x_t, sample.t)
        return self.posterior.mean(dual, sample.x1)

    @override
    def residual(self, prediction: Tensor, target: Tensor, x_t: Tensor, quotient: OrbitSpace) -> Tensor:
        treatment = Quotient() if self.projected else Equivariant()
        return treatment.residual(prediction, target, x_t, quotient)
