"""A network with all that its outputs need to become points of Q."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any, TypeAlias, final

from torch import Tensor

from diffusion.interpolant import Interpolant
from diffusion.parameterizations import Parameterization, Velocity
from diffusion.samplers import Sampler, SamplerResult, VelocityField
from quotient import NoiseSource, OrbitSpace

#: network(x, t, condition): points ``[..., *point_shape]`` and times ``[...]`` to a tensor shaped like the points.
Network: TypeAlias = Callable[[Tensor, Tensor, Any], Tensor]


class StatefulNetwork(abc.ABC):
    """A network that carries something from one evaluation of a sampler to the next.

    A velocity of a :class:`QuotientModel` then belongs to one run: each call of its ``velocity`` begins a new one.
    """

    @abc.abstractmethod
    def begin(self) -> Network:
        """The network of one run, which knows of no other."""


@final
class QuotientModel:
    """Any network, said what it predicts, on which interpolant, and on which quotient.

    A condition that singles out a direction or a point breaks part of the symmetry: the group to divide out is then the
    subgroup that fixes the condition. ``quotient`` may therefore depend on the condition, and
    :func:`diffusion.equivariance_error` measures whether a network has the symmetry that is claimed for it.

    Args:
        network: called as ``network(x, t, condition)``; a torch module where it is to be trained or saved. One with
            a memory is a :class:`StatefulNetwork`.
        quotient: Q, or a function from conditions to Q (masks, broken symmetries).
        interpolant: the path from prior to data, or a function from conditions to it (priors that depend on the
            molecule): linear, from independent Gaussian noise, by default. The schedule is the same for all conditions.
        parameterization: what the network outputs, the velocity by default.
    """

    def __init__(
        self,
        network: Network,
        quotient: OrbitSpace | Callable[[Any], OrbitSpace],
        *,
        interpolant: Interpolant | Callable[[Any], Interpolant] | None = None,
        parameterization: Parameterization | None = None,
    ) -> None:
        self.network = network
        self.quotient = quotient
        self.interpolant = Interpolant() if interpolant is None else interpolant
        self.parameterization = Velocity() if parameterization is None else parameterization

    def space(self, condition: Any = None) -> OrbitSpace:
        """Q under a condition."""
        return self.quotient if isinstance(self.quotient, OrbitSpace) else self.quotient(condition)

    def path(self, condition: Any = None) -> Interpolant:
        """The interpolant under a condition."""
        return self.interpolant if isinstance(self.interpolant, Interpolant) else self.interpolant(condition)

    def _outputs(self, condition: Any) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """What the network says, and the times that it is given: one a point, in the points' precision."""
        rank = len(self.space(condition).total_space.shape)
        network = self.network.begin() if isinstance(self.network, StatefulNetwork) else self.network

        def evaluate(x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
            times = t.to(dtype=x.real.dtype, device=x.device).expand(x.shape[: x.ndim - rank])
            return network(x, times, condition), times

        return evaluate

    def velocity(self, condition: Any = None) -> VelocityField:
        """v(x, t) at points ``[..., *point_shape]`` and a time, scalar or ``[...]``; t < 1 for a denoising network.

        Its vertical part is what the treatment left of it, possibly anything: samplers project it away.
        """
        outputs, schedule = self._outputs(condition), self.path(condition).schedule

        def field(x: Tensor, t: Tensor) -> Tensor:
            output, times = outputs(x, t)
            return self.parameterization.to_velocity(output, x, times, schedule)

        return field

    def denoiser(self, condition: Any = None) -> VelocityField:
        """P_x D(x, t): the predicted data point without the vertical part, which means nothing; flat M."""
        outputs, schedule, space = self._outputs(condition), self.path(condition).schedule, self.space(condition)

        def field(x: Tensor, t: Tensor) -> Tensor:
            output, times = outputs(x, t)
            return space.horizontal_projection(self.parameterization.to_denoiser(output, x, times, schedule), x)

        return field

    def sample(
        self,
        sampler: Sampler,
        like: Tensor,
        noise: NoiseSource,
        *,
        condition: Any = None,
        keep_trajectory: bool = False,
    ) -> SamplerResult:
        """Draw prior points and carry them to the data.

        Args:
            sampler: the discretised process.
            like: any tensor ``[..., *point_shape]`` of the wanted shape, precision and device.
            noise: source of the prior points (first call), then of the sampler's noise.
            condition: passed to the network and to the quotient.
            keep_trajectory: whether points at all times are returned.
        """
        space = self.space(condition)
        x0 = self.path(condition).initial(space, like, noise)
        return sampler.sample(space, x0, self.velocity(condition), noise, keep_trajectory=keep_trajectory)
