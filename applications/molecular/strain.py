"""Strain in MMFF94s [Halgren1996]: how far a conformer lies above the lowest minimum that is known.

    strain(x) = E(x) - min over m of E(m)

E is the MMFF94s energy in vacuum, x the conformer exactly as it was returned, and m runs over the minima that
relaxation in the same force field reaches from the references, and from ETKDG where those columns are computed.
It is what the geometry costs together with what the choice of the conformer costs; it is negative where
a conformer lies below every minimum found.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Chem import rdForceFieldHelpers

from applications.molecular.chemistry import MoleculeRefused
from applications.molecular.ensembles import EnsembleOptions, relax_mmff


def energies(mol: Chem.Mol) -> NDArray[np.float64]:
    """MMFF94s energies of all K conformers in kcal/mol, [K]; NaN where the force field has no parameters."""
    conf_ids = [conformer.GetId() for conformer in mol.GetConformers()]
    with rdBase.BlockLogs():
        properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol, mmffVariant="MMFF94s")
        if properties is None:
            return np.full(len(conf_ids), np.nan)
        fields = [rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, properties, confId=i) for i in conf_ids]
        return np.array([field.CalcEnergy() for field in fields], dtype=np.float64)


def lowest_minimum(mol: Chem.Mol, *, smiles: str) -> float:
    """Lowest MMFF94s energy in kcal/mol that relaxation reaches from the conformers of `mol`.

    Args:
        mol: with hydrogens and at least one conformer; it is not changed.
        smiles: named in errors.

    Returns:
        The energy, NaN without parameters or if nothing converged. Cost: one relaxation per conformer.
    """
    copy = Chem.Mol(mol)
    try:
        found = relax_mmff(copy, [c.GetId() for c in copy.GetConformers()], smiles=smiles, options=EnsembleOptions())
    except MoleculeRefused:
        return float("nan")
    return min(found.values(), default=float("nan"))
