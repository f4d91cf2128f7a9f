"""From a SMILES to a molecule with a fixed atom order, or to a refusal that says why.

The atom order of everything in this package is that of `Chem.AddHs(Chem.MolFromSmiles(smiles))` where
`smiles` is the canonical isomeric SMILES kept in `Molecule.smiles`: heavy atoms first, then hydrogens.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import final

from rdkit import Chem, rdBase

SUPPORTED_ELEMENTS: dict[str, int] = {
    "H": 1, "B": 5, "C": 6, "N": 7, "O": 8, "F": 9, "Si": 14, "P": 15, "S": 16, "Cl": 17, "Br": 35, "I": 53,
}  # fmt: skip
"""Element symbols the package accepts, with their atomic numbers."""


TETRAHEDRAL = (Chem.ChiralType.CHI_TETRAHEDRAL_CW, Chem.ChiralType.CHI_TETRAHEDRAL_CCW)
"""Tags of centres whose hand is specified and can be checked."""

_BONDS = (Chem.BondType.SINGLE, Chem.BondType.DOUBLE, Chem.BondType.TRIPLE, Chem.BondType.AROMATIC)
_SHOWN = 120
_CHARACTERS_PER_ATOM = 100
"""A SMILES with every hydrogen and map number written out needs half of this for each heavy atom."""


class Refusal(Enum):
    """Why a molecule, or one of its conformers, could not be served; the value is what users read."""

    UNPARSABLE = "the SMILES cannot be read"
    SEVERAL_FRAGMENTS = "several fragments (a salt or mixture): give the one component you want"
    UNKNOWN_ATOM = "contains an atom without an element (a query or attachment point)"
    UNKNOWN_BOND = "contains a bond that is not single, double, triple or aromatic: write its order"
    UNSUPPORTED_ELEMENT = "contains an element outside " + ", ".join(SUPPORTED_ELEMENTS)
    HYDROGEN_ISOTOPE = "contains explicit hydrogen isotopes: write plain hydrogens"
    UNSUPPORTED_STEREO = "specifies a centre that is not tetrahedral, which nothing here can check: leave its tag out"
    RADICAL = "contains unpaired electrons: give a closed-shell molecule"
    TOO_FEW_ATOMS = "too few heavy atoms"
    TOO_MANY_ATOMS = "too many heavy atoms"
    NO_STEREOISOMER = "no stereoisomer of it could be embedded"
    EMBEDDING_FAILED = "distance geometry found no conformer"
    NO_FORCE_FIELD = "MMFF94s has no parameters for it"
    TOOLKIT_ERROR = "RDKit failed on it"
    NOT_CONVERGED = "no conformer reached an energy minimum"
    STEREO_NOT_REPRODUCED = "no conformer has the stereochemistry asked for"
    BONDS_BROKEN = "no conformer has bonds of a possible length"
    CONSTITUTION_CHANGED = "no conformer of the source has the bonds of its SMILES"
    HYDROGENS_MISSING = "the source leaves out hydrogens: give all atoms"
    SOURCE_DAMAGED = "the source cannot be read there"
    TIME_LIMIT = "the time limit for one molecule was reached"
    NOT_DESCRIBABLE = "the model's features cannot be computed for it"
    MODEL_FAILED = "the model could not be evaluated for it"
    WORKER_LOST = "every process that worked on it ended (out of memory, killed, or a crash)"
    NOT_FINITE = "the model returned coordinates that are not finite, or too large for a molecule"


@final
class MoleculeRefused(ValueError):
    """A molecule that cannot be served, with its typed reason.

    Attributes:
        smiles: the SMILES as given.
        refusal: the reason.
        detail: what was found, empty when there is nothing to add.
    """

    def __init__(self, smiles: str, refusal: Refusal, detail: str = "") -> None:
        self.smiles = smiles
        self.refusal = refusal
        self.detail = detail
        shown = smiles if len(smiles) <= _SHOWN else f"{smiles[:_SHOWN]}..."
        super().__init__(f"{shown!r}: {self.sentence}")

    @property
    def sentence(self) -> str:
        """The reason in words, with the detail."""
        return f"{self.refusal.value} ({self.detail})" if self.detail else self.refusal.value

    def __reduce__(self) -> tuple[type[MoleculeRefused], tuple[str, Refusal, str]]:
        return type(self), (self.smiles, self.refusal, self.detail)


@final
@dataclass(frozen=True)
class SizeLimits:
    """Numbers of heavy atoms that are accepted, both ends included."""

    min_heavy_atoms: int = 1
    max_heavy_atoms: int = 200


@final
@dataclass(frozen=True)
class Molecule:
    """One accepted molecule.

    Attributes:
        smiles: canonical isomeric SMILES; re-parsing it gives the atom order.
        heavy: the molecule without hydrogens, in that order.
        full: `Chem.AddHs(heavy)`, no coordinates.
    """

    smiles: str
    heavy: Chem.Mol
    full: Chem.Mol

    @property
    def atomic_numbers(self) -> list[int]:
        """Atomic numbers of all atoms, hydrogens last."""
        return [atom.GetAtomicNum() for atom in self.full.GetAtoms()]

    @property
    def n_heavy(self) -> int:
        """Number of heavy atoms."""
        return self.heavy.GetNumAtoms()


def parse_smiles(smiles: str, *, limits: SizeLimits | None = None) -> Molecule:
    """Read a SMILES and fix its atom order.

    Atom map numbers are dropped. Explicit plain hydrogens become implicit; a double-bond mark that rests on
    one (an N-H imine) goes with it, since a position of a light hydrogen is not a stable stereoisomer here.

    Args:
        smiles: one SMILES, without a name.
        limits: accepted sizes, default 1 to 200 heavy atoms.

    Returns:
        The molecule with canonical order.

    Raises:
        MoleculeRefused: with the reason (see `Refusal`).
    """
    limits = limits or SizeLimits()
    _check_text(smiles, limits)
    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(smiles) if smiles.strip() else None
        if mol is None:
            raise MoleculeRefused(smiles, Refusal.UNPARSABLE, _parse_problem(smiles))
        _check_composition(smiles, mol, limits)
        return _canonical(mol)


def _canonical(mol: Chem.Mol) -> Molecule:
    for atom in mol.GetAtoms():
        atom.SetAtomMapNum(0)
    options = Chem.RemoveHsParameters()
    options.removeDefiningBondStereo = True
    options.removeHydrides = True
    options.removeOnlyHNeighbors = False
    stripped = Chem.RemoveHs(mol, options)
    smiles = Chem.MolToSmiles(stripped)
    heavy = Chem.MolFromSmiles(smiles)
    if heavy is None:
        raise MoleculeRefused(smiles, Refusal.UNPARSABLE, "its canonical form cannot be read back")
    return Molecule(smiles=smiles, heavy=heavy, full=Chem.AddHs(heavy))


def _check_text(smiles: str, limits: SizeLimits) -> None:
    """Refuse what RDKit cannot take as text, and what it would read for minutes before it could be counted."""
    try:
        smiles.encode()
    except UnicodeEncodeError as error:
        raise MoleculeRefused(smiles, Refusal.UNPARSABLE, f"character {error.start + 1} is not text") from error
    if len(smiles) > _CHARACTERS_PER_ATOM * limits.max_heavy_atoms:
        detail = f"{len(smiles)} characters of SMILES, expected at most {limits.max_heavy_atoms} atoms"
        raise MoleculeRefused(smiles, Refusal.TOO_MANY_ATOMS, detail)


def _check_composition(smiles: str, mol: Chem.Mol, limits: SizeLimits) -> None:
    fragments = len(Chem.GetMolFrags(mol))
    if fragments > 1:
        raise MoleculeRefused(smiles, Refusal.SEVERAL_FRAGMENTS, f"found {fragments}")
    for atom in mol.GetAtoms():
        if atom.GetAtomicNum() == 0:
            raise MoleculeRefused(smiles, Refusal.UNKNOWN_ATOM, f"atom {atom.GetIdx() + 1}")
        if atom.GetSymbol() not in SUPPORTED_ELEMENTS:
            raise MoleculeRefused(smiles, Refusal.UNSUPPORTED_ELEMENT, f"found {atom.GetSymbol()}")
        if atom.GetAtomicNum() == 1 and atom.GetIsotope():
            raise MoleculeRefused(smiles, Refusal.HYDROGEN_ISOTOPE)
        if atom.GetChiralTag() not in (Chem.ChiralType.CHI_UNSPECIFIED, *TETRAHEDRAL):
            detail = f"atom {atom.GetIdx() + 1}, {atom.GetSymbol()}, {atom.GetChiralTag().name.removeprefix('CHI_')}"
            raise MoleculeRefused(smiles, Refusal.UNSUPPORTED_STEREO, detail)
        if atom.GetNumRadicalElectrons():
            raise MoleculeRefused(smiles, Refusal.RADICAL, f"atom {atom.GetIdx() + 1}, {atom.GetSymbol()}")
    for bond in mol.GetBonds():
        if bond.GetBondType() not in _BONDS:
            detail = f"atoms {bond.GetBeginAtomIdx() + 1} and {bond.GetEndAtomIdx() + 1}, {bond.GetBondType().name}"
            raise MoleculeRefused(smiles, Refusal.UNKNOWN_BOND, detail)
    heavy = mol.GetNumHeavyAtoms()
    if heavy < limits.min_heavy_atoms:
        detail = f"{heavy}, expected at least {limits.min_heavy_atoms}"
        raise MoleculeRefused(smiles, Refusal.TOO_FEW_ATOMS, detail)
    if heavy > limits.max_heavy_atoms:
        raise MoleculeRefused(smiles, Refusal.TOO_MANY_ATOMS, f"{heavy}, expected at most {limits.max_heavy_atoms}")


def _parse_problem(smiles: str) -> str:
    if not smiles.strip():
        return "it is empty"
    raw = Chem.MolFromSmiles(smiles, sanitize=False)
    if raw is None:
        return "syntax error"
    problems = Chem.DetectChemistryProblems(raw)
    return problems[0].Message() if problems else "syntax error"


def constitution(smiles: str) -> str:
    """Canonical SMILES without stereochemistry: equal for all stereoisomers of one constitution."""
    mol = Chem.MolFromSmiles(smiles)
    if mol is None:
        raise MoleculeRefused(smiles, Refusal.UNPARSABLE)
    return Chem.MolToSmiles(mol, isomericSmiles=False)
