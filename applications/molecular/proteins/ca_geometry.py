"""Local geometry of CA traces: bonds, pseudo angles, pseudo dihedrals and clashes.

Arrays are batched and padded; what does not exist (padding, across a chain break) is NaN in real-valued results, so
that a padded trace gives exactly what the trace alone gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self, final

import numpy as np
from numpy.typing import NDArray

from applications.molecular.proteins.chains import BackboneChain

BOND: Final = 3.80
"""Distance of consecutive CA atoms in Å with a trans peptide bond, set by its rigid plane."""

BOND_TOLERANCE: Final = 0.10
"""How far from `BOND`, in Å, a bond is right."""

CIS_RANGE: Final = (2.70, 3.15)
"""CA-CA distances in Å of cis peptide bonds, about 2.9; those of the bundled chains lie from 2.83 to 3.01."""

CLASH: Final = 3.5
"""Two CA atoms that are not bonded and nearer than this, in Å, clash. The nearest approach in the bundled PDB chains
is 3.57 Å."""


@final
@dataclass(frozen=True)
class CaTraces:
    """CA traces of any batch shape, padded to one length.

    Attributes:
        positions: in Å, shape (..., L, 3).
        linked: whether residue i and the next one follow each other in the chain, shape (..., L - 1).
        mask: which rows are residues, shape (..., L).
    """

    positions: NDArray[np.float64]
    linked: NDArray[np.bool_]
    mask: NDArray[np.bool_]

    @classmethod
    def of_chain(cls, chain: BackboneChain) -> Self:
        """The K models of a chain, as a batch of shape (K,)."""
        shape = chain.positions.shape[:2]
        return cls(
            chain.positions.astype(np.float64),
            np.broadcast_to(np.diff(chain.residue_index) == 1, (shape[0], shape[1] - 1)),
            np.ones(shape, dtype=bool),
        )

    @classmethod
    def padded(cls, traces: Sequence[CaTraces]) -> Self:
        """Batches of shape (K,) of different lengths as one batch."""
        longest = max(t.positions.shape[-2] for t in traces)
        grown = [(t, longest - t.positions.shape[-2]) for t in traces]
        return cls(
            np.concatenate([np.pad(t.positions, ((0, 0), (0, extra), (0, 0))) for t, extra in grown]),
            np.concatenate([np.pad(t.linked, ((0, 0), (0, extra))) for t, extra in grown]),
            np.concatenate([np.pad(t.mask, ((0, 0), (0, extra))) for t, extra in grown]),
        )


def bond_lengths(traces: CaTraces) -> NDArray[np.float64]:
    """Distances of consecutive CA atoms in Å, shape (..., L - 1); NaN at chain breaks and in padding."""
    return np.where(traces.linked, np.linalg.norm(_steps(traces), axis=-1), np.nan)


def pseudo_angles(traces: CaTraces) -> NDArray[np.float64]:
    """Angles at the middle of three consecutive CA atoms in degrees, 0 to 180, shape (..., max(L - 2, 0)).

    NaN where the three are not consecutive, or where two of them coincide.
    """
    step = _steps(traces)
    back, ahead = -step[..., :-1, :], step[..., 1:, :]
    # the arc tangent is accurate at every angle, where the arc cosine is not near 0 and 180
    cross = np.linalg.norm(np.cross(back, ahead), axis=-1)
    dot = (back * ahead).sum(axis=-1)
    there = traces.linked[..., :-1] & traces.linked[..., 1:] & (np.hypot(cross, dot) > 0)
    return np.where(there, np.degrees(np.arctan2(cross, dot)), np.nan)


def pseudo_dihedrals(traces: CaTraces) -> NDArray[np.float64]:
    """Dihedral angles of four consecutive CA atoms in degrees, -180 to 180, shape (..., max(L - 3, 0)).

    IUPAC sign: positive for a right-handed screw, about +50 in right-handed alpha helices and about -170 in strands.
    NaN where the four are not consecutive, or three of them are on a line.
    """
    step = _steps(traces)
    first, middle, last = step[..., :-2, :], step[..., 1:-1, :], step[..., 2:, :]
    left, right = np.cross(first, middle), np.cross(middle, last)
    sine = (first * right).sum(axis=-1) * np.linalg.norm(middle, axis=-1)
    cosine = (left * right).sum(axis=-1)
    linked = traces.linked
    there = linked[..., :-2] & linked[..., 1:-1] & linked[..., 2:] & (np.hypot(sine, cosine) > 0)
    return np.where(there, np.degrees(np.arctan2(sine, cosine)), np.nan)


def pair_distances(traces: CaTraces) -> NDArray[np.float64]:
    """Distances in Å of all pairs of CA atoms, shape (..., L, L); NaN in padding."""
    x = traces.positions
    squares = sum((x[..., :, None, k] - x[..., None, :, k]) ** 2 for k in range(3))
    return np.where(traces.mask[..., :, None] & traces.mask[..., None, :], np.sqrt(squares), np.nan)


def clash_counts(traces: CaTraces, *, threshold: float = CLASH) -> NDArray[np.int64]:
    """Number of pairs of CA atoms without a bond that are nearer than `threshold` (Å), of the batch shape (...)."""
    n = traces.mask.shape[-1]
    close = np.triu(pair_distances(traces) < threshold, 1)
    i = np.arange(n - 1)
    close[..., i, i + 1] &= ~traces.linked
    return close.sum(axis=(-1, -2))


def share_between(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Share of the numbers in the last axis that lie in [low, high]; NaN, which counts nowhere, if there are none."""
    found = np.isfinite(values).sum(axis=-1)
    inside = ((values >= low) & (values <= high)).sum(axis=-1)
    return np.where(found > 0, inside / np.maximum(found, 1), np.nan)


def _steps(traces: CaTraces) -> NDArray[np.float64]:
    return np.diff(traces.positions, axis=-2)
