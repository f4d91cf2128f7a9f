"""How tables and figures of the experiments look: as those of the paper's page, with a colour for each row."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "paper"))

from style import BLACK, BLUE, GREEN, ORANGE, PURPLE, RED, SKY, panels, save, table
from summary import Estimate

__all__ = ["BLACK", "COLOURS", "draw_line", "panels", "save", "table"]

COLOURS = {
    ("equivariant", "independent"): BLACK,
    ("quotient", "independent"): BLUE,
    ("quotient", "orbit-aligned"): SKY,
    ("orbit-averaged", "independent"): GREEN,
    ("aligned-target", "independent"): RED,
    ("aligned-prediction", "independent"): ORANGE,
    ("equivariant", "orbit-aligned"): PURPLE,
}


def draw_line(axis: Any, xs: Sequence[float], found: Sequence[Estimate], colour: str, name: str) -> None:
    """Means over seeds with their intervals, joined by a line."""
    axis.errorbar(
        xs,
        [e.mean for e in found],
        yerr=[0 if e.half != e.half else e.half for e in found],
        color=colour,
        label=name,
        capsize=3,
        marker="o",
        markersize=4,
    )
