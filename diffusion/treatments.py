"""What a loss does with motions along the orbit."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from typing import final

from torch import Tensor
from typing_extensions import override

from quotient import OrbitSpace


class Treatment(abc.ABC):
    """How prediction and target are compared at x_t."""

    @property
    @abc.abstractmethod
    def exact_sampler(self) -> bool:
        """Claim: the optimum drives a sampler whose law on Q is the target's."""

    @abc.abstractmethod
    def residual(self, prediction: Tensor, target: Tensor, x_t: Tensor, quotient: OrbitSpace) -> Tensor:
        """The part of prediction - target that is penalised, a tangent vector at ``x_t``."""

    def loss(self, prediction: Tensor, target: Tensor, x_t: Tensor, quotient: OrbitSpace) -> Tensor:
        """|residual|^2 per real coordinate (padding excluded), shape ``[...]``: one value for each item."""
        residual = self.residual(prediction, target, x_t, quotient)
        space = quotient.total_space
        return space.inner_product(residual, residual, x_t) / space.degrees_of_freedom(x_t).clamp_min(1)


@final
@dataclass(frozen=True)
class Equivariant(Treatment):
    """|D - x1|^2: the whole motion is asked for, orbit and all. Optimum E[x1 | x_t]."""

    @property
    @override
    def exact_sampler(self) -> bool:
        return True

    @override
    def residual(self, prediction: Tensor, target: Tensor, x_t: Tensor, quotient: OrbitSpace) -> Tensor:
        return quotient.total_space.to_tangent(prediction - target, x_t)


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
