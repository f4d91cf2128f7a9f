"""Stereochemistry: what a SMILES specifies, what it leaves open, and whether coordinates reproduce it.

Reflections are not rigid motions: enantiomers are different points of R^{3N}/SE(3), so a generated conformer
must be checked, never mirrored.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import final

from rdkit import Chem, rdBase
from rdkit.Chem.EnumerateStereoisomers import EnumerateStereoisomers, StereoEnumerationOptions

from applications.molecular.chemistry import TETRAHEDRAL
from applications.molecular.seeds import derived_seed

MAX_ENUMERATED = 32
"""At most this many stereoisomers are drawn when a SMILES leaves stereochemistry open."""

_FIXED_BONDS = (
    Chem.BondStereo.STEREOZ,
    Chem.BondStereo.STEREOE,
    Chem.BondStereo.STEREOCIS,
    Chem.BondStereo.STEREOTRANS,
)


@final
@dataclass(frozen=True)
class StereoReport:
    """How one conformer compares with the stereochemistry its SMILES specifies.

    Attributes:
        kept: True if the conformer is the requested stereoisomer (what the SMILES leaves open is ignored).
        centres: number of specified tetrahedral centres.
        centres_kept: how many of them have the requested hand, atom by atom.
        bonds: number of specified double bonds.
        bonds_kept: how many of them have the requested side.
    """

    kept: bool
    centres: int
    centres_kept: int
    bonds: int
    bonds_kept: int

    @property
    def all_centres_wrong(self) -> bool:
        """Whether there are specified centres and each has the other hand: the mirror image has them right."""
        return self.centres > 0 and self.centres_kept == 0


def specified_centres(mol: Chem.Mol) -> list[int]:
    """Indices of atoms with a specified tetrahedral configuration."""
    return [atom.GetIdx() for atom in mol.GetAtoms() if atom.GetChiralTag() in TETRAHEDRAL]


def specified_bonds(mol: Chem.Mol) -> list[int]:
    """Indices of double bonds with a specified configuration."""
    return [bond.GetIdx() for bond in mol.GetBonds() if bond.GetStereo() in _FIXED_BONDS]


def unspecified(mol: Chem.Mol) -> list[str]:
    """What the molecule leaves open, in words: one entry per stereocentre or double bond without a mark."""
    found = []
    for info in Chem.FindPotentialStereo(Chem.Mol(mol)):
        if info.specified == Chem.StereoSpecified.Specified:
            continue
        if info.type == Chem.StereoType.Atom_Tetrahedral:
            atom = mol.GetAtomWithIdx(info.centeredOn)
            found.append(f"centre {atom.GetSymbol()}{atom.GetIdx() + 1}")
        elif info.type == Chem.StereoType.Bond_Double:
            bond = mol.GetBondWithIdx(info.centeredOn)
            found.append(f"double bond {bond.GetBeginAtomIdx() + 1}={bond.GetEndAtomIdx() + 1}")
    return found


def stereoisomers(mol: Chem.Mol, *, seed: int) -> Iterator[str]:
    """Canonical SMILES of the stereoisomers compatible with `mol`, in an order fixed by seed and molecule.

    A fully specified molecule yields itself alone. Some of the isomers of bridged ring systems cannot exist
    in three dimensions; the caller takes the first one that can be embedded.
    """
    smiles = Chem.MolToSmiles(mol)
    options = StereoEnumerationOptions(
        onlyUnassigned=True,
        unique=True,
        maxIsomers=MAX_ENUMERATED,
        rand=derived_seed(seed, smiles, "enumerate", bits=31),
    )
    with rdBase.BlockLogs():
        found = {Chem.MolToSmiles(isomer) for isomer in EnumerateStereoisomers(mol, options=options)}
    yield from sorted(found, key=lambda isomer: derived_seed(seed, isomer, "isomer"))


def with_seen_stereo(mol: Chem.Mol, *, conf_id: int = -1) -> Chem.Mol:
    """A copy whose stereochemistry is that of its coordinates alone; none where bonded atoms lie on one another."""
    seen = Chem.Mol(mol)
    with rdBase.BlockLogs():
        try:
            Chem.AssignStereochemistryFrom3D(seen, confId=conf_id, replaceExistingTags=True)
        except RuntimeError:
            # a bond of length zero has no direction, which RDKit reports as an error of its own
            Chem.RemoveStereochemistry(seen)
    return seen


def check_stereo(mol: Chem.Mol, *, conf_id: int = -1) -> StereoReport:
    """Compare the configuration of a conformer with the one its molecule specifies.

    Centres and bonds are counted atom by atom. The verdict `kept` compares canonical SMILES, so that a
    conformer in which two equivalent centres have exchanged roles (a meso compound) is still the right
    stereoisomer.

    Args:
        mol: molecule with explicit hydrogens, its requested stereochemistry, and at least one conformer.
        conf_id: which conformer.
    """
    centres, bonds = specified_centres(mol), specified_bonds(mol)
    if not centres and not bonds:
        return StereoReport(kept=True, centres=0, centres_kept=0, bonds=0, bonds_kept=0)
    seen = with_seen_stereo(mol, conf_id=conf_id)
    centres_kept = sum(seen.GetAtomWithIdx(i).GetChiralTag() == mol.GetAtomWithIdx(i).GetChiralTag() for i in centres)
    bonds_kept = sum(_same_side(seen.GetBondWithIdx(i), mol.GetBondWithIdx(i)) for i in bonds)
    kept = centres_kept == len(centres) and bonds_kept == len(bonds)
    if not kept:
        kept = _isomer_smiles(seen, centres, bonds) == _isomer_smiles(mol, centres, bonds)
    return StereoReport(
        kept=kept, centres=len(centres), centres_kept=centres_kept, bonds=len(bonds), bonds_kept=bonds_kept
    )


def _same_side(seen: Chem.Bond, asked: Chem.Bond) -> bool:
    if seen.GetStereo() not in _FIXED_BONDS:
        return False
    # Cis/trans is relative to two reference atoms, which perception may choose differently.
    swaps = sum(a != b for a, b in zip(seen.GetStereoAtoms(), asked.GetStereoAtoms(), strict=True))
    together = (Chem.BondStereo.STEREOZ, Chem.BondStereo.STEREOCIS)
    return ((seen.GetStereo() in together) == (asked.GetStereo() in together)) == (swaps % 2 == 0)


def _isomer_smiles(mol: Chem.Mol, centres: list[int], bonds: list[int]) -> str:
    bare = Chem.Mol(mol)
    bare.RemoveAllConformers()
    for atom in bare.GetAtoms():
        if atom.GetIdx() not in centres:
            atom.SetChiralTag(Chem.ChiralType.CHI_UNSPECIFIED)
    for bond in bare.GetBonds():
        if bond.GetIdx() not in bonds:
            bond.SetStereo(Chem.BondStereo.STEREONONE)
            bond.SetBondDir(Chem.BondDir.NONE)
    with rdBase.BlockLogs():
        # Hydrogens go by a round trip: removing them in place would recompute, and lose, double-bond marks.
        return Chem.MolToSmiles(Chem.MolFromSmiles(Chem.MolToSmiles(bare)))
