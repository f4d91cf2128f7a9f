"""Self-conditioning: a network that sees an earlier prediction of the data point [Chen2023]."""

from __future__ import annotations

import abc
from collections.abc import Callable
from enum import Enum
from typing import Any, Protocol, final

import torch
from torch import Tensor, nn
from typing_extensions import override

from diffusion.model import Network, StatefulNetwork
from diffusion.parameterizations import Parameterization, Velocity
from diffusion.schedules import LinearSchedule, Schedule
from quotient import OrbitSpace


class SelfConditionable(Protocol):
    """A condition that says which items of a training batch see a prediction."""

    @property
    def self_conditioned(self) -> Tensor | None:
        """The items, shape (B,), boolean; None outside training."""
        ...

    def rows(self, index: Tensor) -> Any:
        """The condition of some items, by their positions."""
        ...


@final
class SelfConditioning(Enum):
    """What a network recalls of an earlier prediction."""

    OFF = "off"
    PROJECTED = "projected"
    """P_x D: what is left of the prediction when its meaningless vertical part is removed."""
    UNPROJECTED = "unprojected"
    """D itself, for ablations: under the quotient treatment its distances are distorted."""


class AbstractRecallingNetwork(nn.Module, abc.ABC):
    """A network with one more input: an earlier prediction of the data point, zero where there is none."""

    @abc.abstractmethod
    def forward(self, x: Tensor, t: Tensor, condition: Any, recalled: Tensor) -> Tensor:
        """Evaluate.

        Args:
            x: points, shape (B, *point_shape).
            t: times, shape (B,).
            condition: of the points.
            recalled: the earlier prediction, shaped like the points.
        """


@final
class SelfConditioned(nn.Module, StatefulNetwork):
    """A recalling network as an ordinary one, for training and for runs of samplers.

    In training a first pass without gradient predicts the data points of the items that the condition marks; the second
    pass sees these predictions, and zero for the other items. In a run of a sampler it sees the prediction of the
    evaluation before, starting with zero; every run begins anew.

    What a network trained under the quotient treatment predicts has a vertical part that means nothing, and as a linear
    motion of x it changes distances within D. So P_x D is what is recalled, unless the mode asks for D itself.

    Args:
        network: the recalling network; a submodule.
        quotient: Q, a function of the condition.
        mode: what is recalled.
        schedule: of the interpolant.
        parameterization: what the network outputs.
    """

    def __init__(
        self,
        network: AbstractRecallingNetwork,
        quotient: Callable[[Any], OrbitSpace],
        *,
        mode: SelfConditioning = SelfConditioning.PROJECTED,
        schedule: Schedule | None = None,
        parameterization: Parameterization | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self._quotient = quotient
        self._mode = mode
        self._schedule = LinearSchedule() if schedule is None else schedule
        self._parameterization = Velocity() if parameterization is None else parameterization

    @torch.no_grad()
    def recollection(self, output: Tensor, x: Tensor, t: Tensor, condition: Any) -> Tensor:
        """What is recalled of an output of the network: P_x D, or D, in the precision of the points."""
        with torch.autocast(x.device.type, enabled=False):
            denoised = self._parameterization.to_denoiser(output.to(x.dtype), x, t, self._schedule)
            if self._mode is SelfConditioning.UNPROJECTED:
                return denoised
            return self._quotient(condition).horizontal_projection(denoised, x)

    def forward(self, x: Tensor, t: Tensor, condition: SelfConditionable) -> Tensor:
        """Output for a training batch; without marks, what the network says when it recalls nothing."""
        recalled = torch.zeros_like(x)
        marks = None if self._mode is SelfConditioning.OFF else condition.self_conditioned
        if marks is not None and bool(marks.any()):
            index = marks.nonzero().squeeze(-1)
            some, when, which = x[index], t[index], condition.rows(index)
            with torch.no_grad():
                first = self.network(some, when, which, torch.zeros_like(some))
            recalled[index] = self.recollection(first, some, when, which)
        return self.network(x, t, condition, recalled)

    @override
    def begin(self) -> Network:
        recalled: Tensor | None = None

        def evaluate(x: Tensor, t: Tensor, condition: Any) -> Tensor:
            nonlocal recalled
            output = self.network(x, t, condition, torch.zeros_like(x) if recalled is None else recalled)
            if self._mode is not SelfConditioning.OFF:
                recalled = self.recollection(output, x, t, condition)
            return output

        return evaluate
