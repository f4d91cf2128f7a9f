"""From an RDKit molecule to the typed tensors that a conformer network reads.

A model handles either all atoms or only the heavy ones, whose hydrogens RDKit then places (`Hydrogens`).
Nothing here depends on coordinates: features are computed once per molecule.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, final

import numpy as np
import torch
from torch import Tensor

from applications.molecular import descriptors
from applications.molecular.stereo_features import chiral_centres, cis_trans

if TYPE_CHECKING:
    from rdkit.Chem.rdchem import Mol

ATOM_WIDTH = descriptors.ATOM_WIDTH
PAIR_WIDTH = descriptors.PAIR_WIDTH + 2


@final
class Hydrogens(Enum):
    """Which atoms a model generates."""

    PLACED = "placed"
    """Heavy atoms (and hydrogens without a heavy neighbour); the others are placed afterwards by geometry."""
    MODELLED = "modelled"
    """All atoms."""


@final
class UnsupportedElementError(ValueError):
    """A molecule holds an element that the features have no code for.

    Attributes:
        atomic_number: The element met.
    """

    def __init__(self, *, atomic_number: int, symbol: str) -> None:
        self.atomic_number = atomic_number
        expected = ", ".join(str(z) for z in descriptors.ELEMENTS)
        super().__init__(
            f"got element {symbol} (atomic number {atomic_number}), expected one of the atomic numbers "
            f"{expected}; remove the molecule, or replace the element"
        )


@final
@dataclass(frozen=True, kw_only=True)
class MoleculeFeatures:
    """Static inputs of one molecule with n modelled atoms and c specified stereocentres.

    Attributes:
        atom_index: Modelled atoms as indices into the molecule with all hydrogens explicit, shape (n,),
            int64.
        atoms: Atom descriptors, shape (n, ATOM_WIDTH).
        pairs: Pair descriptors, symmetric, shape (n, n, PAIR_WIDTH).
        bounds: Lower and upper distance bounds in Å, shape (n, n, 2).
        chiral_centre: Index of each stereocentre among the modelled atoms, shape (c,), int64.
        chiral_corners: Its four corners (see `stereo_features.ChiralCentre`), shape (c, 4), int64.
        chiral_sign: Sign of the signed volume of the corners for the wanted hand, +1 or -1, shape (c,).
    """

    atom_index: Tensor
    atoms: Tensor
    pairs: Tensor
    bounds: Tensor
    chiral_centre: Tensor
    chiral_corners: Tensor
    chiral_sign: Tensor

    @property
    def n_atoms(self) -> int:
        """Number of modelled atoms."""
        return self.atoms.shape[0]


def with_hydrogens(mol: Mol) -> Mol:
    """Return the molecule with all hydrogens explicit; the atoms already there keep their indices."""
    from rdkit.Chem import AddHs

    return AddHs(mol)


def modelled_atoms(mol: Mol, *, hydrogens: Hydrogens) -> list[int]:
    """Indices of the atoms of an explicit-hydrogen molecule that a model generates.

    Args:
        mol: Molecule with explicit hydrogens.
        hydrogens: Which atoms the model generates.

    Returns:
        Increasing indices. With `Hydrogens.PLACED` a hydrogen is kept only if it is not bound to exactly one
        heavy atom (molecular hydrogen, bridging hydrogens), since nothing could place it.
    """
    if hydrogens is Hydrogens.MODELLED:
        return list(range(mol.GetNumAtoms()))
    return [
        atom.GetIdx()
        for atom in mol.GetAtoms()
        if atom.GetAtomicNum() != 1 or [neighbour.GetAtomicNum() != 1 for neighbour in atom.GetNeighbors()] != [True]
    ]


def featurize(mol: Mol, *, hydrogens: Hydrogens) -> MoleculeFeatures:
    """Compute the static inputs of a molecule.

    Args:
        mol: Sanitised RDKit molecule, with or without explicit hydrogens; its conformers are not read.
        hydrogens: Which atoms are modelled.

    Returns:
        Tensors on the CPU in float32 and int64.

    Raises:
        UnsupportedElementError: If an element has no code.
    """
    full = with_hydrogens(mol)
    for atom in full.GetAtoms():
        if atom.GetAtomicNum() not in descriptors.ELEMENTS:
            raise UnsupportedElementError(atomic_number=atom.GetAtomicNum(), symbol=atom.GetSymbol())
    keep = modelled_atoms(full, hydrogens=hydrogens)
    place = {atom: i for i, atom in enumerate(keep)}
    bounds = descriptors.distance_bounds(full)
    pairs = np.concatenate([descriptors.pair_descriptors(full, bounds), cis_trans(full)], axis=-1)
    chosen = np.ix_(keep, keep)
    centres, corners, signs = _select_centres(full, place)
    return MoleculeFeatures(
        atom_index=torch.tensor(keep, dtype=torch.int64),
        atoms=torch.from_numpy(descriptors.atom_descriptors(full)[keep]),
        pairs=torch.from_numpy(pairs[chosen]),
        bounds=torch.from_numpy(bounds[chosen]),
        chiral_centre=torch.tensor(centres, dtype=torch.int64),
        chiral_corners=torch.tensor(corners, dtype=torch.int64).reshape(-1, 4),
        chiral_sign=torch.tensor(signs, dtype=torch.float32),
    )


def _select_centres(full: Mol, place: dict[int, int]) -> tuple[list[int], list[list[int]], list[float]]:
    """Stereocentres in modelled indices; the centre stands in for one neighbour that is not modelled."""
    centres, corners, signs = [], [], []
    for item in chiral_centres(full):
        here = place.get(item.centre)
        if here is None:
            continue
        quad = [place.get(corner, here) for corner in item.corners]
        if quad.count(here) > 1:
            continue
        centres.append(here)
        corners.append(quad)
        signs.append(float(item.sign))
    return centres, corners, signs
