"""Tables of measured figures: numbers with units, targets, and what could not be run; JSON and Markdown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, final


@final
class Unit(Enum):
    """How a number is written."""

    RATIO = "ratio"
    PERCENT = "percent"
    COUNT = "count"
    SECONDS = "seconds"
    MEGABYTES = "megabytes"
    ERROR = "error"

    def text(self, value: float) -> str:
        """The number, three digits of it where it is measured. Shares are written in percent."""
        if self is Unit.PERCENT:
            return f"{100 * value:.2f} %"
        if self is Unit.COUNT:
            return f"{value:,.0f}"
        if self is Unit.ERROR:
            return f"{value:.1e}"
        digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 0.1 else 3
        ending = {Unit.SECONDS: " s", Unit.MEGABYTES: " MB"}.get(self, "")
        return f"{value:.{digits}f}{ending}"


@final
@dataclass(frozen=True)
class Column:
    """What the numbers below it are."""

    name: str
    unit: Unit = Unit.RATIO


@final
@dataclass(frozen=True)
class Row:
    """What was measured of one candidate.

    Attributes:
        name: the candidate.
        values: one number a column; None where there is none.
        target: the most that the judged column should say.
        absent: why there are no numbers; empty where there are.
    """

    name: str
    values: tuple[float | None, ...] = ()
    target: float | None = None
    absent: str = ""


@final
@dataclass(frozen=True)
class Table:
    """Rows below columns.

    Attributes:
        title: what is compared, at which size.
        first: head of the names of rows.
        columns: the others.
        rows: one a candidate, those that were not run too.
        note: a sentence below it: the unit, what was held fixed.
        judged: number of the column that targets are for.
    """

    title: str
    first: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    note: str = ""
    judged: int = 0

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads back."""
        columns = [{"name": column.name, "unit": column.unit.value} for column in self.columns]
        return {**asdict(self), "columns": columns}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Table:
        """Read a table."""
        columns = tuple(Column(column["name"], Unit(column["unit"])) for column in values["columns"])
        rows = tuple(Row(**{**row, "values": tuple(row["values"])}) for row in values["rows"])
        return cls(**{**values, "columns": columns, "rows": rows})

    def markdown(self) -> str:
        """The table with its title and its note; a column of targets only where there are some."""
        judged = any(row.target is not None for row in self.rows)
        heads = [self.first, *(column.name for column in self.columns), *(["target"] if judged else [])]
        lines = [heads, ["---", *("---:" for _ in heads[1:])]]
        lines += [self._cells(row, judged=judged) for row in self.rows]
        table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
        return "\n\n".join(part for part in (f"**{self.title}**", table, self.note) if part)

    def _cells(self, row: Row, *, judged: bool) -> list[str]:
        if row.absent:
            cells = [f"not run: {row.absent}".replace("|", "/"), *("" for _ in self.columns[1:])]
        else:
            numbers = zip(self.columns, row.values, strict=True)
            cells = ["" if value is None else column.unit.text(value) for column, value in numbers]
        return [row.name, *cells, *([self._verdict(row)] if judged else [])]

    def _verdict(self, row: Row) -> str:
        if row.target is None:
            return ""
        limit = f"at most {self.columns[self.judged].unit.text(row.target)}"
        value = None if row.absent else row.values[self.judged]
        return limit if value is None else f"{limit}: {'met' if value <= row.target else 'missed'}"
