"""Means over seeds with intervals, and differences between rows paired by seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from scipy import stats

Line = dict[str, Any]
RowName = tuple[str, str, str]

BASE: RowName = ("equivariant", "independent", "gaussian")
"""The row that others are compared with: conventional training."""


@final
@dataclass(frozen=True)
class Estimate:
    """A mean with Student's 95 % interval.

    Attributes:
        mean: over the seeds.
        half: half the width of the interval, NaN for fewer than two seeds.
        count: seeds.
    """

    mean: float
    half: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Estimate:
        """The estimate from one value a seed; at least one."""
        n = len(values)
        half = float(stats.t.ppf(0.975, n - 1) * np.std(values, ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
        return cls(float(np.mean(values)), half, n)

    def text(self, digits: int) -> str:
        """Mean and interval, as in a table."""
        mean = f"{self.mean:.{digits}f}".replace("-", "−")
        return mean if np.isnan(self.half) else f"{mean} ± {self.half:.{digits}f}"

    @property
    def differs(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.count > 1 and abs(self.mean) > self.half


def row_of(line: Line) -> RowName:
    """Symmetry, coupling and prior of a cell."""
    return line["symmetry"], line["coupling"], line["prior"]


def by_row(lines: Iterable[Line]) -> dict[RowName, dict[int, Line]]:
    """Cells by row and seed, rows in the order of their first cell."""
    found: dict[RowName, dict[int, Line]] = {}
    for line in lines:
        found.setdefault(row_of(line), {})[line["seed"]] = line
    return found


def over_seeds(cells: dict[int, Line], value: Callable[[Line], float]) -> Estimate:
    """The mean of a value over the seeds of a row."""
    return Estimate.of([value(cells[seed]) for seed in sorted(cells)])


def paired(cells: dict[int, Line], others: dict[int, Line], value: Callable[[Line], float]) -> Estimate | None:
    """The mean over common seeds of a value of one row minus that of another; None without a common seed."""
    common = sorted(cells.keys() & others.keys())
    if not common:
        return None
    return Estimate.of([value(cells[seed]) - value(others[seed]) for seed in common])


def difference(cells: dict[int, Line], base: dict[int, Line], value: Callable[[Line], float], digits: int = 3) -> str:
    """What `paired` finds as in a table, bold where it differs; nothing for the base itself."""
    found = paired(cells, base, value)
    if found is None or cells is base:
        return ""
    text = found.text(digits)
    return f"**{text}**" if found.differs else text


def at(kind: str, name: str, sampler: str, steps: int) -> Callable[[Line], float]:
    """A figure of a cell: of a list of comparisons, that of a sampler with a number of steps."""

    def value(line: Line) -> float:
        return next(float(f[name]) for f in line[kind] if (f["sampler"], f["steps"]) == (sampler, steps))

    return value


def label(row: RowName) -> str:
    """A row as in a table."""
    symmetry, coupling, prior = row
    parts = [symmetry.replace("-", " "), *(["aligned coupling"] if coupling == "orbit-aligned" else [])]
    return ", ".join([*parts, *(["harmonic prior"] if prior == "harmonic" else [])])
