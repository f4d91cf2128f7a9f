"""How flat aromatic rings are: the distance of their atoms from the plane that fits them best."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem

FLATNESS_TOLERANCE: Final = 0.25
"""Å; an aromatic ring with an atom further from its plane counts as bent. PoseBusters draws the same line."""


def aromatic_rings(mol: Chem.Mol) -> list[tuple[int, ...]]:
    """Atom indices of the smallest rings all of whose atoms are aromatic."""
    rings = mol.GetRingInfo().AtomRings()
    return [ring for ring in rings if all(mol.GetAtomWithIdx(i).GetIsAromatic() for i in ring)]


def plane_deviation(points: NDArray[np.floating]) -> float:
    """Largest distance in Å of points [n, 3] from their least-squares plane."""
    centred = points - points.mean(axis=0)
    normal = np.linalg.svd(centred, full_matrices=True)[2][2]
    return float(np.abs(centred @ normal).max())
