"""Handedness of the helices of a CA trace: enantiomers are distinct points of R^{3N}/SE(3), and proteins have one hand.

P-SEA judges mostly by distances, which a mirror image shares, so it finds some left-handed helices and misses others.
Here helices are the residues that it finds in the trace or in its mirror image; the sign of the pseudo dihedral
decides the hand. The share of a trace and that of its mirror image add up to one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from applications.molecular.proteins.ca_geometry import CaTraces, pseudo_dihedrals
from applications.molecular.proteins.chains import BackboneChain
from applications.molecular.proteins.secondary_structure import Element, secondary_structure


@final
@dataclass(frozen=True)
class Handedness:
    """Hand of the helices of every model.

    Attributes:
        right: share of helical dihedrals that are right-handed, NaN without a helix, shape (K,).
        n_dihedrals: dihedrals of four residues inside a helix, shape (K,).
        dihedrals: these, in degrees, of all models together.
    """

    right: NDArray[np.float64]
    n_dihedrals: NDArray[np.int64]
    dihedrals: NDArray[np.float64]


def handedness(chain: BackboneChain, letters: NDArray[np.str_]) -> Handedness:
    """Whether the helices of a chain turn as in proteins: dihedrals of about +50 degrees, not -50.

    Args:
        chain: K models.
        letters: `secondary_structure` of the chain, shape (K, L); that of its mirror image is computed.

    Raises:
        MissingExtraError: biotite is not installed.
    """
    mirrored = replace(chain, positions=chain.positions * np.array([-1, 1, 1], dtype=np.float32))
    helix = Element.HELIX.value
    helical = (letters == helix) | (secondary_structure(mirrored) == helix)
    dihedrals = pseudo_dihedrals(CaTraces.of_chain(chain))
    count = dihedrals.shape[-1]
    within = np.isfinite(dihedrals) & np.logical_and.reduce([helical[:, k : k + count] for k in range(4)])
    n = within.sum(axis=-1)
    right = np.where(n > 0, (within & (dihedrals > 0)).sum(axis=-1) / np.maximum(n, 1), np.nan)
    return Handedness(right=right, n_dihedrals=n, dihedrals=dihedrals[within])
