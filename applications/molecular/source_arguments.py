"""Sources and splits by their names on the command line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from applications.molecular.geom_archive import read_geom_archive
from applications.molecular.qm9_files import read_qm9
from applications.molecular.sdf_files import read_sdf
from applications.molecular.sources import SourceItem, nci_molecules, read_smiles_file
from applications.molecular.splits import AbstractSplitRule, RandomSplit, ScaffoldSplit, SplitError, read_split_file

_KINDS: Final[dict[str, Callable[[str], Sequence[SourceItem]]]] = {
    "nci": lambda _: nci_molecules(),
    "etkdg": lambda path: read_smiles_file(Path(path)),
    "sdf": lambda path: read_sdf(Path(path).absolute()),
    "geom": lambda path: read_geom_archive(Path(path).absolute()),
    "qm9": lambda path: read_qm9(Path(path).absolute() if path else None),
}
_NEED_NO_PATH: Final = ("nci", "qm9")


def open_source(text: str) -> Sequence[SourceItem]:
    """Molecules of `nci`, `etkdg:FILE`, `sdf:FILE`, `geom:FOLDER`, `qm9`, `qm9:FOLDER`, or a file by its ending.

    Raises:
        SourceError: it cannot be read; the message names the remedy.
    """
    kind, _, path = text.partition(":")
    if kind in _KINDS and (path or kind in _NEED_NO_PATH):
        return _KINDS[kind](path)
    return _KINDS["sdf" if text.lower().endswith(".sdf") else "etkdg"](text)


def open_split(text: str) -> AbstractSplitRule:
    """Rule of `random`, `scaffold` or `file:PATH`.

    Raises:
        SplitError: there is no such rule, or the file cannot be used.
    """
    kind, _, path = text.partition(":")
    if kind == "file" and path:
        return read_split_file(Path(path))
    rules: dict[str, Callable[[], AbstractSplitRule]] = {"random": RandomSplit, "scaffold": ScaffoldSplit}
    if text not in rules:
        raise SplitError(f"got --split {text!r}, expected random, scaffold or file:PATH")
    return rules[text]()
