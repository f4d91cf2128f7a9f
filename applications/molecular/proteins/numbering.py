"""Strictly increasing residue numbers in which chain breaks are jumps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

BREAK_DISTANCE: Final = 4.5
"""Distance in Å between neighbouring CA atoms above which they are not bonded; 3.8 is trans, 2.9 is cis."""


BOND_LIMIT: Final = 2.0
"""Distance in Å of C and N below which they are bonded; the bond is 1.33."""


def neighbour_distances(positions: NDArray[np.floating]) -> NDArray[np.float64]:
    """Distances of neighbouring CA atoms, the median over models: [K, L, 3] to [L - 1], in the unit given."""
    steps = np.diff(positions.astype(np.float64), axis=1)
    return np.median(np.linalg.norm(steps, axis=-1), axis=0)


def increasing_numbers(
    numbers: Sequence[int], positions: NDArray[np.floating], bonded: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """Residue numbers that increase strictly, with jumps exactly at chain breaks.

    The first number stays. After it the numbers of the file count on: a gap in them is a gap in the result, unless the
    peptide bond is seen (authors also leave out numbers to match those of a relative). Where they do not increase
    (insertion codes, numbers that start again) the next number follows. Where CA atoms are further apart than
    `BREAK_DISTANCE` at least one number is left out.

    Args:
        numbers: of the file, L.
        positions: CA atoms in Å, [K, L, 3].
        bonded: True where a residue is seen to be bonded to the next, [L - 1].

    Returns:
        [L].
    """
    given = np.asarray(numbers, dtype=np.int64)
    steps = np.maximum(np.diff(given), 1)
    if bonded is not None:
        steps = np.where(bonded, 1, steps)
    broken = neighbour_distances(positions) > BREAK_DISTANCE
    steps = np.where(broken, np.maximum(steps, 2), steps)
    return given[0] + np.concatenate([[0], np.cumsum(steps)]).astype(np.int64)


def peptide_bonds(atoms: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Where C and the N of the next residue are bonded in most models.

    Args:
        atoms: N, CA, C and O in Å, NaN where missing, [K, L, 4, 3].

    Returns:
        [L - 1], False where an atom is missing.
    """
    distances = np.linalg.norm(atoms[:, 1:, 0] - atoms[:, :-1, 2], axis=-1)
    return (distances < BOND_LIMIT).mean(axis=0) > 0.5
