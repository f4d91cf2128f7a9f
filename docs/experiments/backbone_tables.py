"""Tables and figure of the cells of protein backbones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from drawing import BLACK, COLOURS, panels, save, tables
from matplotlib.ticker import LogLocator, StrMethodFormatter
from summary import BASE, Line, RowName, at, by_row, difference, label, over_seeds

FEW, MOST = 10, 50
CUT = 8
"""Columns of the first of two tables: the others would not be on a page."""
QUOTIENT: RowName = ("quotient", "independent", "gaussian")
RECALLED = {"projected": "projected", "unprojected": "as it is", "off": "nothing"}


def _law(name: str, *, sampler: str = "ode", few: bool = False) -> Callable[[Line], float]:
    """A distance in law of backbones; NaN where the sampler does not exist."""
    steps = FEW if few else MOST

    def value(line: Line) -> float:
        there = any((f["sampler"], f["steps"]) == (sampler, steps) for f in line["by_evaluations"])
        return at("by_evaluations", name, sampler, steps)(line) if there else float("nan")

    return value


def _backbone_figures(cells: dict[int, Line], base: dict[int, Line]) -> tuple[str, ...]:
    """A row of figures of one way to train, with its difference from another one."""
    law, names = _law("pair_distances"), ("rmsd_to_first", "rmsd_to_second", "radius_of_gyration")
    stochastic = over_seeds(cells, _law("pair_distances", sampler="sde"))
    return (
        str(len(cells)),
        over_seeds(cells, law).text(2),
        difference(cells, base, law, 2),
        *(over_seeds(cells, _law(name)).text(2) for name in names),
        over_seeds(cells, _law("bonds")).text(2),
        over_seeds(cells, _law("pair_distances", few=True)).text(2),
        "" if stochastic.mean != stochastic.mean else stochastic.text(2),
        over_seeds(cells, lambda line: line["gradient_variance"]).text(2),
        over_seeds(cells, lambda line: line["orientation"]).text(2),
        over_seeds(cells, lambda line: line["mirrored"]).text(2),
    )


def backbone_tables(lines: list[Line]) -> str:
    """Two tables for each ensemble: ways to train, and what the quotient row recalls; then the figure."""
    columns = ("seeds", "pairs (Å)", "paired", "first end (Å)", "second end (Å)", "radius (Å)", "bonds")
    columns += (f"{FEW} steps", "SDE", "gradients", "orientation (Å)", "mirrored")
    out = []
    for ensemble in dict.fromkeys(line["ensemble"] for line in lines):
        chosen = [line for line in lines if line["ensemble"] == ensemble]
        names = ("pair_distances", "rmsd_to_first", "rmsd_to_second", "radius_of_gyration", "bonds")
        first, *others = [f"{chosen[0]['floor'][name]:.2f}" for name in names]
        floor = ("frames of the training", "", first, "", *others, "", "", "", "", "")
        rows = by_row(line for line in chosen if line["self_conditioning"] == "off")
        body = [(label(row), *_backbone_figures(cells, rows.get(BASE, {}))) for row, cells in rows.items()]
        title = f"{ensemble.capitalize()}, {chosen[0]['network']} network"
        out.append(f"### {title}\n\n{tables(('training', *columns), [*body, floor], CUT)}")
        seen = {
            mode: by_row(line for line in chosen if line["self_conditioning"] == mode).get(QUOTIENT, {})
            for mode in RECALLED
        }
        ablation = [
            (RECALLED[mode], *_backbone_figures(cells, seen["projected"])) for mode, cells in seen.items() if cells
        ]
        if len(ablation) > 1:
            out.append(tables(("quotient, recalls its prediction", *columns), [*ablation, floor], CUT))
    picture = "![Distances in law of pairs by training, sampler and number of steps](backbones.png)"
    return "\n".join([*out, f"{picture}\n\nThe distances of pairs; dotted: the last line of the tables."])


def backbone_figure(lines: list[Line], folder: Path) -> None:
    """Distances in law of pair distances, a panel for each ensemble: a line for each way to train."""
    ensembles = list(dict.fromkeys(line["ensemble"] for line in lines))
    figure, axes = panels(1, len(ensembles), height=3.8)
    names = [label(row) for row in by_row(line for line in lines if line["self_conditioning"] == "off")]
    kinds = (
        (f"ODE, {MOST} steps", "o", -0.2, _law("pair_distances")),
        (f"ODE, {FEW} steps", "s", 0.0, _law("pair_distances", few=True)),
        (f"SDE, {MOST} steps", "^", 0.2, _law("pair_distances", sampler="sde")),
    )
    for axis, ensemble in zip(axes, ensembles, strict=True):
        chosen = [line for line in lines if line["ensemble"] == ensemble]
        for (symmetry, coupling, prior), cells in by_row(
            line for line in chosen if line["self_conditioning"] == "off"
        ).items():
            place = names.index(label((symmetry, coupling, prior)))
            for _, marker, shift, value in kinds:
                found = over_seeds(cells, value)
                half = 0.0 if found.half != found.half else found.half
                colour = COLOURS[symmetry, coupling]
                axis.errorbar(found.mean, place + shift, xerr=half, color=colour, marker=marker, ms=5, capsize=3)
        axis.axvline(chosen[0]["floor"]["pair_distances"], color=BLACK, linestyle=":", linewidth=1.2)
        axis.set(xscale="log", xlabel="distance in law (Å)", title=ensemble.capitalize())
        axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.minorticks_off()
        axis.set_yticks(range(len(names)), names if axis is axes[0] else [""] * len(names))
        axis.set_ylim(len(names) - 0.5, -0.5)
    for name, marker, _, _ in kinds:
        axes[0].plot([], [], color=BLACK, marker=marker, linestyle="", label=name)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, fontsize=10)
    save(figure, folder, "backbones")
