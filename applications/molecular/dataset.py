"""Conformer data on disk: flat, memory-mapped, without pickles.

A data set is a folder of
    positions.npy        float32 [rows, 3], Å: for molecule m, its K_m conformers of n_m atoms, one after
    another atomic_numbers.npy   uint8 [sum of n_m]
    energies.npy         float64 [sum of K_m], kcal/mol
    index.parquet        one row per molecule: smiles, source_id, sizes and offsets into the arrays above
    splits.json          {"train": [rows], "validation": [rows], "test": [rows]}
    meta.json            format version, options, versions of the programs, counts of dropped molecules by
    reason
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rdkit import Chem, rdBase

from applications.molecular.chemistry import constitution
from applications.molecular.dataset_files import (
    OFFSETS,
    SIZES,
    DatasetError,
    damaged,
    read_arrays,
    read_index,
    read_object,
    read_splits,
)
from applications.molecular.seeds import unit_interval
from applications.molecular.structures import are_sound

FORMAT_VERSION = 1


@final
@dataclass(frozen=True)
class ConformerRecord:
    """One molecule with its conformers.

    Attributes:
        smiles: canonical isomeric SMILES; `Chem.AddHs(Chem.MolFromSmiles(smiles))` has the atom order of
            `positions`.
        atomic_numbers: [n] uint8, hydrogens last.
        positions: [K, n, 3] float32, Å.
        energies: [K] float64, kcal/mol.
        source_id: name of the molecule in its source.
    """

    smiles: str
    atomic_numbers: NDArray[np.uint8]
    positions: NDArray[np.float32]
    energies: NDArray[np.float64]
    source_id: str

    def molecule(self) -> Chem.Mol:
        """The molecule with all hydrogens, in the atom order of `positions`, without conformers.

        Raises:
            DatasetError: the SMILES cannot be read, or has other atoms than the record.
        """
        with rdBase.BlockLogs():
            bare = Chem.MolFromSmiles(self.smiles)
            full = None if bare is None else Chem.AddHs(bare)
        if full is None or [atom.GetAtomicNum() for atom in full.GetAtoms()] != self.atomic_numbers.tolist():
            raise DatasetError(
                f"the SMILES {self.smiles[:120]!r} of molecule {self.source_id[:120]!r} has other atoms than its "
                "conformers. The folder is damaged: prepare the data again."
            )
        return full


@final
class Split(Enum):
    """What a molecule is used for; the value is its key in `splits.json`."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


def split_at(position: float) -> Split:
    """Split of a position in [0, 1): 5 % test, 5 % validation, 90 % train."""
    if position < 0.05:
        return Split.TEST
    return Split.VALIDATION if position < 0.10 else Split.TRAIN


def assign_split(smiles: str) -> str:
    """Split of a molecule: 90 % train, 5 % validation, 5 % test, by a hash of its constitution.

    All stereoisomers of a constitution fall in one split, and adding molecules moves none of the others.
    """
    return split_at(unit_interval(constitution(smiles))).value


@final
class ConformerStore(Sequence[ConformerRecord]):
    """A conformer data set opened for reading; arrays are memory-mapped, so opening costs nothing.

    Example:
        >>> store = ConformerStore.open("data/nci")  # doctest: +SKIP
        >>> record = store[store.splits["train"][0]]  # doctest: +SKIP
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.meta: dict[str, Any] = read_object(path / "meta.json")
        if self.meta.get("format_version") != FORMAT_VERSION:
            got = self.meta.get("format_version")
            raise DatasetError(f"{path}: format version {got}, expected {FORMAT_VERSION}. Prepare the data again.")
        self._arrays = read_arrays(path)
        self._index = read_index(path / "index.parquet", self._arrays)
        self.splits = read_splits(path / "splits.json", n_molecules=len(self))

    @classmethod
    def open(cls, path: str | Path) -> ConformerStore:
        """Open a folder written by `write_dataset`.

        Raises:
            DatasetError: the folder is not a finished data set, or is damaged.
        """
        path = Path(path)
        if not (path / "meta.json").is_file():
            raise DatasetError(f"{path} is not a finished data set. Run `quotient molecules prepare -o {path}`.")
        return cls(path)

    def __len__(self) -> int:
        return len(self._index.smiles)

    def __getitem__(self, index: int) -> ConformerRecord:  # type: ignore[override]
        if not -len(self) <= index < len(self):
            raise IndexError(f"molecule {index} of {len(self)}")
        index %= len(self)
        n, k, atom, row, conf = (int(self._index.columns[name][index]) for name in (*SIZES, *OFFSETS))
        positions = np.array(self._arrays.positions[row : row + k * n]).reshape(k, n, 3)
        if not are_sound(positions):
            raise damaged(self.path / "positions.npy", f"got coordinates of molecule {index} that are not finite")
        return ConformerRecord(
            smiles=self.smiles(index),
            atomic_numbers=np.array(self._arrays.numbers[atom : atom + n]),
            positions=positions,
            energies=np.array(self._arrays.energies[conf : conf + k]),
            source_id=self._index.source_ids[index],
        )

    def __iter__(self) -> Iterator[ConformerRecord]:
        return (self[index] for index in range(len(self)))

    def smiles(self, index: int) -> str:
        """SMILES of a molecule, without touching its coordinates."""
        return self._index.smiles[index]


def write_dataset(
    path: Path,
    records: Sequence[ConformerRecord],
    *,
    meta: Mapping[str, object],
    splits: Mapping[str, Sequence[int]] | None = None,
) -> ConformerStore:
    """Write records as a data set and open it. `meta.json` comes last: a folder with it is complete.

    Args:
        path: folder, created if missing.
        records: the molecules, in the order of their rows.
        meta: whatever should be remembered about their origin.
        splits: rows by name of the split; by default those of `assign_split`.
    """
    path.mkdir(parents=True, exist_ok=True)
    n_atoms = np.array([len(r.atomic_numbers) for r in records], dtype=np.int64)
    n_confs = np.array([len(r.energies) for r in records], dtype=np.int64)
    np.save(path / "positions.npy", _joined([r.positions.reshape(-1, 3) for r in records], np.float32, (0, 3)))
    np.save(path / "atomic_numbers.npy", _joined([r.atomic_numbers for r in records], np.uint8, (0,)))
    np.save(path / "energies.npy", _joined([r.energies for r in records], np.float64, (0,)))
    table = pa.table(
        {
            "smiles": pa.array([r.smiles for r in records], pa.string()),
            "source_id": pa.array([r.source_id for r in records], pa.string()),
            "n_atoms": n_atoms,
            "n_conformers": n_confs,
            "atom_offset": _offsets(n_atoms),
            "row_offset": _offsets(n_atoms * n_confs),
            "conformer_offset": _offsets(n_confs),
        }
    )
    pq.write_table(table, path / "index.parquet")
    if splits is None:
        names = [assign_split(record.smiles) for record in records]
        splits = {split.value: [row for row, name in enumerate(names) if name == split.value] for split in Split}
    (path / "splits.json").write_text(json.dumps(splits))
    content = {
        "format_version": FORMAT_VERSION,
        "n_molecules": len(records),
        "n_conformers": int(n_confs.sum()),
        **meta,
    }
    (path / "meta.json").write_text(json.dumps(content, indent=2))
    return ConformerStore.open(path)


def _joined(parts: list[NDArray[Any]], dtype: type, empty: tuple[int, ...]) -> NDArray[Any]:
    return np.concatenate(parts).astype(dtype) if parts else np.empty(empty, dtype=dtype)


def _offsets(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.cumsum(sizes) - sizes
