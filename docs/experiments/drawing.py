"""How tables and figures of the experiments look: as those of the paper's page, with a colour for each row."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "paper"))

from style import BLACK, BLUE, GREEN, ORANGE, PURPLE, RED, SKY, panels, save, table

__all__ = ["BLACK", "COLOURS", "panels", "save", "table"]

COLOURS = {
    ("equivariant", "independent"): BLACK,
    ("quotient", "independent"): BLUE,
    ("quotient", "orbit-aligned"): SKY,
    ("orbit-averaged", "independent"): GREEN,
    ("aligned-target", "independent"): RED,
    ("aligned-prediction", "independent"): ORANGE,
    ("equivariant", "orbit-aligned"): PURPLE,
}
