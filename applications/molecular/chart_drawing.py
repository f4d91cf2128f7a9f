"""One look for all charts: as an SVG element for a page, text staying text, or as a PNG file. Nothing is fetched."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI: Final = 160
_SETTINGS: Final[dict[Any, Any]] = {
    "svg.fonttype": "none",
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8b929c",
    "axes.labelcolor": "#333a45",
    "xtick.color": "#555c68",
    "ytick.color": "#555c68",
    "axes.grid": True,
    "grid.color": "#e6e8ec",
    "axes.axisbelow": True,
}


@final
@dataclass(frozen=True)
class Chart:
    """A chart that matplotlib draws when it is asked for.

    Attributes:
        draw: puts everything on its axes: one, or an array of `panels` of them.
        name: of the chart, unique on a page.
        description: for those who do not see it.
        inches: width and height.
        panels: number of axes beside each other.
    """

    draw: Callable[[Any], None]
    name: str
    description: str
    inches: tuple[float, float] = (4.4, 3.0)
    panels: int = 1

    def svg(self) -> str:
        """An SVG element to stand inside a page."""
        from matplotlib.backends.backend_svg import FigureCanvasSVG

        with self._drawn() as figure:
            FigureCanvasSVG(figure)
            stream = io.StringIO()
            metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
            figure.savefig(stream, format="svg", transparent=True, metadata=metadata)
        text = stream.getvalue()
        # inside a page the element needs no declaration of its name space, and identifiers must be unique
        body = text[text.index("<svg") :]
        body = re.sub(r' xmlns(:\w+)?="[^"]*"| (width|height)="[\d.]+pt"| version="[^"]*"', "", body, count=5)
        body = re.sub(r'\bid="', f'id="{self.name}-', body)
        body = re.sub(r'(href="#|url\(#)', rf"\g<1>{self.name}-", body).replace("xlink:href", "href")
        return body.replace("<svg", f'<svg role="img" aria-label="{self.description}"', 1)

    def save_png(self, folder: Path) -> Path:
        """Write `NAME.png` into a folder that exists, and return its path."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        path = folder / f"{self.name}.png"
        with self._drawn() as figure:
            figure.set_dpi(_DPI)
            FigureCanvasAgg(figure).print_png(str(path))
        return path

    @contextmanager
    def _drawn(self) -> Iterator[Figure]:
        import matplotlib as mpl
        from matplotlib.figure import Figure

        with mpl.rc_context({**_SETTINGS, "svg.hashsalt": self.name}):
            figure = Figure(figsize=self.inches, layout="constrained")
            self.draw(figure.subplots(1, self.panels))
            yield figure


def legend_above(axes: Axes) -> None:
    """A legend above the axes, where no data can be."""
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, columnspacing=1.2)
