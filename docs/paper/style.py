"""How the pictures and tables of this folder look: one set of colours, sizes and number formats."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

#: This folder.
HERE = Path(__file__).resolve().parent

# Okabe and Ito's colours: told apart with any colour vision, and of different lightness.
BLUE, ORANGE, GREEN, RED = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY, BLACK, GREY = "#CC79A7", "#56B4E9", "#000000", "#888888"

_SETTINGS = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 12.5,
    "axes.labelsize": 12,
    "font.size": 12,
    "figure.dpi": 170,
    "grid.alpha": 0.3,
    "legend.fontsize": 11,
    "legend.framealpha": 0.85,
    "lines.linewidth": 2.0,
}


def panels(rows: int, columns: int, *, height: float = 3.3) -> tuple[Figure, list[Axes]]:
    """A figure as wide as a page, and its panels row by row."""
    with plt.style.context(_SETTINGS):
        figure, axes = plt.subplots(
            rows, columns, figsize=(7.0, 0.94 * height * rows), layout="constrained", squeeze=False
        )
    return figure, [axis for row in axes for axis in row]


def save(figure: Figure, folder: Path, name: str) -> Path:
    """Write ``name.png`` with a small palette, the same bytes for the same picture, and close the figure."""
    path = folder / f"{name}.png"
    drawn = BytesIO()
    figure.savefig(drawn, format="png")
    plt.close(figure)
    Image.open(drawn).convert("RGB").quantize(128).save(path, optimize=True)
    return path


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table: the first column to the left, the others to the right."""
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def write_table(folder: Path, name: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
    """Write ``table_name.md``, which the page includes."""
    path = folder / f"table_{name}.md"
    path.write_text(table(header, rows), encoding="utf-8")
    return path


def signed(value: float, digits: int = 2) -> str:
    """A number with a proper minus sign."""
    return f"{value:.{digits}f}".replace("-", "−")


def share(value: float) -> str:
    """A per cent number."""
    return f"{100 * value:.1f} %"
