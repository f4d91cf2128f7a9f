"""Table of what the exact optima give."""

from __future__ import annotations

from drawing import table
from summary import Line, at, label, row_of

MOLECULES = (("law", "law (Å)"), ("amr_recall", "AMR-R (Å)"), ("amr_precision", "AMR-P (Å)"))
BACKBONES = (
    ("pair_distances", "pairs (Å)"),
    ("rmsd_to_second", "second end (Å)"),
    ("radius_of_gyration", "radius (Å)"),
)


def optima_tables(lines: list[Line]) -> str:
    """One table for each subject: figures at most and at fewest Euler steps, and of draws from the data themselves."""
    out = []
    for subject in dict.fromkeys(line["subject"] for line in lines):
        chosen = [line for line in lines if line["subject"] == subject]
        figures = MOLECULES if subject == "molecules" else BACKBONES
        few, *_, most = (found["steps"] for found in chosen[0]["by_evaluations"])
        counts = (most, few)
        header = ("optimum of", *(f"{title}, {steps} steps" for steps in counts for _, title in figures))
        body = [
            (
                label(row_of(line)),
                *(f"{at('by_evaluations', name, 'ode', steps)(line):.3f}" for steps in counts for name, _ in figures),
            )
            for line in chosen
        ]
        floor = (
            "drawn from the data",
            *(f"{chosen[0]['floor'][name]:.3f}" for name, _ in figures),
            *("" for _ in figures),
        )
        out.append(f"### {subject.capitalize()}\n\n{table(header, [*body, floor])}")
    return "\n".join(out)
