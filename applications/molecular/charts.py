"""Charts of an evaluation as SVG elements for a page: matplotlib draws, nothing is fetched, text stays text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

from applications.molecular.chart_drawing import Chart, legend_above

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@final
@dataclass(frozen=True)
class Stroke:
    """How a column of the report is drawn.

    Attributes:
        label: its name for readers.
        colour: of lines and marks.
        dashes: line style of matplotlib.
        mark: marker of matplotlib.
    """

    label: str
    colour: str
    dashes: str
    mark: str


STROKES: Final[Mapping[str, Stroke]] = {
    "model": Stroke("model", "#2f56d6", "-", "o"),
    "etkdg": Stroke("ETKDG", "#c2571a", "--", "s"),
    "etkdg_mmff": Stroke("ETKDG + MMFF", "#5b6472", ":", "^"),
}
"""By name of the column."""


def curve_chart(curves: Mapping[str, Mapping[str, Any]], *, measure: str, label: str) -> str:
    """Mean coverage against its threshold, one line a column, with the interval of the model.

    Args:
        curves: by column, as `report.json` has them.
        measure: `recall` or `precision`.
        label: of the vertical axis.
    """

    def draw(axes: Axes) -> None:
        for name, curve in curves.items():
            stroke, band = STROKES[name], curve[measure]
            percent = {key: [100 * value for value in band[key]] for key in ("mean", "low", "high")}
            if name == "model":
                axes.fill_between(
                    curve["thresholds"], percent["low"], percent["high"], color=stroke.colour, alpha=0.15, lw=0
                )
            axes.plot(
                curve["thresholds"], percent["mean"], stroke.dashes, color=stroke.colour, lw=1.8, label=stroke.label
            )
        axes.set(xlim=(0, 2), ylim=(0, 102), xlabel="threshold (Å)", ylabel=label)
        legend_above(axes)

    return Chart(draw, name=f"curve-{measure}", description=f"{label} against the threshold").svg()


def bins_chart(bins: Mapping[str, Mapping[str, Any]], names: Sequence[str], *, measure: str, label: str) -> str:
    """Mean of a measure by number of rotatable bonds, with 95 % intervals.

    Args:
        bins: by column, then by bin, then by measure.
        names: of the bins, in order.
        measure: name of the measure.
        label: of the vertical axis.
    """

    def draw(axes: Axes) -> None:
        for number, (source, by_bin) in enumerate(bins.items()):
            stroke = STROKES[source]
            found = [(i, by_bin[name][measure]) for i, name in enumerate(names) if by_bin[name][measure]["n"]]
            x = [i + 0.16 * (number - (len(bins) - 1) / 2) for i, _ in found]
            y = [value["mean"] for _, value in found]
            spread = [
                [value["mean"] - value["low"] for _, value in found],
                [value["high"] - value["mean"] for _, value in found],
            ]
            axes.errorbar(
                x, y, spread, fmt=stroke.mark, color=stroke.colour, ms=5, lw=1.4, capsize=2.5, label=stroke.label
            )
        axes.set_xticks(range(len(names)), [bin_label(name) for name in names])
        axes.grid(visible=False, axis="x")
        axes.set(xlim=(-0.6, len(names) - 0.4), xlabel="rotatable bonds", ylabel=label)
        axes.set_ylim(bottom=0)
        legend_above(axes)

    return Chart(draw, name=f"bins-{measure.lower()}", description=f"{label} by rotatable bonds").svg()


def bin_label(name: str) -> str:
    """A bin of rotatable bonds for readers: `0` for `0-0`."""
    low, _, high = name.partition("-")
    return low if low == high else name.replace("-", "–")
