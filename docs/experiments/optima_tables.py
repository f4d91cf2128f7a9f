"""Table of what the exact optima give."""

from __future__ import annotations

from drawing import tables
from summary import Line, at, label, row_of

MOLECULES = (("law", "law (Å)"), ("amr_recall", "AMR-R (Å)"), ("amr_precision", "AMR-P (Å)"))
BACKBONES = (
    ("pair_distances", "pairs (Å)"),
    ("rmsd_to_second", "second end (Å)"),
    ("radius_of_gyration", "radius (Å)"),
)
SIZES = (("midway", "mean radius at t = 0.4 (Å)"), ("end", "at t = 1 (Å)"))
CUT = 7
"""Columns of the first of two tables."""


def optima_tables(lines: list[Line]) -> str:
    """One table for each subject: figures at most and at fewest Euler steps, and of draws from the data themselves."""
    out = []
    for subject in dict.fromkeys(line["subject"] for line in lines):
        chosen = [line for line in lines if line["subject"] == subject]
        figures = MOLECULES if subject == "molecules" else BACKBONES
        sizes = () if subject == "molecules" else SIZES
        few, *_, most = (found["steps"] for found in chosen[0]["by_evaluations"])
        counts = (most, few)
        header = ("optimum of", *(f"{title}, {steps} steps" for steps in counts for _, title in figures))
        header += tuple(title for _, title in sizes)
        body = [
            (
                label(row_of(line)),
                *(f"{at('by_evaluations', name, 'ode', steps)(line):.3f}" for steps in counts for name, _ in figures),
                *(f"{at('by_evaluations', name, 'ode', most)(line):.2f}" for name, _ in sizes),
            )
            for line in chosen
        ]
        floor = (
            "drawn from the data",
            *(f"{chosen[0]['floor'][name]:.3f}" for name, _ in figures),
            *("" for _ in figures),
            *(f"{chosen[0]['floor'][name]:.2f}" for name, _ in sizes),
        )
        out.append(f"### {subject.capitalize()}\n\n{tables(header, [*body, floor], CUT)}")
    return "\n".join(out)
