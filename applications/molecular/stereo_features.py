"""Stereochemistry as network inputs: the hand of centres, cis and trans pairs around double bonds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

if TYPE_CHECKING:
    from rdkit.Chem.rdchem import Bond, Mol


@final
@dataclass(frozen=True, kw_only=True)
class ChiralCentre:
    """One specified tetrahedral centre and the hand that is asked for.

    With p the positions, the wanted hand has `sign * det(p[a] - p[d], p[b] - p[d], p[c] - p[d]) > 0`, where
    (a, b, c, d) = `corners`. The determinant alternates under permutations of its four corners, and keeps its
    sign when one corner is replaced by the centre itself, which stands in for a hydrogen or a lone pair.

    Attributes:
        centre: Index of the stereocentre.
        corners: Indices of its four neighbours in the order of its bonds; a missing fourth one is the centre.
        sign: +1 or -1.
    """

    centre: int
    corners: tuple[int, int, int, int]
    sign: int


def chiral_centres(mol: Mol) -> list[ChiralCentre]:
    """Read the specified tetrahedral stereocentres of a molecule with explicit hydrogens.

    RDKit's tag says which way the other neighbours turn when seen from the first one, in the order of the
    bonds: it needs no CIP ranking.

    Args:
        mol: Molecule with explicit hydrogens.

    Returns:
        One entry per centre with a known hand and three or four neighbours.
    """
    from rdkit.Chem.rdchem import ChiralType

    signs = {ChiralType.CHI_TETRAHEDRAL_CW: -1, ChiralType.CHI_TETRAHEDRAL_CCW: 1}
    centres = []
    for atom in mol.GetAtoms():
        sign = signs.get(atom.GetChiralTag())
        neighbours = [b.GetOtherAtomIdx(atom.GetIdx()) for b in atom.GetBonds()]
        if sign is None or len(neighbours) not in (3, 4):
            continue
        a, b, c, d = (*neighbours, atom.GetIdx())[:4]
        centres.append(ChiralCentre(centre=atom.GetIdx(), corners=(a, b, c, d), sign=sign))
    return centres


def _ring_relation(bond: Bond, left: int, right: int, rings: list[frozenset[int]]) -> int:
    """+1 if `left` and `right` are cis about a planar ring bond, -1 if trans, 0 if undecided."""
    ends = {bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()}
    for ring in rings:
        if ends <= ring and len(ring) <= 7:
            return 1 if (left in ring) == (right in ring) else -1
    return 0


def cis_trans(mol: Mol) -> np.ndarray:
    """Mark pairs of atoms three bonds apart that a planar double bond holds cis or trans.

    Covers double bonds with a stated E or Z and double or aromatic bonds in rings of at most seven atoms.

    Args:
        mol: Molecule with explicit hydrogens.

    Returns:
        Array of shape (n_atoms, n_atoms, 2), float32: a cis flag and a trans flag, symmetric in the two
        atoms.
    """
    from rdkit.Chem.rdchem import BondStereo, BondType

    n = mol.GetNumAtoms()
    out = np.zeros((n, n, 2), dtype=np.float32)
    rings = sorted((frozenset(r) for r in mol.GetRingInfo().AtomRings()), key=lambda r: (len(r), sorted(r)))
    stated = {
        BondStereo.STEREOZ: 1,
        BondStereo.STEREOCIS: 1,
        BondStereo.STEREOE: -1,
        BondStereo.STEREOTRANS: -1,
    }
    for bond in mol.GetBonds():
        if bond.GetBondType() not in (BondType.DOUBLE, BondType.AROMATIC):
            continue
        begin, end = bond.GetBeginAtom(), bond.GetEndAtom()
        lefts = [a.GetIdx() for a in begin.GetNeighbors() if a.GetIdx() != end.GetIdx()]
        rights = [a.GetIdx() for a in end.GetNeighbors() if a.GetIdx() != begin.GetIdx()]
        if len(lefts) > 2 or len(rights) > 2:
            continue
        asked = stated.get(bond.GetStereo(), 0)
        anchors = list(bond.GetStereoAtoms()) if asked else []
        for left in lefts:
            for right in rights:
                if len(anchors) == 2:
                    relation = asked * (1 if left in anchors else -1) * (1 if right in anchors else -1)
                else:
                    relation = _ring_relation(bond, left, right, rings)
                if relation and left != right:
                    column = 0 if relation > 0 else 1
                    out[left, right, column] = out[right, left, column] = 1.0
    return out
