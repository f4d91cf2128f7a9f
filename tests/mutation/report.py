"""Counts of a file of results, with intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_Z = 1.959963984540054


def wilson(killed: int, total: int) -> tuple[float, float]:
    """The 95 % interval of Wilson for a proportion: its centre is (k + z²/2) / (n + z²)."""
    if total == 0:
        return 0.0, 1.0
    share, z2 = killed / total, _Z * _Z
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    half = _Z * math.sqrt(share * (1 - share) / total + z2 / (4 * total**2)) / (1 + z2 / total)
    return max(0.0, centre - half), min(1.0, centre + half)


def folder_of(path: str) -> str:
    return path.rpartition("/")[0]


def _row(name: str, rows: Sequence[Mapping[str, Any]]) -> str:
    counts = {outcome: sum(1 for row in rows if row["outcome"] == outcome) for outcome in ("killed", "timeout")}
    dead = sum(counts.values())
    low, high = wilson(dead, len(rows))
    return (
        f"{name:28} {len(rows):7} {counts['killed']:7} {counts['timeout']:9} {len(rows) - dead:9} "
        f"{100 * dead / len(rows):6.1f} %  [{100 * low:.1f}, {100 * high:.1f}]"
    )


def table(rows: Iterable[Mapping[str, Any]]) -> str:
    """One line a folder and one for all: mutants, killed, timed out (also killed), survived, rate, interval."""
    rows = list(rows)
    if not rows:
        return "no mutants"
    folders = sorted({folder_of(row["path"]) for row in rows})
    head = f"{'folder':28} {'mutants':>7} {'killed':>7} {'timed out':>9} {'survived':>9} {'rate':>8}  95 % interval"
    lines = [head, *(_row(f, [row for row in rows if folder_of(row["path"]) == f]) for f in folders), _row("all", rows)]
    seconds = sum(row["seconds"] for row in rows)
    return "\n".join([*lines, f"{seconds / len(rows):.1f} CPU seconds a mutant"])


def survivors(rows: Iterable[Mapping[str, Any]]) -> str:
    """Each mutant that no test killed, with its change."""
    alive = [row for row in rows if row["outcome"] not in ("killed", "timeout")]
    return "\n\n".join(
        f"{row['path']}:{row['line']} {row['operator']} ({row['outcome']}, {len(row['passed'])} of {row['reaching']} "
        f"tests that reach it)\n{row['diff']}"
        for row in sorted(alive, key=lambda row: (row["path"], row["line"]))
    )
