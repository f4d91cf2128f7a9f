"""A protein chain as its CA trace: what data sets hold, networks learn and generation returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray


@final
class ChainError(ValueError):
    """Arrays that are no CA trace."""


@final
@dataclass(frozen=True, kw_only=True)
class BackboneChain:
    """The CA trace of one chain, in one or several models.

    Attributes:
        name: What it is called, unique in a data set, for instance "2k39A".
        positions: CA coordinates in Å, finite, shape (K, L, 3) for K models of L residues, both at least one.
        residue_index: Numbers of the residues, shape (L,), strictly increasing; steps above one are chain breaks.
        sequence: One letter a residue, X where unknown.

    Raises:
        ChainError: If shapes do not fit, coordinates are not finite or numbers do not increase.
    """

    name: str
    positions: NDArray[np.float32]
    residue_index: NDArray[np.int64]
    sequence: str

    def __post_init__(self) -> None:
        shape, n = self.positions.shape, len(self.sequence)
        if len(shape) != 3 or shape[0] < 1 or shape[1:] != (n, 3) or self.residue_index.shape != (n,) or n < 1:
            raise ChainError(
                f"got positions {shape}, residue numbers {self.residue_index.shape} and {n} letters for {self.name}, "
                "expected (K, L, 3), (L,) and L"
            )
        if not np.isfinite(self.positions).all():
            raise ChainError(f"got coordinates of {self.name} that are not finite")
        if not (np.diff(self.residue_index) > 0).all():
            raise ChainError(f"got residue numbers of {self.name} that do not increase")

    @property
    def n_models(self) -> int:
        """K."""
        return self.positions.shape[0]

    @property
    def n_residues(self) -> int:
        """L."""
        return self.positions.shape[1]
