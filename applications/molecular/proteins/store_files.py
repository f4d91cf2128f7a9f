"""The files of a backbone data set as they are read back: either a folder is sound or it is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from applications.molecular.dataset_files import damaged, read_array, read_texts

POSITIONS: Final = "positions.npy"
NUMBERS: Final = "residue_index.npy"
INDEX: Final = "index.parquet"


@final
@dataclass(frozen=True)
class StoreFiles:
    """What a data set holds.

    Attributes:
        positions: CA atoms in Å, memory-mapped, float32 [rows, 3].
        residue_index: residue numbers, memory-mapped, int64 [sum of L].
        names: of the entries.
        sequences: of the entries; their lengths are the L.
        origins: where each entry comes from.
        n_models: K of the entries.
    """

    positions: NDArray[np.float32]
    residue_index: NDArray[np.int64]
    names: list[str]
    sequences: list[str]
    origins: list[str]
    n_models: NDArray[np.int64]

    @property
    def lengths(self) -> NDArray[np.int64]:
        """L of the entries."""
        return np.array([len(sequence) for sequence in self.sequences], dtype=np.int64)


def offsets(sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each of consecutive pieces begins."""
    return np.cumsum(sizes) - sizes


def write_index(
    path: Path, *, names: Sequence[str], sequences: Sequence[str], origins: Sequence[str], n_models: Sequence[int]
) -> None:
    """Write the table of the entries."""
    table = pa.table(
        {
            "name": pa.array(names, pa.string()),
            "sequence": pa.array(sequences, pa.string()),
            "origin": pa.array(origins, pa.string()),
            "n_models": pa.array(n_models, pa.int64()),
        }
    )
    pq.write_table(table, path)


def read_store_files(folder: Path) -> StoreFiles:
    """Open the arrays and the table.

    Raises:
        DatasetError: one cannot be read, or they do not fit each other.
    """
    path = folder / INDEX
    positions = read_array(folder / POSITIONS, np.float32, (3,))
    residue_index = read_array(folder / NUMBERS, np.int64, ())
    try:
        with pq.ParquetFile(path) as file:
            # every entry has a residue: a table that claims more rows is not read at all
            if file.metadata.num_rows > len(residue_index):
                raise damaged(path, f"got {file.metadata.num_rows} entries of {len(residue_index)} residues in all")
            table = file.read(columns=["name", "sequence", "origin", "n_models"])
        files = StoreFiles(
            positions=positions,
            residue_index=residue_index,
            names=read_texts(table["name"]),
            sequences=read_texts(table["sequence"]),
            origins=read_texts(table["origin"]),
            n_models=table["n_models"].cast(pa.int64()).to_numpy(),
        )
    except (OSError, UnicodeDecodeError, KeyError, pa.ArrowException) as error:
        raise damaged(path, error) from error
    if files.n_models.dtype != np.int64 or not ((files.n_models >= 1) & (files.n_models <= len(positions))).all():
        raise damaged(path, "got an entry with an impossible number of models")
    if int(files.lengths.sum()) != len(residue_index) or int((files.lengths * files.n_models).sum()) != len(positions):
        raise damaged(path, "got sequences and numbers of models that do not fit the arrays")
    if len(set(files.names)) != len(files.names):
        raise damaged(path, "got a name twice")
    return files
