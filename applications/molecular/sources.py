"""Where molecules come from: files of SMILES, and the demonstration set that ships inside RDKit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import final

from rdkit import RDConfig


@final
@dataclass(frozen=True)
class SourceMolecule:
    """A molecule as its source gives it.

    Attributes:
        source_id: its name there, or `line N`.
        smiles: its SMILES, unchecked.
    """

    source_id: str
    smiles: str


@final
class SourceError(ValueError):
    """A source that cannot be read; the message names the remedy."""


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
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"cannot read {path}: {error}. Give a text file of `SMILES name` lines.") from error
    found = parse_smiles_lines(lines)
    if not found:
        raise SourceError(f"{path} holds no SMILES. Give a text file of `SMILES name` lines.")
    return found


def nci_molecules() -> list[SourceMolecule]:
    """The first 5,000 molecules of the NCI open database, a file that comes with RDKit (BSD licence)."""
    path = Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi"
    return [SourceMolecule(f"nci {molecule.source_id}", molecule.smiles) for molecule in read_smiles_file(path)]


def open_source(text: str) -> list[SourceMolecule]:
    """Molecules of a `--source` argument: `nci`, `etkdg:FILE`, or a bare path to a file of SMILES."""
    if text == "nci":
        return nci_molecules()
    return read_smiles_file(Path(text.removeprefix("etkdg:")))
