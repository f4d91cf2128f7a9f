"""Tables that a user brings: designability and other figures from tools that need weights which are not ours."""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

DESIGNABLE: Final = 2.0
"""Best scRMSD in Å below which a backbone counts as designable [Yim2023]."""

_SELF_CONSISTENCY: Final = "scrmsd"
_ENDINGS: Final = (".pdb", ".cif", ".gz")


@final
class TableError(ValueError):
    """A table that cannot be joined; the message names the remedy."""


@final
@dataclass(frozen=True)
class JoinedTable:
    """Figures by structure.

    Attributes:
        columns: names of the columns that hold numbers.
        values: one row for every structure, in their order; NaN where the table has none.
        matched: structures that the table has.
        unknown: names of the table that are no structure.
    """

    columns: list[str]
    values: list[list[float]]
    matched: int
    unknown: list[str]


def join_table(path: Path, names: Sequence[str]) -> JoinedTable:
    """Join a CSV by its column `name` with structures; endings of files are ignored in it.

    A column scRMSD (in any capitals, with or without underscores) gives a further one, `designable`: 1 below 2 Å.

    Args:
        path: CSV with a header: `name`, and columns of numbers; an empty cell is a missing number.
        names: of the structures.

    Raises:
        TableError: no column `name`, a name twice, a cell that is no number, or no name that is a structure.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.reader(stream))
    except UnicodeDecodeError as error:
        raise TableError(f"{path} is no text in UTF-8: expected a CSV") from error
    header = [cell.strip() for cell in rows[0]] if rows else []
    if header.count("name") != 1 or len(header) < 2:
        raise TableError(f"{path}: got columns {header}, expected `name` and at least one column of numbers")
    place = header.index("name")
    columns = [column for k, column in enumerate(header) if k != place]
    table: dict[str, list[float]] = {}
    for line, row in enumerate(rows[1:], start=2):
        if not row:
            continue
        if len(row) != len(header):
            raise TableError(f"{path}, line {line}: got {len(row)} cells, expected {len(header)}")
        name = _bare(row[place])
        if name in table:
            raise TableError(f"{path}, line {line}: got {name!r} a second time, expected one row a structure")
        table[name] = [_number(cell, path, line, header[k]) for k, cell in enumerate(row) if k != place]
    unknown = [name for name in table if name not in set(names)]
    matched = len(table) - len(unknown)
    if not matched:
        given = ", ".join(list(table)[:3]) or "none"
        raise TableError(f"{path}: no name is a structure: got {given}; the structures are {', '.join(names[:3])} ...")
    missing = [float("nan")] * len(columns)
    values = [table.get(name, missing) for name in names]
    for k, column in enumerate(columns):
        if column.replace("_", "").lower() == _SELF_CONSISTENCY:
            values = [[*row, _designable(row[k])] for row in values]
            columns = [*columns, "designable"]
            break
    return JoinedTable(columns, values, matched, unknown)


def _designable(value: float) -> float:
    return float("nan") if math.isnan(value) else float(value < DESIGNABLE)


def _bare(name: str) -> str:
    name = name.strip()
    while Path(name).suffix in _ENDINGS:
        name = Path(name).stem
    return name


def _number(cell: str, path: Path, line: int, column: str) -> float:
    if not cell.strip():
        return float("nan")
    try:
        return float(cell)
    except ValueError as error:
        raise TableError(f"{path}, line {line}: got {cell!r} in column {column}, expected a number") from error
