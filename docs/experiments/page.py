"""Tables and figures of the finished cells: `python docs/experiments/page.py`."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

from backbone_tables import backbone_figure, backbone_tables
from cells import Ledger
from drawing import COLOURS, draw_line, panels, save, table
from optima_tables import optima_tables
from summary import BASE, Line, at, by_row, difference, label, over_seeds
from transfer_tables import transfer_figure, transfer_tables

HERE = Path(__file__).resolve().parent
FEW, MOST = 5, 50
_SLOT = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def flexible_tables(lines: list[Line]) -> str:
    """One table for each molecule and network, with the difference from the conventional row, paired by seed."""
    out = []
    for network, molecule in dict.fromkeys((line["network"], line["molecule"]) for line in lines):
        chosen = [line for line in lines if (line["network"], line["molecule"]) == (network, molecule)]
        rows = by_row(chosen)
        body = []
        for row, cells in rows.items():
            figures = [over_seeds(cells, at("by_evaluations", name, "ode", MOST)) for name in ("basins", "torsions")]
            law = at("by_evaluations", "distances", "ode", MOST)
            body.append(
                (
                    label(row),
                    str(len(cells)),
                    figures[0].text(3),
                    figures[1].text(1),
                    over_seeds(cells, law).text(3),
                    difference(cells, rows.get(BASE, {}), law),
                    over_seeds(cells, at("by_evaluations", "distances", "ode", FEW)).text(3),
                    over_seeds(cells, lambda line: line["gradient_variance"]).text(3),
                )
            )
        floor = chosen[0]["floor"]
        figures = (f"{floor['basins']:.3f}", f"{floor['torsions']:.1f}", f"{floor['distances']:.3f}")
        body.append(("two halves of the data", "", *figures, "", "", ""))
        header = ("training", "seeds", "basins", "torsions (°)", "distances (Å)", "paired", "5 steps", "gradients")
        out.append(f"### {molecule.capitalize()}, {network} network\n\n{table(header, body)}")
    return "\n".join(out)


def flexible_figure(lines: list[Line], folder: Path) -> None:
    """Distances in law by the number of steps and by training step, for the first molecule and network."""
    first = lines[0]
    chosen = [line for line in lines if (line["network"], line["molecule"]) == (first["network"], first["molecule"])]
    figure, axes = panels(1, 2, height=4.4)
    for (symmetry, coupling, prior), cells in by_row(chosen).items():
        if prior != "gaussian":
            continue
        colour, name = COLOURS[symmetry, coupling], label((symmetry, coupling, prior))
        steps = [f["steps"] for f in first["by_evaluations"] if f["sampler"] == "ode"]
        draw_line(
            axes[0],
            steps,
            [over_seeds(cells, at("by_evaluations", "distances", "ode", n)) for n in steps],
            colour,
            name,
        )
        stages = [f["step"] for f in first["by_step"]]
        learned = [over_seeds(cells, lambda line, k=k: line["by_step"][k]["distances"]) for k in range(len(stages))]
        last = over_seeds(cells, at("by_evaluations", "distances", "ode", MOST))
        draw_line(axes[1], [*stages, first["size"]["steps"]], [*learned, last], colour, name)
    axes[0].set(xscale="log", yscale="log", xlabel="steps of the ODE", ylabel="distances in law (Å)")
    axes[0].set_xticks([5, 10, 20, 50], ["5", "10", "20", "50"])
    axes[0].minorticks_off()
    axes[1].set(yscale="log", xlabel="training step, 50 steps of the ODE")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2, fontsize=10)
    save(figure, folder, "flexible")


def main(folder: Path = HERE) -> None:
    """Write the figures and fill the page."""
    parts = {}
    makers = {
        "flexible": (flexible_tables, flexible_figure),
        "transfer": (transfer_tables, transfer_figure),
        "backbones": (backbone_tables, backbone_figure),
        "optima": (optima_tables, None),
    }
    for name, (tables, draw) in makers.items():
        lines = Ledger(HERE / f"{name}.jsonl").lines()
        done = f"{len(lines)} of {len(import_module(name).cells())} cells are in.\n\n"
        parts[name] = done + (tables(lines) if lines else "")
        if draw and lines:
            draw(lines, folder)
    page = folder / "index.md"
    text = (HERE / "index.md").read_text(encoding="utf-8")
    filled = _SLOT.sub(lambda found: f"{found[1]}\n{parts[found[2]].strip()}\n\n{found[3]}", text)
    page.write_text(filled, encoding="utf-8")


if __name__ == "__main__":
    main()
