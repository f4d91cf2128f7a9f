"""Padded batches of molecules: features stacked to one size, with a mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor

from applications.molecular.features import ATOM_WIDTH, PAIR_WIDTH, MoleculeFeatures


@final
@dataclass(frozen=True, kw_only=True)
class FeatureBatch:
    """Static inputs of B molecules padded to N atoms and C stereocentres.

    Attributes:
        mask: True at real atoms, shape (B, N).
        atoms: Atom descriptors, zero at padding, shape (B, N, ATOM_WIDTH).
        pairs: Pair descriptors, zero at padding, shape (B, N, N, PAIR_WIDTH).
        bounds: Lower and upper distance bounds in model units, shape (B, N, N, 2).
        chiral_centre: Atom index of each stereocentre, shape (B, C), int64.
        chiral_corners: Atom indices of its corners, shape (B, C, 4), int64.
        chiral_sign: Sign of the wanted hand, 0 at padding, shape (B, C).
        atom_index: Index of each atom in its molecule with all hydrogens, -1 at padding, shape (B, N), int64.
    """

    mask: Tensor
    atoms: Tensor
    pairs: Tensor
    bounds: Tensor
    chiral_centre: Tensor
    chiral_corners: Tensor
    chiral_sign: Tensor
    atom_index: Tensor

    @property
    def size(self) -> int:
        """Number of molecules."""
        return self.mask.shape[0]

    @property
    def n_atoms(self) -> int:
        """Number of atoms after padding."""
        return self.mask.shape[1]

    def to(self, target: torch.device | torch.dtype) -> FeatureBatch:
        """Move all tensors to a device, or the floating-point ones to a dtype."""
        if isinstance(target, torch.device):
            return FeatureBatch(**{name: value.to(target) for name, value in vars(self).items()})
        floats = ("atoms", "pairs", "bounds", "chiral_sign")
        return replace(self, **{name: getattr(self, name).to(target) for name in floats})


def collate(molecules: Sequence[MoleculeFeatures], *, scale: float, pad_to: int | None = None) -> FeatureBatch:
    """Pad and stack the features of several molecules.

    Args:
        molecules: Features, one entry per molecule; at least one.
        scale: Å per model unit; the distance bounds are divided by it.
        pad_to: Number of atoms to pad to, or None for the largest molecule.

    Returns:
        The batch, in the order given.
    """
    size = len(molecules)
    n_atoms = max(pad_to or 1, *(m.n_atoms for m in molecules), 1)
    n_centres = max(m.chiral_sign.shape[0] for m in molecules)
    mask = torch.zeros(size, n_atoms, dtype=torch.bool)
    atoms = torch.zeros(size, n_atoms, ATOM_WIDTH)
    pairs = torch.zeros(size, n_atoms, n_atoms, PAIR_WIDTH)
    bounds = torch.zeros(size, n_atoms, n_atoms, 2)
    centre = torch.zeros(size, n_centres, dtype=torch.int64)
    corners = torch.zeros(size, n_centres, 4, dtype=torch.int64)
    sign = torch.zeros(size, n_centres)
    index = torch.full((size, n_atoms), -1, dtype=torch.int64)
    for row, item in enumerate(molecules):
        n, c = item.n_atoms, item.chiral_sign.shape[0]
        mask[row, :n] = True
        atoms[row, :n] = item.atoms
        pairs[row, :n, :n] = item.pairs
        bounds[row, :n, :n] = item.bounds
        centre[row, :c] = item.chiral_centre
        corners[row, :c] = item.chiral_corners
        sign[row, :c] = item.chiral_sign
        index[row, :n] = item.atom_index
    return FeatureBatch(
        mask=mask,
        atoms=atoms,
        pairs=pairs,
        bounds=bounds / scale,
        chiral_centre=centre,
        chiral_corners=corners,
        chiral_sign=sign,
        atom_index=index,
    )
