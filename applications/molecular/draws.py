"""How a conformer of an ensemble is drawn for training."""

from __future__ import annotations

from enum import Enum
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

TEMPERATURE: Final = 298.0
"""Of Boltzmann weights, in K."""

_KT: Final = 0.0019872043 * TEMPERATURE
"""In kcal/mol."""


@final
class MissingEnergyError(ValueError):
    """Boltzmann weights asked for where an energy is not known."""


@final
class Draw(Enum):
    """The law that training takes conformers from, and so the law that a perfect model has.

    A data set is a list of ensembles: molecule m has K_m conformers with energies E_mk.
    """

    UNIFORM = "uniform"
    """A molecule uniformly, then one of its conformers uniformly: p(m, k) = 1 / (M K_m)."""
    BOLTZMANN = "boltzmann"
    """A molecule uniformly, then a conformer with weight exp(-E_mk / kT) at 298 K."""
    ALL = "all"
    """A conformer of all conformers uniformly: p(m, k) = 1 / sum K. Flexible molecules weigh more."""

    def weights(self, energies: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probabilities of the conformers of one molecule, given the molecule, shape (K,).

        Args:
            energies: In kcal/mol, shape (K,); read for Boltzmann weights only.

        Raises:
            MissingEnergyError: If Boltzmann weights are asked for and an energy is not finite.
        """
        if self is not Draw.BOLTZMANN:
            return np.full(len(energies), 1.0 / len(energies))
        if not np.isfinite(energies).all():
            raise MissingEnergyError(
                "got a molecule whose conformers have no energies, expected one in kcal/mol for each to weigh them by "
                "exp(-E / kT); draw uniform, or prepare the data from a source with energies"
            )
        weights = np.exp(-(energies - energies.min()) / _KT)
        return weights / weights.sum()
