"""How tables and figures of the experiments look: as those of the paper's page, with a colour for each row."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "paper"))

from style import BLACK, BLUE, GREEN, ORANGE, PURPLE, RED, SKY, panels, save, table
from summary import Estimate

__all__ = ["BLACK", "COLOURS", "draw_line", "panels", "save", "table", "tables"]

COLOURS = {
    ("equivariant", "independent"): BLACK,
    ("quotient", "independent"): BLUE,
    ("quotient", "orbit-aligned"): SKY,
    ("orbit-averaged", "independent"): GREEN,
    ("aligned-target", "independent"): RED,
    ("aligned-prediction", "independent"): ORANGE,
    ("equivariant", "orbit-aligned"): PURPLE,
}


def tables(header: Sequence[str], body: Sequence[Sequence[str]], cut: int) -> str:
    """A table too wide for a page as two, the second with the first column and those from ``cut`` on, no empty row."""
    parts = [(header[:cut], [row[:cut] for row in body])]
    if len(header) > cut:
        parts.append(((header[0], *header[cut:]), [(row[0], *row[cut:]) for row in body if any(row[cut:])]))
    return "\n".join(table(*part) for part in parts)


def draw_line(
    axis: Any, xs: Sequence[float], found: Sequence[Estimate], colour: str, name: str, dash: str = "-"
) -> None:
    """Means over seeds joined by a line, with their intervals: those of two seeds would hide everything else."""
    axis.errorbar(
        xs,
        [e.mean for e in found],
        yerr=[e.half if e.count > 2 else 0 for e in found],
        color=colour,
        linestyle=dash,
        label=name,
        capsize=3,
        marker="o",
        markersize=4,
    )
