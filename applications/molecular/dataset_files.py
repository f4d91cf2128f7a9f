"""The files of a data set as they are read back: whatever a folder holds, either it is sound or it is refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import Any, Final, final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from diffusion.json_files import JSONFileError, read_json_object

SIZES: Final = ("n_atoms", "n_conformers")
OFFSETS: Final = ("atom_offset", "row_offset", "conformer_offset")
_LONGEST_CAUSE: Final = 400


@final
class DatasetError(ValueError):
    """A folder that is not a readable conformer data set; the message names the remedy."""


def damaged(path: Path, what: object) -> DatasetError:
    """The error of a file that does not hold what `prepare` writes."""
    text = str(what)
    # libraries quote what they cannot read, whole
    if len(text) > _LONGEST_CAUSE:
        text = f"{text[: _LONGEST_CAUSE // 2]} ... {text[-_LONGEST_CAUSE // 2 :]}"
    return DatasetError(f"{path}: {text}. The folder is damaged: prepare the data again.")


@final
@dataclass(frozen=True)
class DatasetArrays:
    """The arrays of all molecules, memory-mapped.

    Attributes:
        positions: float32 [rows, 3], Å.
        numbers: uint8, atomic numbers.
        energies: float64, kcal/mol.
    """

    positions: NDArray[np.float32]
    numbers: NDArray[np.uint8]
    energies: NDArray[np.float64]


@final
@dataclass(frozen=True)
class DatasetIndex:
    """One entry a molecule.

    Attributes:
        smiles: canonical isomeric SMILES.
        source_ids: names in the source.
        columns: sizes and offsets by name, int64.
    """

    smiles: list[str]
    source_ids: list[str]
    columns: dict[str, NDArray[np.int64]]


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object of the folder.

    Raises:
        DatasetError: it cannot be read.
    """
    try:
        return read_json_object(path)
    except JSONFileError as error:
        raise DatasetError(f"{error}. The folder is damaged: prepare the data again.") from error


def read_arrays(folder: Path) -> DatasetArrays:
    """The three arrays.

    Raises:
        DatasetError: one cannot be read, or has another type or shape.
    """
    return DatasetArrays(
        positions=read_array(folder / "positions.npy", np.float32, (3,)),
        numbers=read_array(folder / "atomic_numbers.npy", np.uint8, ()),
        energies=read_array(folder / "energies.npy", np.float64, ()),
    )


def read_array(path: Path, dtype: type, item: tuple[int, ...]) -> NDArray[Any]:
    """A memory-mapped array of rows of one type and shape.

    Raises:
        DatasetError: it cannot be read, or has another type or shape.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError, TokenError) as error:
        # numpy parses the header as Python source
        raise damaged(path, error) from error
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim < 1 or array.shape[1:] != item:
        expected = "x".join(["n", *map(str, item)])
        raise damaged(path, f"got another type or shape than {np.dtype(dtype).name} of {expected}")
    return array


def read_index(path: Path, arrays: DatasetArrays) -> DatasetIndex:
    """The table of the molecules, whose offsets lie in the arrays.

    Raises:
        DatasetError: it cannot be read, lacks a column, or points beyond the arrays.
    """
    try:
        with pq.ParquetFile(path) as file:
            # every molecule has an atom: a table that claims more rows is not read at all
            if file.metadata.num_rows > len(arrays.numbers):
                raise damaged(path, f"got {file.metadata.num_rows} molecules of {len(arrays.numbers)} atoms in all")
            table = file.read(columns=["smiles", "source_id", *SIZES, *OFFSETS])
        index = DatasetIndex(
            smiles=read_texts(table["smiles"]),
            source_ids=read_texts(table["source_id"]),
            columns={name: table[name].cast(pa.int64()).to_numpy() for name in (*SIZES, *OFFSETS)},
        )
    except (OSError, UnicodeDecodeError, KeyError, pa.ArrowException) as error:
        raise damaged(path, error) from error
    _check_places(path, index.columns, arrays)
    return index


def read_texts(column: pa.ChunkedArray) -> list[str]:
    """A column of text without gaps.

    Raises:
        ArrowInvalid: it is none.
    """
    if not pa.types.is_string(column.type) or column.null_count:
        raise pa.ArrowInvalid(f"expected text without gaps, got {column.type}")
    return column.to_pylist()


def _check_places(path: Path, columns: dict[str, NDArray[np.int64]], arrays: DatasetArrays) -> None:
    n, k = (columns[name] for name in SIZES)
    if any(column.dtype != np.int64 for column in columns.values()):
        raise damaged(path, "got sizes or offsets with gaps")
    # with both below the lengths of arrays in memory, their product is far from overflow
    bounded = (n >= 1) & (k >= 1) & (n <= len(arrays.numbers)) & (k <= len(arrays.energies))
    if not bounded.all():
        raise damaged(path, f"got molecule {int(np.argmin(bounded))} with an impossible number of atoms or conformers")
    lengths = (len(arrays.numbers), len(arrays.positions), len(arrays.energies))
    for name, size, length in zip(OFFSETS, (n, n * k, k), lengths, strict=True):
        inside = (columns[name] >= 0) & (columns[name] <= length - size)
        if not inside.all():
            raise damaged(path, f"got {name} of molecule {int(np.argmin(inside))} beyond the arrays")


def read_splits(path: Path, *, n_molecules: int) -> dict[str, list[int]]:
    """Rows by name of the split; `train`, `validation` and `test` are there, if empty.

    Raises:
        DatasetError: it cannot be read, or names rows that are not there.
    """
    splits = read_object(path)
    for name, rows in splits.items():
        if not isinstance(rows, list) or not all(type(row) is int and 0 <= row < n_molecules for row in rows):
            raise damaged(path, f"got split {name!r} that is not a list of rows below {n_molecules}")
    return {"train": [], "validation": [], "test": [], **splits}
