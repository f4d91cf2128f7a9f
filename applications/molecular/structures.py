"""From generated coordinates to an RDKit molecule with all hydrogens: placement, relaxation, energies."""

from __future__ import annotations

from enum import Enum
from typing import final

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem, rdBase
from rdkit.Chem import rdForceFieldHelpers

from applications.molecular.chemistry import Molecule


@final
class Relaxation(Enum):
    """Which atoms MMFF94s may move after generation."""

    NONE = "none"
    """None: coordinates are the model's, hydrogens stay where geometry rules put them."""
    HYDROGENS = "hydrogens"
    """Only hydrogens that the model did not generate; what the model generated stays fixed."""
    ALL = "mmff"
    """Every atom: the result is a force-field minimum near the generated conformer."""


_MAX_ITERATIONS = 500
_FARTHEST = 1e6


def assemble(molecule: Molecule, modelled: NDArray[np.int64], coordinates: NDArray[np.floating]) -> Chem.Mol:
    """Build a conformer from the coordinates of the modelled atoms.

    A model of all atoms gives every coordinate. A model of heavy atoms leaves the hydrogens out; RDKit's
    AddHs places them from the geometry of their neighbours (standard bond lengths, tetrahedral, trigonal or
    linear directions).

    Args:
        molecule: the molecule.
        modelled: [m] indices of the modelled atoms in `molecule.full`: all atoms, or those of
            `molecule.heavy`.
        coordinates: [m, 3], Å.

    Returns:
        A molecule in the atom order of `molecule.full`, with one conformer (identifier 0), centred on its
        modelled atoms.
    """
    centred = np.asarray(coordinates, dtype=np.float64)
    centred = centred - centred.mean(axis=0)
    if len(modelled) == molecule.full.GetNumAtoms():
        ordered = np.empty_like(centred)
        ordered[modelled] = centred
        return with_conformers(molecule.full, ordered[None])
    if not np.array_equal(modelled, np.arange(molecule.n_heavy)):
        raise ValueError(
            f"{molecule.smiles}: got coordinates of {len(modelled)} atoms, expected all or the first {molecule.n_heavy}"
        )
    with rdBase.BlockLogs():
        return Chem.AddHs(with_conformers(molecule.heavy, centred[None]), addCoords=True)


def are_sound(positions: NDArray[np.floating]) -> bool:
    """Whether coordinates in Å are finite and of a size that a molecule can have, below a tenth of a millimetre."""
    return bool((np.abs(positions) < _FARTHEST).all())


def with_conformers(mol: Chem.Mol, positions: NDArray[np.floating]) -> Chem.Mol:
    """A copy of `mol` whose conformers are `positions` [K, n, 3] in Å, with identifiers 0 to K - 1."""
    copy = Chem.Mol(mol)
    copy.RemoveAllConformers()
    for frame in positions:
        conformer = Chem.Conformer(len(frame))
        conformer.Set3D(True)
        conformer.SetPositions(np.ascontiguousarray(frame, dtype=np.float64))
        copy.AddConformer(conformer, assignId=True)
    return copy


def relax(mol: Chem.Mol, relaxation: Relaxation, *, modelled: NDArray[np.int64]) -> bool:
    """Relax the conformer of `mol` in place in MMFF94s; atoms in `modelled` are fixed under `HYDROGENS`.

    Returns:
        True if the force field ran. False if nothing was to be done or MMFF94s has no parameters; then no
        atom moved.
    """
    if relaxation is Relaxation.NONE:
        return False
    fixed = [int(i) for i in modelled] if relaxation is Relaxation.HYDROGENS else []
    if len(fixed) == mol.GetNumAtoms():
        return False
    with rdBase.BlockLogs():
        properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol, mmffVariant="MMFF94s")
        if properties is None:
            return False
        field = rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, properties)
        for index in fixed:
            field.AddFixedPoint(index)
        field.Initialize()
        field.Minimize(maxIts=_MAX_ITERATIONS)
    return True


def mmff_energy(mol: Chem.Mol, *, conf_id: int = -1) -> float | None:
    """MMFF94s energy of a conformer in kcal/mol, None where MMFF94s has no parameters."""
    with rdBase.BlockLogs():
        properties = rdForceFieldHelpers.MMFFGetMoleculeProperties(mol, mmffVariant="MMFF94s")
        if properties is None:
            return None
        return rdForceFieldHelpers.MMFFGetMoleculeForceField(mol, properties, confId=conf_id).CalcEnergy()
