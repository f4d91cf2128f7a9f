"""Charts of generated backbones beside their reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from applications.molecular.chart_drawing import Chart, legend_above
from applications.molecular.proteins.ca_geometry import BOND, BOND_TOLERANCE, CaTraces
from applications.molecular.proteins.compactness import contact_maps, expected_radius
from applications.molecular.proteins.measures import MeasuredSet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

GENERATED: Final = "#2f56d6"
REFERENCE: Final = "#c2571a"

_ANGLE_RANGE: Final = (60.0, 180.0)
_BOND_RANGE: Final = (2.6, 5.0)
_MARKS: Final = 1500
_MAPS: Final = 2


def backbone_charts(generated: MeasuredSet, reference: MeasuredSet, *, contacts: list[int]) -> list[Chart]:
    """The charts of a comparison of two sets, with contact maps of these rows of the generated one."""
    return [
        angle_chart(generated, reference),
        bond_chart(generated, reference),
        size_chart(generated, reference),
        element_chart(generated, reference),
        contact_chart(generated, contacts[:_MAPS]),
    ]


def angle_chart(generated: MeasuredSet, reference: MeasuredSet) -> Chart:
    """Pseudo angle against pseudo dihedral, as a Ramachandran plot of CA atoms: shares of cells of 10 by 5 degrees."""

    def draw(panels: Any) -> None:
        for axes, found, title, colours in zip(
            panels, (generated, reference), ("generated", "reference"), ("Blues", "Oranges"), strict=True
        ):
            edges = np.arange(-180, 181, 10), np.arange(_ANGLE_RANGE[0], _ANGLE_RANGE[1] + 1, 5)
            clipped = np.clip(found.angles[:, 0], *_ANGLE_RANGE)
            counts, *_ = np.histogram2d(found.angles[:, 1], clipped, bins=edges)
            # the root shows what is rare too; empty cells are left out, which keeps the element small
            shares = np.sqrt(counts / max(counts.max(), 1))
            axes.pcolormesh(*edges, np.ma.masked_equal(shares, 0).T, cmap=colours, vmin=-0.12, vmax=1)
            axes.set(xlim=(-180, 180), ylim=_ANGLE_RANGE, xlabel="pseudo dihedral (°)")
            axes.set_xticks([-180, -90, 0, 90, 180])
            axes.set_title(title, fontsize=9.5)
        panels[0].set_ylabel("pseudo angle (°)")

    return Chart(
        draw, "angles", "Pseudo angle against pseudo dihedral, generated and reference", inches=(6.6, 3.0), panels=2
    )


def size_chart(generated: MeasuredSet, reference: MeasuredSet) -> Chart:
    """Radius of gyration against the number of residues, with the expected line."""

    def draw(axes: Axes) -> None:
        for found, label, colour, mark in _both(generated, reference):
            rows = found.rows[:_MARKS]
            x, y = [r.n_residues for r in rows], [r.radius_of_gyration for r in rows]
            _dots(axes, x, y, label, colour, mark)
        low, high = axes.get_xlim()
        lengths = np.linspace(max(low, 1), high, 100)
        axes.plot(lengths, expected_radius(lengths), color="#5b6472", lw=1.2, ls="--", label="3.35 $L^{0.30}$")
        axes.set(xlabel="residues", ylabel="radius of gyration (Å)")
        axes.set_ylim(bottom=0)
        legend_above(axes)

    return Chart(draw, "size", "Radius of gyration against the number of residues")


def element_chart(generated: MeasuredSet, reference: MeasuredSet) -> Chart:
    """Share of strand against share of helix, one mark a structure."""

    def draw(axes: Axes) -> None:
        for found, label, colour, mark in _both(generated, reference):
            rows = found.rows[:_MARKS]
            _dots(axes, [100 * r.helix for r in rows], [100 * r.strand for r in rows], label, colour, mark)
        axes.plot([0, 100], [100, 0], color="#8b929c", lw=0.8)
        axes.set(xlim=(-3, 103), ylim=(-3, 103), xlabel="helix (% of residues)", ylabel="strand (% of residues)")
        legend_above(axes)

    return Chart(draw, "elements", "Share of strand against share of helix")


def bond_chart(generated: MeasuredSet, reference: MeasuredSet) -> Chart:
    """Histogram of CA-CA bonds; what is out of range is counted in the first and the last bin."""

    def draw(axes: Axes) -> None:
        edges = np.linspace(*_BOND_RANGE, 49)
        axes.axvspan(BOND - BOND_TOLERANCE, BOND + BOND_TOLERANCE, color="#eef1f5", lw=0)
        for found, label, colour, _ in _both(generated, reference):
            clipped = np.clip(found.bonds, *_BOND_RANGE)
            weights = np.full(len(clipped), 100 / max(len(clipped), 1))
            axes.hist(clipped, bins=list(edges), weights=weights, histtype="step", color=colour, lw=1.6, label=label)
        # cis peptides are one in five hundred
        axes.set_yscale("log")
        axes.set(xlim=_BOND_RANGE, ylim=(0.01, 130), xlabel="CA-CA bond (Å)", ylabel="bonds (%)")
        legend_above(axes)

    return Chart(draw, "bonds", "Histogram of CA-CA bond lengths")


def contact_chart(found: MeasuredSet, rows: list[int]) -> Chart:
    """Contact maps of some structures, at least one.

    Args:
        found: the set that they are in.
        rows: which of them.
    """

    def draw(panels: Any) -> None:
        for axes, row in zip(np.atleast_1d(panels), rows, strict=True):
            trace = np.asarray(found.traces[row], dtype=np.float64)
            n = len(trace)
            linked = np.ones(n - 1, dtype=bool)
            i, j = np.nonzero(contact_maps(CaTraces(trace, linked, np.ones(n, dtype=bool))))
            size = max(0.4, 110 / n)
            axes.plot([*i, *j], [*j, *i], "s", color=GENERATED, ms=size, mew=0)
            axes.plot([0, n - 1], [0, n - 1], color="#8b929c", lw=0.6)
            axes.set(xlim=(-1, n), ylim=(-1, n), aspect="equal", adjustable="box")
            axes.set_title(_short(found.rows[row].name), fontsize=8.5)
            axes.grid(visible=False)
            axes.tick_params(labelsize=7.5)

    inches = (2.2 * len(rows), 2.5)
    return Chart(draw, "contacts", "Contact maps of some generated structures", inches=inches, panels=len(rows))


def _both(generated: MeasuredSet, reference: MeasuredSet) -> list[tuple[MeasuredSet, str, str, str]]:
    return [(reference, "reference", REFERENCE, "^"), (generated, "generated", GENERATED, "o")]


def _dots(axes: Axes, x: list[Any], y: list[Any], label: str, colour: str, mark: str) -> None:
    axes.plot(x, y, mark, color=colour, ms=4.5, mew=0, alpha=0.65, label=label)


def _short(name: str) -> str:
    return name if len(name) <= 20 else f"{name[:9]}…{name[-9:]}"
