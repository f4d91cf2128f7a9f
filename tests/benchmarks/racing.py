"""Candidates timed in turn, many times over, so that drifts of the machine meet all of them."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import final

import torch

from tests.benchmarks.tables import Column, Row, Table

WARM = 2
_LARGE_BLOCK = 31 * 2**20
Call = Callable[[], object]


@final
@dataclass(frozen=True)
class Candidate:
    """Something to be timed.

    Attributes:
        name: of its row.
        make: prepares it, which is not timed, and returns what is.
        needs: optional packages without which it cannot be made.
    """

    name: str
    make: Callable[[], Call]
    needs: tuple[str, ...] = ()


@final
@dataclass(frozen=True)
class Timing:
    """Seconds of many calls."""

    median: float
    smallest: float


def settle_allocator() -> None:
    """Bring the C library to the state of a program that has freed a large array, as every one does before long.

    Until then it returns the memory of arrays of megabytes to the system at once, and finding it again takes longer
    than most of what is timed here.
    """
    torch.zeros(_LARGE_BLOCK, dtype=torch.uint8)


def in_turn(
    calls: Mapping[str, Call], repeats: int, *, clock: Callable[[], float] = time.perf_counter
) -> dict[str, Timing]:
    """Time each call `repeats` times, all of them once before any a second time; a few rounds before do not count."""
    settle_allocator()
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats + WARM):
        for name, call in calls.items():
            start = clock()
            call()
            seconds[name].append(clock() - start)
    return {name: Timing(statistics.median(found[WARM:]), min(found[WARM:])) for name, found in seconds.items()}


def prepare(candidates: Sequence[Candidate]) -> tuple[dict[str, Call], dict[str, str]]:
    """What can be timed, and why the others cannot."""
    calls: dict[str, Call] = {}
    absent: dict[str, str] = {}
    for candidate in candidates:
        missing = [name for name in candidate.needs if find_spec(name) is None]
        if missing:
            absent[candidate.name] = f"needs {', '.join(missing)}, which is not installed"
            continue
        try:
            calls[candidate.name] = candidate.make()
        except RuntimeError as error:  # torch.compile without a compiler, above all
            absent[candidate.name] = f"{type(error).__name__}, {next(iter(str(error).splitlines()), '')[:80]}"
    return calls, absent


def race(title: str, unit: Candidate, others: Sequence[Candidate], repeats: int) -> Table:
    """Times of candidates in units of that of one of them, by medians and by the smallest of all calls."""
    calls, absent = prepare([unit, *others])
    if unit.name in absent:
        raise ValueError(f"the unit {unit.name} cannot be timed: {absent[unit.name]}")
    found = in_turn(calls, repeats)
    one = found[unit.name]
    rows = [
        Row(candidate.name, absent=absent[candidate.name])
        if candidate.name in absent
        else Row(
            candidate.name,
            (found[candidate.name].median / one.median, found[candidate.name].smallest / one.smallest),
        )
        for candidate in others
    ]
    return Table(
        title=title,
        first="candidate",
        columns=(Column("medians"), Column("smallest")),
        rows=tuple(rows),
        note=f"Unit: {unit.name}, {1e3 * one.median:.3g} ms. {repeats} rounds.",
    )
