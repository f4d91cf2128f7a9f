"""Where training molecules come from: lists of SMILES, which need conformers, and files that bring their own."""

from __future__ import annotations

import abc
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, final

from rdkit import RDConfig
from typing_extensions import override

from applications.molecular.ensembles import Ensemble, EnsembleOptions, reference_ensemble


@final
class SourceError(ValueError):
    """A source that cannot be read; the message names the remedy."""


@dataclass(frozen=True)
class SourceItem(abc.ABC):
    """One molecule of a source: small, and sent as it is to the process that makes its ensemble.

    Attributes:
        source_id: its name there, or `line N`.
        smiles: its SMILES as the source says, unchecked.
    """

    method: ClassVar[str]
    """Where the conformers come from, in words."""

    source_id: str
    smiles: str

    @property
    def stamp(self) -> str:
        """What tells apart two items of equal name and SMILES that give other conformers. A hook."""
        return ""

    @abc.abstractmethod
    def ensemble(self, options: EnsembleOptions) -> Ensemble:
        """The conformers of the molecule, a pure function of the item and the options.

        Raises:
            MoleculeRefused: the molecule is outside the limits, or no conformer of it can be used.
        """


@final
@dataclass(frozen=True)
class SourceMolecule(SourceItem):
    """A molecule given by its SMILES alone."""

    method = "ETKDGv3 + MMFF94s"

    @override
    def ensemble(self, options: EnsembleOptions) -> Ensemble:
        return reference_ensemble(self.smiles, options)


def parse_smiles_lines(lines: list[str]) -> list[SourceMolecule]:
    """Read lines `SMILES name`, separated by blank, tab or comma; empty and `#` lines are skipped."""
    found = []
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        smiles, _, name = text.replace(",", " ").replace("\t", " ").partition(" ")
        found.append(SourceMolecule(source_id=name.strip() or f"line {number}", smiles=smiles))
    return found


def read_smiles_file(path: Path) -> list[SourceMolecule]:
    """Molecules of a text file, one `SMILES name` a line.

    Raises:
        SourceError: the file is missing, unreadable, not text, or holds no molecule.
    """
    try:
        # some editors put a byte order mark before the first SMILES
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"cannot read {path}: {error}. Give a text file in UTF-8, `SMILES name` a line.") from error
    found = parse_smiles_lines(lines)
    if not found:
        raise SourceError(f"{path} holds no SMILES. Give a text file of `SMILES name` lines.")
    return found


def nci_molecules() -> list[SourceMolecule]:
    """The first 5,000 molecules of the NCI open database, a file that comes with RDKit (BSD licence)."""
    path = Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi"
    return [SourceMolecule(f"nci {molecule.source_id}", molecule.smiles) for molecule in read_smiles_file(path)]
