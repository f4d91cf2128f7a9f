"""What the user asks for: SMILES, files of them, standard input, or a prepared data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, final

from applications.molecular.chemistry import Molecule, MoleculeRefused, parse_smiles
from applications.molecular.dataset import ConformerStore
from applications.molecular.sources import SourceError, parse_smiles_lines, read_smiles_file

_STRUCTURE_ENDINGS = (".sdf", ".mol", ".mol2", ".pdb", ".xyz", ".cif")
_FILE_ENDINGS = (".smi", ".smiles", ".txt", ".csv", ".tsv")


@final
@dataclass(frozen=True)
class Request:
    """One molecule that conformers are wanted of; text alone, so that a million of them are small.

    Attributes:
        name: its name, or the SMILES as given.
        given: the SMILES as given.
    """

    name: str
    given: str

    def parse(self) -> Molecule | MoleculeRefused:
        """The molecule, or the refusal."""
        try:
            return parse_smiles(self.given)
        except MoleculeRefused as refused:
            return refused


def collect_requests(arguments: Sequence[str], *, stdin: TextIO, split: str = "test") -> list[Request]:
    """Read all arguments in order; a request repeated under the same name is kept once.

    An argument is `-` (lines on standard input), a file of `SMILES name` lines, a folder made by
    `quotient molecules prepare` (its molecules of one split), or a SMILES.

    Args:
        arguments: the arguments.
        stdin: read when an argument is `-`.
        split: which split of a data folder: train, validation or test.

    Raises:
        SourceError: a file cannot be read, or nothing was asked for.
    """
    found: dict[Request, None] = {}
    for argument in arguments:
        for name, smiles in _read(argument, stdin=stdin, split=split):
            found[Request(name=_writable(name), given=_writable(smiles))] = None
    if not found:
        raise SourceError("no molecule was given. Give a SMILES, a file of `SMILES name` lines, or - for stdin.")
    return list(found)


def _read(argument: str, *, stdin: TextIO, split: str) -> list[tuple[str, str]]:
    if argument == "-":
        try:
            lines = stdin.read().removeprefix("\ufeff").split("\n")
        except UnicodeDecodeError as error:
            raise SourceError(f"cannot read standard input: {error}. Give `SMILES name` lines in UTF-8.") from error
        return [(_name(m.source_id, m.smiles), m.smiles) for m in parse_smiles_lines(lines)]
    path = Path(argument)
    if _is_dir(path):
        store = ConformerStore.open(path)
        if split not in store.splits:
            raise SourceError(f"{path} has no split {split!r}. Choose one of {', '.join(store.splits)}.")
        if not store.splits[split]:
            filled = [f"--split {name}" for name, rows in store.splits.items() if rows]
            raise SourceError(
                f"{path} has no molecules in its split {split!r}. Use {' or '.join(filled)}, or prepare more molecules."
            )
        return [(store[row].source_id, store.smiles(row)) for row in store.splits[split]]
    if argument.lower().endswith(_STRUCTURE_ENDINGS):
        raise SourceError(
            f"got {argument}, a file of structures: give a file of `SMILES name` lines, or `quotient molecules prepare "
            f"--source sdf:{argument}` and its folder."
        )
    if argument.lower().endswith(_FILE_ENDINGS) or _is_file(path):
        return [(_name(m.source_id, m.smiles), m.smiles) for m in read_smiles_file(path)]
    return [(argument, argument)]


def _name(source_id: str, smiles: str) -> str:
    return smiles if source_id.startswith("line ") else source_id


def _writable(text: str) -> str:
    """The text as it can stand in a file: bytes of the command line that are no text become escapes."""
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8")


def _is_file(path: Path) -> bool:
    # A SMILES may be longer than a file name can be, which the file system reports as an error.
    try:
        return path.is_file()
    except OSError:
        return False


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False
