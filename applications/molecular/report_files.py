"""Reports as files: JSON without NaN, and tables as CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np


def write_json(path: Path, value: Any) -> Path:
    """Write plain values as JSON, numbers that are not finite as null, and return the path."""
    path.write_text(json.dumps(without_nan(value), indent=2))
    return path


def write_table(path: Path, head: Sequence[object], rows: Iterable[Sequence[object]]) -> Path:
    """Write a CSV and return its path; floats get six significant digits, those that are not finite an empty cell."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(head)
        writer.writerows([_cell(cell) for cell in row] for row in rows)
    return path


def without_nan(value: Any) -> Any:
    """JSON has no NaN: a missing number is null."""
    if isinstance(value, Mapping):
        return {key: without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _cell(cell: object) -> object:
    if isinstance(cell, float):
        return f"{cell:.6g}" if np.isfinite(cell) else ""
    return cell
