"""What every model of this application chooses: treatment of the orbit, coupling and prior."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from typing import Final, final

from torch import Tensor

from diffusion import (
    AlignedPrediction,
    AlignedTarget,
    Equivariant,
    GaussianPrior,
    HarmonicPrior,
    Independent,
    OrbitAligned,
    OrbitAveraged,
    Prior,
    Quotient,
    Treatment,
)
from groups import RotationAction
from quotient.orbit_posterior import orbit_posterior


@final
class Symmetry(Enum):
    """How training treats motions along the orbit."""

    QUOTIENT = "quotient"
    EQUIVARIANT = "equivariant"
    ALIGNED_TARGET = "aligned-target"
    ALIGNED_PREDICTION = "aligned-prediction"
    ORBIT_AVERAGED = "orbit-averaged"
    """The mean over rotations as target, and motions along the orbit free: the residual is projected too."""
    ORBIT_AVERAGED_UNPROJECTED = "orbit-averaged-unprojected"

    def treatment(self) -> Treatment:
        """The treatment of the loss."""
        return _TREATMENTS[self]()


_TREATMENTS: Final[dict[Symmetry, Callable[[], Treatment]]] = {
    Symmetry.QUOTIENT: Quotient,
    Symmetry.EQUIVARIANT: Equivariant,
    Symmetry.ALIGNED_TARGET: AlignedTarget,
    Symmetry.ALIGNED_PREDICTION: AlignedPrediction,
    Symmetry.ORBIT_AVERAGED: lambda: OrbitAveraged(orbit_posterior(RotationAction(3)), projected=True),
    Symmetry.ORBIT_AVERAGED_UNPROJECTED: lambda: OrbitAveraged(orbit_posterior(RotationAction(3))),
}


@final
class Coupling(Enum):
    """How noise is paired with data."""

    INDEPENDENT = "independent"
    ORBIT_ALIGNED = "orbit-aligned"

    def coupling(self) -> Independent | OrbitAligned:
        """The coupling of the interpolant."""
        return OrbitAligned() if self is Coupling.ORBIT_ALIGNED else Independent()


@final
class PriorKind(Enum):
    """Where generation starts."""

    GAUSSIAN = "gaussian"
    HARMONIC = "harmonic"
    """Bonded points on springs: neighbours start close to each other."""

    def prior(self, springs: Callable[[], Tensor], mask: Tensor) -> Prior:
        """The prior of the point clouds of a batch.

        Args:
            springs: Their stiffnesses, in units of the model, shape (B, N, N); asked for where there are springs only.
            mask: True at real points, shape (B, N).
        """
        return GaussianPrior() if self is PriorKind.GAUSSIAN else HarmonicPrior(springs(), mask=mask)


@final
class ModelSpecError(ValueError):
    """A specification that no model can have."""


def check_choices(symmetry: Symmetry, coupling: Coupling, *, scale: float) -> None:
    """Refuse what no model can be trained for.

    Raises:
        ModelSpecError: If orbits are averaged with a coupling whose posterior is not known, or the scale is not a
            length.
    """
    averaged = symmetry in (Symmetry.ORBIT_AVERAGED, Symmetry.ORBIT_AVERAGED_UNPROJECTED)
    if averaged and coupling is not Coupling.INDEPENDENT:
        raise ModelSpecError(
            f"got symmetry {symmetry.value} with coupling {coupling.value}, under which the orbit of the "
            "data given x_t has no closed law: use the coupling independent"
        )
    if not (math.isfinite(scale) and scale > 0.0):
        raise ModelSpecError(f"got scale {scale}, expected the size of molecules in Å")
