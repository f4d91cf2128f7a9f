"""Backbone data on disk: flat, memory-mapped, without pickles.

A data set is a folder of
    positions.npy        float32 [rows, 3], Å: for every entry its K models of L residues, one after another
    residue_index.npy    int64 [sum of L]
    index.parquet        one row an entry: name, sequence, origin, number of models
    splits.json          {"train": [rows], "validation": [rows], "test": [rows]}
    meta.json            format version, fingerprint of the content, how it was made, counts of what was dropped
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, final

import numpy as np

from applications.molecular.dataset_files import DatasetError, damaged, read_object, read_splits
from applications.molecular.proteins.chains import BackboneChain, ChainError
from applications.molecular.proteins.store_files import (
    INDEX,
    NUMBERS,
    POSITIONS,
    offsets,
    read_store_files,
    write_index,
)

FORMAT: Final = "protein backbones"
FORMAT_VERSION: Final = 1

STORE_FILES: Final = (POSITIONS, NUMBERS, INDEX, "splits.json", "meta.json")
"""Names of the files of a data set."""


@final
class BackboneStore(Sequence[BackboneChain]):
    """A backbone data set opened for reading; positions are memory-mapped, so opening costs little.

    Args:
        path: folder written by `write_store`.

    Attributes:
        path: the folder.
        meta: content of `meta.json`.
        splits: rows by name of the split; `train`, `validation` and `test` are there, if empty.

    Raises:
        DatasetError: the folder is not a finished data set, or is damaged.

    Example:
        >>> store = BackboneStore.open("data/chains")  # doctest: +SKIP
        >>> chain = store[store.splits["train"][0]]  # doctest: +SKIP
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not (path / "meta.json").is_file():
            raise DatasetError(f"{path} is not a finished data set. Run `quotient proteins prepare -o {path}`.")
        self.meta: dict[str, Any] = read_object(path / "meta.json")
        got = (self.meta.get("format"), self.meta.get("format_version"))
        if got != (FORMAT, FORMAT_VERSION):
            raise DatasetError(
                f"{path}: got format {got[0]!r}, version {got[1]!r}, expected {FORMAT!r}, version {FORMAT_VERSION}. "
                "Make it with `quotient proteins prepare`."
            )
        self._files = read_store_files(path)
        self._first_residue = offsets(self._files.lengths)
        self._first_row = offsets(self._files.lengths * self._files.n_models)
        self.splits = read_splits(path / "splits.json", n_molecules=len(self))

    @classmethod
    def open(cls, path: str | Path) -> BackboneStore:
        """Open a folder written by `write_store`.

        Raises:
            DatasetError: the folder is not a finished data set, or is damaged.
        """
        return cls(Path(path))

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the entries and their splits: equal for equal data, whenever and wherever it was made."""
        return str(self.meta.get("fingerprint", ""))

    @property
    def names(self) -> list[str]:
        """Names of the entries, without touching coordinates."""
        return list(self._files.names)

    def origin(self, index: int) -> str:
        """Where an entry comes from: a file, or a data set in the package."""
        return self._files.origins[index]

    def __len__(self) -> int:
        return len(self._files.names)

    def __getitem__(self, index: int) -> BackboneChain:  # type: ignore[override]
        if not -len(self) <= index < len(self):
            raise IndexError(f"entry {index} of {len(self)}")
        index %= len(self)
        sequence, k = self._files.sequences[index], int(self._files.n_models[index])
        residue, row = int(self._first_residue[index]), int(self._first_row[index])
        try:
            return BackboneChain(
                name=self._files.names[index],
                positions=self._files.positions[row : row + k * len(sequence)].reshape(k, len(sequence), 3),
                residue_index=np.array(self._files.residue_index[residue : residue + len(sequence)]),
                sequence=sequence,
            )
        except ChainError as error:
            raise damaged(self.path / POSITIONS, error) from error

    def __iter__(self) -> Iterator[BackboneChain]:
        return (self[index] for index in range(len(self)))


def write_store(
    path: Path,
    chains: Sequence[BackboneChain],
    *,
    splits: Mapping[str, Sequence[int]],
    meta: Mapping[str, object],
    origins: Sequence[str] | None = None,
) -> BackboneStore:
    """Write entries as a data set and open it. `meta.json` comes last: a folder with it is complete.

    Args:
        path: folder, created if missing.
        chains: the entries, in the order of their rows, with names that differ.
        splits: rows by name of the split.
        meta: whatever should be remembered about their origin.
        origins: where each entry comes from, empty by default.

    Raises:
        DatasetError: a name is there twice.
    """
    names = [chain.name for chain in chains]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DatasetError(f"got two entries called {twice!r}, expected names that differ. Rename one.")
    path.mkdir(parents=True, exist_ok=True)
    positions = [np.asarray(chain.positions, dtype=np.float32).reshape(-1, 3) for chain in chains]
    numbers = [np.asarray(chain.residue_index, dtype=np.int64) for chain in chains]
    np.save(path / POSITIONS, np.concatenate([np.empty((0, 3), dtype=np.float32), *positions]))
    np.save(path / NUMBERS, np.concatenate([np.empty(0, dtype=np.int64), *numbers]))
    write_index(
        path / INDEX,
        names=names,
        sequences=[chain.sequence for chain in chains],
        origins=[""] * len(names) if origins is None else origins,
        n_models=[chain.n_models for chain in chains],
    )
    rows = {name: list(map(int, row)) for name, row in splits.items()}
    (path / "splits.json").write_text(json.dumps(rows))
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "fingerprint": fingerprint(chains, rows),
        "n_entries": len(chains),
        "n_models": sum(chain.n_models for chain in chains),
        "n_residues": sum(chain.n_residues for chain in chains),
        **meta,
    }
    (path / "meta.json").write_text(json.dumps(content, indent=2))
    return BackboneStore.open(path)


def fingerprint(chains: Sequence[BackboneChain], splits: Mapping[str, Sequence[int]]) -> str:
    """SHA-256 of entries and splits, in hexadecimal: of names, sequences, numbers, coordinates and rows."""
    found = sha256(json.dumps({name: list(rows) for name, rows in sorted(splits.items())}).encode())
    for chain in chains:
        found.update(json.dumps([chain.name, chain.sequence, list(chain.positions.shape)]).encode())
        found.update(np.ascontiguousarray(chain.residue_index, dtype="<i8").tobytes())
        found.update(np.ascontiguousarray(chain.positions, dtype="<f4").tobytes())
    return found.hexdigest()
