"""A few structures of a set to look at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np

from applications.molecular.pictures import AbstractPanel, draw_grid
from applications.molecular.proteins.measures import BackboneMeasures, MeasuredSet
from applications.molecular.proteins.trace_view import TraceStructure

_SHOWN: Final = 6
_COLUMNS: Final = 3


@final
@dataclass(frozen=True)
class Selection:
    """Structures that are drawn.

    Attributes:
        rows: which of the set.
        structures: these.
    """

    rows: list[int]
    structures: list[TraceStructure]

    def save_png(self, folder: Path) -> Path:
        """Write `traces.png` into a folder that exists, and return its path."""
        panels: list[AbstractPanel] = [structure.panel(0, structure.title) for structure in self.structures]
        draw_grid([panels[k : k + _COLUMNS] for k in range(0, len(panels), _COLUMNS)], folder / "traces.png")
        return folder / "traces.png"


def drawn_structures(found: MeasuredSet, *, seed: int, limit: int = _SHOWN) -> Selection:
    """At most `limit` structures drawn with the seed, in their order, each with its measures as facts.

    Every structure is alike to the draw: none is chosen for its looks.
    """
    rng = np.random.default_rng(seed)
    rows = sorted(rng.choice(len(found.rows), size=min(limit, len(found.rows)), replace=False).tolist())
    structures = [
        TraceStructure(
            found.rows[row].name,
            np.asarray(found.traces[row], dtype=np.float64)[None],
            found.residue_index[row],
            _facts(found.rows[row]),
        )
        for row in rows
    ]
    return Selection(rows, structures)


def _facts(row: BackboneMeasures) -> dict[str, str]:
    hand = "" if np.isnan(row.right_handed) else f", {row.right_handed:.0%} of it right-handed"
    return {
        "residues": str(row.n_residues),
        "helix": f"{row.helix:.0%}{hand}",
        "strand": f"{row.strand:.0%}",
        "radius of gyration": f"{row.radius_of_gyration:.1f} Å",
    }
