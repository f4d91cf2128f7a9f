"""Two quick checks of a conformer against distance-geometry bounds: bond lengths, and clashes.

They need nothing but RDKit and cost under a millisecond; PoseBusters (`evaluate --posebusters`) checks more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import rdDistGeom

BOND_TOLERANCE = 0.25
"""A bond may be this much, relatively, outside its bounds."""

CLASH_TOLERANCE = 0.30
"""Two atoms more than two bonds apart may be this much, relatively, nearer than their lower bound."""


@final
@dataclass(frozen=True)
class GeometryReport:
    """Outcome of the quick checks.

    Attributes:
        bad_bonds: bonds outside their bounds by more than `BOND_TOLERANCE`.
        clashes: pairs of atoms nearer than their lower bound by more than `CLASH_TOLERANCE`.
    """

    bad_bonds: int
    clashes: int

    @property
    def ok(self) -> bool:
        """True if nothing was found."""
        return self.bad_bonds == 0 and self.clashes == 0


@final
class GeometryChecker:
    """The bounds of one molecule, computed once and used for all of its conformers."""

    def __init__(self, mol: Chem.Mol) -> None:
        with rdBase.BlockLogs():
            bounds = rdDistGeom.GetMoleculeBoundsMatrix(mol)
        graph = Chem.GetDistanceMatrix(mol)
        upper = np.triu(np.ones_like(graph, dtype=bool), k=1)
        self._bonded = (graph == 1) & upper
        self._far = (graph > 2) & upper
        # RDKit keeps upper bounds above the diagonal and lower bounds below it.
        self._longest, self._shortest = np.triu(bounds), np.tril(bounds).T

    def check(self, mol: Chem.Mol, *, conf_id: int = -1) -> GeometryReport:
        """Check one conformer of the molecule given at construction."""
        positions = mol.GetConformer(conf_id).GetPositions()
        distance = np.linalg.norm(positions[:, None] - positions[None], axis=-1)
        too_long = distance > (1 + BOND_TOLERANCE) * self._longest
        too_short = distance < (1 - BOND_TOLERANCE) * self._shortest
        clash = distance < (1 - CLASH_TOLERANCE) * self._shortest
        return GeometryReport(
            bad_bonds=int((self._bonded & (too_long | too_short)).sum()),
            clashes=int((self._far & clash).sum()),
        )
