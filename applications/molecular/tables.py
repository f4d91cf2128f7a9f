"""Comma-separated tables: text out, rows in."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path


def csv_text(rows: Iterable[Iterable[str]]) -> str:
    """Lines of a table."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    return stream.getvalue()


def read_table(table: Path) -> Iterator[dict[str, str]]:
    """The rows of a table as text by column, however long a cell is.

    Raises:
        OSError, ValueError, csv.Error: it cannot be read.
    """
    limit = csv.field_size_limit(sys.maxsize)
    try:
        with table.open(encoding="utf-8", newline="") as stream:
            yield from csv.DictReader(stream)
    finally:
        csv.field_size_limit(limit)
