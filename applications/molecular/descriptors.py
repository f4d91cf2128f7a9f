"""Plain numerical descriptions of atoms and of pairs of atoms, read from an RDKit molecule.

Every function takes a sanitised molecule whose hydrogens are explicit, and returns NumPy arrays over *all*
its atoms: `features.py` selects the atoms that a model handles. The same molecule always gives the same
numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from rdkit.Chem.rdchem import Atom, Bond, Mol

ELEMENTS: Final = (1, 5, 6, 7, 8, 9, 14, 15, 16, 17, 35, 53)
"""Atomic numbers that have a place in the one-hot element code."""

MAX_GRAPH_DISTANCE: Final = 8
"""Graph distances of this many bonds or more share one code."""

MAX_BOUND: Final = 12.0
"""Distance bounds are cut here (Å): beyond it the topology says nothing useful."""

_RING_SIZES: Final = (3, 4, 5, 6, 7, 8)
_FALLBACK_BOND: Final = 1.7


def _one_hot(index: int, size: int) -> list[float]:
    return [1.0 if i == index else 0.0 for i in range(size)]


def _atom_row(atom: Atom, ring_sizes: set[int], radius: float) -> list[float]:
    from rdkit.Chem.rdchem import ChiralType, HybridizationType

    hybridisations = (
        HybridizationType.SP,
        HybridizationType.SP2,
        HybridizationType.SP3,
        HybridizationType.SP3D,
        HybridizationType.SP3D2,
    )
    charge = atom.GetFormalCharge()
    return [
        *_one_hot(ELEMENTS.index(atom.GetAtomicNum()), len(ELEMENTS)),
        *_one_hot(max(-2, min(2, charge)) + 2, 5),
        *[1.0 if atom.GetHybridization() == h else 0.0 for h in hybridisations],
        float(atom.GetIsAromatic()),
        float(bool(ring_sizes)),
        *[float(size in ring_sizes) for size in _RING_SIZES],
        *_one_hot(min(4, atom.GetTotalNumHs(includeNeighbors=True)), 5),
        *_one_hot(min(5, atom.GetDegree()), 6),
        min(2, atom.GetNumRadicalElectrons()) / 2.0,
        float(atom.GetChiralTag() in (ChiralType.CHI_TETRAHEDRAL_CW, ChiralType.CHI_TETRAHEDRAL_CCW)),
        float(any(bond.GetIsConjugated() for bond in atom.GetBonds())),
        radius,
    ]


ATOM_WIDTH: Final = len(ELEMENTS) + 5 + 5 + 2 + len(_RING_SIZES) + 5 + 6 + 4
"""Number of columns of `atom_descriptors`."""

BONDED: Final = 9
"""Column of the pair descriptors that is one at bonded pairs."""
PAIR_WIDTH: Final = 5 + 3 + (MAX_GRAPH_DISTANCE + 2) + (len(_RING_SIZES) + 1) + 3
"""Number of columns of `pair_descriptors` (cis/trans relations are added by `stereo_features`)."""


def atom_descriptors(mol: Mol) -> np.ndarray:
    """Describe each atom by its element, charge, hybridisation, rings, hydrogens, degree and radius.

    Args:
        mol: Molecule with explicit hydrogens whose elements are all in `ELEMENTS`.

    Returns:
        Array of shape (n_atoms, ATOM_WIDTH), float32.
    """
    from rdkit.Chem import GetPeriodicTable

    table = GetPeriodicTable()
    sizes: list[set[int]] = [set() for _ in range(mol.GetNumAtoms())]
    for ring in mol.GetRingInfo().AtomRings():
        for index in ring:
            sizes[index].add(len(ring))
    rows = [_atom_row(atom, sizes[atom.GetIdx()], table.GetRcovalent(atom.GetAtomicNum())) for atom in mol.GetAtoms()]
    return np.asarray(rows, dtype=np.float32).reshape(-1, ATOM_WIDTH)


def _bond_row(bond: Bond) -> list[float]:
    from rdkit.Chem.rdchem import BondType

    kinds = (BondType.SINGLE, BondType.DOUBLE, BondType.TRIPLE, BondType.AROMATIC)
    kind = bond.GetBondType()
    known = [1.0 if kind == k else 0.0 for k in kinds]
    in_ring = bond.IsInRing()
    return [
        *known,
        float(kind not in kinds),
        float(bond.GetIsConjugated()),
        float(in_ring),
        float(kind == BondType.SINGLE and not in_ring),
    ]


def pair_descriptors(mol: Mol, bounds: np.ndarray) -> np.ndarray:
    """Describe each pair of atoms by its bond, graph distance, smallest common ring and distance bounds.

    Args:
        mol: Molecule with explicit hydrogens.
        bounds: Lower and upper distance bounds (Å), shape (n_atoms, n_atoms, 2).

    Returns:
        Array of shape (n_atoms, n_atoms, PAIR_WIDTH), float32, symmetric in the two atoms.
    """
    from rdkit.Chem import GetDistanceMatrix

    n = mol.GetNumAtoms()
    out = np.zeros((n, n, PAIR_WIDTH), dtype=np.float32)
    for bond in mol.GetBonds():
        i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        out[i, j, :8] = out[j, i, :8] = _bond_row(bond)
    raw = np.asarray(GetDistanceMatrix(mol))
    code = np.where(raw > n, MAX_GRAPH_DISTANCE + 1, np.minimum(raw, MAX_GRAPH_DISTANCE)).astype(np.int64)
    out[:, :, 8:18][np.arange(n)[:, None], np.arange(n)[None, :], code] = 1.0
    shared = np.zeros((n, n), dtype=np.int64)
    for ring in sorted(mol.GetRingInfo().AtomRings(), key=len, reverse=True):
        shared[np.ix_(ring, ring)] = len(ring)
    for column, size in enumerate(_RING_SIZES):
        out[:, :, 18 + column] = shared == size
    out[:, :, 24] = shared > _RING_SIZES[-1]
    out[:, :, 25] = bounds[..., 0] / 4.0
    out[:, :, 26] = bounds[..., 1] / 4.0
    out[:, :, 27] = np.exp(-4.0 * (bounds[..., 1] - bounds[..., 0]))
    return out


def distance_bounds(mol: Mol) -> np.ndarray:
    """Lower and upper bounds of all interatomic distances that follow from the topology alone.

    The distance-geometry bounds of RDKit (ideal bond lengths, angles, known torsions, van der Waals
    contacts), which know the bond orders and the double-bond stereochemistry. Where RDKit has none (an atom
    type unknown to its force field), bounds from the number of bonds replace them.

    Args:
        mol: Molecule with explicit hydrogens.

    Returns:
        Array of shape (n_atoms, n_atoms, 2) in Å, lower then upper, cut at `MAX_BOUND`.
    """
    from rdkit.Chem import GetDistanceMatrix
    from rdkit.Chem.rdDistGeom import GetMoleculeBoundsMatrix
    from rdkit.rdBase import BlockLogs

    try:
        with BlockLogs():
            raw = np.asarray(GetMoleculeBoundsMatrix(mol))
    except (RuntimeError, ValueError):
        steps = np.asarray(GetDistanceMatrix(mol))
        lower, upper = np.where(steps > 0, 1.0, 0.0), _FALLBACK_BOND * steps
    else:
        upper = np.triu(raw, 1) + np.triu(raw, 1).T
        lower = np.tril(raw, -1) + np.tril(raw, -1).T
    return np.minimum(np.stack([lower, upper], axis=-1), MAX_BOUND).astype(np.float32)
