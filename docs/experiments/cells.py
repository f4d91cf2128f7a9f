"""Experiments in cells: each finished cell is one line of JSON, so that a table can be filled over many sittings."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol, final

import torch
import typer

from applications.molecular.choices import Coupling, PriorKind, Symmetry

PACKAGES = ("torch", "rdkit", "lightning", "numpy")


@final
@dataclass(frozen=True)
class Row:
    """One way to train: a row of the tables.

    Attributes:
        symmetry: what the loss does with motions along the orbit.
        coupling: how noise is paired with data.
        prior: law of the noise.
    """

    symmetry: Symmetry
    coupling: Coupling = Coupling.INDEPENDENT
    prior: PriorKind = PriorKind.GAUSSIAN

    def to_json(self) -> dict[str, str]:
        """Names, as on the command line."""
        return {"symmetry": self.symmetry.value, "coupling": self.coupling.value, "prior": self.prior.value}


ROWS = (
    Row(Symmetry.EQUIVARIANT),
    Row(Symmetry.QUOTIENT),
    Row(Symmetry.QUOTIENT, Coupling.ORBIT_ALIGNED),
    Row(Symmetry.ORBIT_AVERAGED),
    Row(Symmetry.ALIGNED_TARGET),
    Row(Symmetry.ALIGNED_PREDICTION),
)


@final
class MissingDataError(ValueError):
    """Data of a cell that are not there; the message says how to get them."""


class Cell(Protocol):
    """A piece of work with a name of its own."""

    def key(self) -> dict[str, Any]:
        """What tells it from all others, plain values."""
        ...

    def run(self, work: Path) -> dict[str, Any]:
        """Do it; ``work`` is a folder for what is resumed or shared. Plain values."""
        ...


@final
class Ledger:
    """The finished cells of an experiment: a file with one JSON object a line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> list[dict[str, Any]]:
        """All of them, in the order in which they were finished."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text(encoding="utf-8").splitlines()]

    def has(self, cell: Cell) -> bool:
        """Whether a cell is finished."""
        key = cell.key()
        return any(all(line.get(name) == value for name, value in key.items()) for line in self.lines())

    def add(self, cell: Cell, result: dict[str, Any]) -> None:
        """Append a finished cell."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({**cell.key(), **_short(result)}, ensure_ascii=False)
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(line + "\n")


def run_cells(
    cells: Sequence[Cell],
    ledger: Ledger,
    work: Path,
    *,
    minutes: float | None = None,
    say: Callable[[str], None] = typer.echo,
) -> int:
    """Run the cells that are not finished, in their order, until the time is up.

    Args:
        cells: the cells, the most valuable first.
        ledger: where finished ones are written.
        work: folder of shared and resumed files.
        minutes: no cell is begun after so many; None for no limit.
        say: where progress goes.

    Returns:
        The number of cells that are still open.
    """
    begin, spent = time.monotonic(), []
    todo = [cell for cell in cells if not ledger.has(cell)]
    for number, cell in enumerate(todo):
        if minutes is not None and time.monotonic() - begin > 60 * minutes:
            return len(todo) - number
        start = time.monotonic()
        processor = time.process_time()
        result = cell.run(work)
        spent.append(time.monotonic() - start)
        ledger.add(cell, {**result, "cpu_seconds": time.process_time() - processor, "versions": versions()})
        left = (len(todo) - number - 1) * sum(spent) / len(spent) / 60
        name = " ".join(str(value) for value in cell.key().values() if not isinstance(value, dict))
        say(f"{number + 1} of {len(todo)}: {name}, {spent[-1]:.0f} s; {left:.0f} min left")
    return 0


def versions() -> dict[str, str]:
    """Of Python and of the packages that decide numbers."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def plain(value: Any) -> dict[str, Any]:
    """A dataclass as plain values."""
    return json.loads(json.dumps(asdict(value), default=str))


def one_thread() -> None:
    """Cells use one thread each: run as many at once as there are cores."""
    torch.set_num_threads(1)


def _short(value: Any) -> Any:
    """Floats with six digits."""
    if isinstance(value, dict):
        return {name: _short(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_short(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
