"""Tables and figure of the cells of unseen molecules."""

from __future__ import annotations

from pathlib import Path

from drawing import COLOURS, draw_line, panels, save, tables
from summary import BASE, Line, RowName, at, by_row, difference, label, over_seeds

FEW, MOST = 5, 50
COLUMNS = ("seeds", "AMR-R (Å)", "paired", "AMR-P (Å)", "COV-R", "COV-P", "law (Å)", "paired")
CUT = 7
"""Columns of the first of two tables: the others would not be on a page."""


def transfer_tables(lines: list[Line]) -> str:
    """One table for each network: recall, precision, coverage and law at 50 steps; few steps; the SDE."""
    out = []
    header = ("training", *COLUMNS, f"AMR-R, {FEW} steps", "AMR-R, SDE", "law, SDE")
    for network in dict.fromkeys(line["network"] for line in lines):
        rows = _rows(lines, network)
        body = [(label(row), *_figures(cells, rows.get((*BASE[:2], row[2]), {}))) for row, cells in rows.items()]
        out.append(f"### {network.capitalize()} network\n\n{tables(header, body, CUT)}")
    return "\n".join(out)


def _rows(lines: list[Line], network: str) -> dict[RowName, dict[int, Line]]:
    """The rows of a network, those of the Gaussian prior first."""
    found = by_row(line for line in lines if line["network"] == network)
    order = list(COLOURS)
    return {
        row: found[row] for row in sorted(found, key=lambda row: (row[2] != "gaussian", order.index((row[0], row[1]))))
    }


def _figures(cells: dict[int, Line], base: dict[int, Line]) -> tuple[str, ...]:
    """A row of figures of one way to train, with its difference from another one."""

    def mean(name: str, sampler: str = "ode", steps: int = MOST) -> str:
        there = any(
            (f["sampler"], f["steps"]) == (sampler, steps) for f in next(iter(cells.values()))["by_evaluations"]
        )
        return over_seeds(cells, at("by_evaluations", name, sampler, steps)).text(3) if there else ""

    return (
        str(len(cells)),
        mean("amr_recall"),
        difference(cells, base, at("by_evaluations", "amr_recall", "ode", MOST)),
        *(mean(name) for name in ("amr_precision", "coverage_recall", "coverage_precision", "law")),
        difference(cells, base, at("by_evaluations", "law", "ode", MOST)),
        mean("amr_recall", steps=FEW),
        mean("amr_recall", "sde"),
        mean("law", "sde"),
    )


def transfer_figure(lines: list[Line], folder: Path) -> None:
    """Recall and law by the number of steps, and recall of validation molecules while training; a row for a network."""
    networks = list(dict.fromkeys(line["network"] for line in lines))
    figure, axes = panels(len(networks), 3, height=3.6)
    for row_number, network in enumerate(networks):
        chosen = axes[3 * row_number : 3 * row_number + 3]
        for row, cells in _rows(lines, network).items():
            symmetry, coupling, prior = row
            # of the other prior only the best: nine lines would hide each other
            if prior != "gaussian" and coupling != "orbit-aligned":
                continue
            first = next(iter(cells.values()))
            colour, name, dash = COLOURS[symmetry, coupling], label(row), "-" if prior == "gaussian" else "--"
            steps = [f["steps"] for f in first["by_evaluations"] if f["sampler"] == "ode"]
            for axis, figure_name in zip(chosen, ("amr_recall", "law"), strict=False):
                found = [over_seeds(cells, at("by_evaluations", figure_name, "ode", n)) for n in steps]
                draw_line(axis, steps, found, colour, name, dash)
            stages = [f["step"] for f in first["by_step"]]
            learned = [
                over_seeds(cells, lambda line, k=k: line["by_step"][k]["amr_recall"]) for k in range(len(stages))
            ]
            draw_line(chosen[2], stages, learned, colour, name, dash)
        chosen[0].set(ylabel=f"{network} network\nAMR-R (Å)", xlabel="steps of the ODE")
        chosen[1].set(ylabel="law (Å)", xlabel="steps of the ODE")
        chosen[2].set(ylabel="validation AMR-R (Å)", xlabel="training step")
        for axis in chosen[:2]:
            axis.set(xscale="log")
            axis.set_xticks(steps, [str(n) for n in steps])
            axis.minorticks_off()
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize=10)
    save(figure, folder, "transfer")
