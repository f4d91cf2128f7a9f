"""How a model of this application is sampled: process, steps, times."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import final

from torch import Tensor

from applications.molecular.choices import Coupling
from diffusion import Euler, Interpolant, ODESampler, Sampler, SDESampler, logarithmic_grid, uniform_grid


@final
class SamplerKind(Enum):
    """Which process is simulated from the prior to the data."""

    ODE = "ode"
    """The probability-flow ODE on the quotient, Euler steps."""
    SDE = "sde"
    """The reverse SDE on the quotient, with the mean-curvature drift of its lift."""


@final
class GridKind(Enum):
    """Times of the steps in [0, 1]."""

    UNIFORM = "uniform"
    """Equal steps."""
    LOGARITHMIC = "log"
    """Steps that shrink towards the data."""

    def grid(self, steps: int) -> Tensor:
        """The times.

        Raises:
            TimeGridError: For a number of steps that the grid does not have.
        """
        return logarithmic_grid(steps) if self is GridKind.LOGARITHMIC else uniform_grid(steps)


def default_steps(kind: SamplerKind, coupling: Coupling) -> int:
    """Steps that are enough for conformers: paths between aligned pairs are straight, so that 15 do for their ODE.

    docs/molecules.md has figures by the number of steps.
    """
    return 15 if kind is SamplerKind.ODE and coupling is Coupling.ORBIT_ALIGNED else 50


@final
class SamplingError(ValueError):
    """Options that this model cannot be sampled with."""


@final
@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """How the process is simulated.

    Attributes:
        steps: steps of the grid in [0, 1].
        kind: ODE or SDE.
        noise_scale: of the SDE: scales the variance of its noise and the curvature drift together; 1 is
            exact.
        grid: how the steps are spread.
    """

    steps: int = 50
    kind: SamplerKind = SamplerKind.ODE
    noise_scale: float = 1.0
    grid: GridKind = GridKind.UNIFORM

    def check(self, coupling: Coupling) -> None:
        """Refuse what a model trained with a coupling cannot do.

        Raises:
            SamplingError: the SDE was asked of a model trained with aligned pairs, whose score is not known.
            TimeGridError: the grid does not have so many steps.
        """
        self.grid.grid(self.steps)
        if self.kind is SamplerKind.SDE and coupling is not Coupling.INDEPENDENT:
            raise SamplingError(
                f"the model was trained with coupling {coupling.value}, whose score is not known, "
                "so it has no SDE. Use --sampler ode, or a model trained with --coupling independent."
            )

    def sampler(self, interpolant: Interpolant) -> Sampler:
        """The discretised process for an interpolant."""
        times = self.grid.grid(self.steps)
        if self.kind is SamplerKind.ODE:
            return ODESampler(times, method=Euler())
        return SDESampler(times, interpolant, noise_scale=self.noise_scale)
