"""Pictures of structures as a PNG grid, conformers as balls and sticks; matplotlib only, no display, no network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from typing_extensions import override

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = {
    1: "#f4f4f4", 5: "#ffb5a0", 6: "#4a4a4a", 7: "#2f56d6", 8: "#e0231c", 9: "#4fbf3a", 14: "#d9b48a",
    15: "#f08a12", 16: "#e6c522", 17: "#22b322", 35: "#9c3327", 53: "#7d1fa0",
}  # fmt: skip
_RADII = {1: 0.24, 6: 0.36, 7: 0.36, 8: 0.35, 9: 0.34}
_DEFAULT_RADIUS = 0.45
_UNKNOWN_COLOUR = "#c040c0"
_STICK = 0.10
_DOUBLE_GAP = 0.13


def atom_style(atomic_number: int) -> tuple[str, float]:
    """Colour and radius (Å) of an element in pictures."""
    return _COLOURS.get(atomic_number, _UNKNOWN_COLOUR), _RADII.get(atomic_number, _DEFAULT_RADIUS)


class AbstractPanel(ABC):
    """One picture of the grid.

    Attributes:
        title: text under it.
    """

    title: str

    @abstractmethod
    def positions(self) -> NDArray[np.float64]:
        """Coordinates in Å of what is drawn, [n, 3]."""

    @abstractmethod
    def core(self) -> NDArray[np.bool_]:
        """Which of them decide how the picture is turned and superposed, [n]."""

    @abstractmethod
    def draw(self, axes: Axes, positions: NDArray[np.float64]) -> None:
        """Draw it with these coordinates, [n, 3]: x to the right, y up, z towards the eye."""


@final
@dataclass(frozen=True)
class Panel(AbstractPanel):
    """A conformer as balls and sticks.

    Attributes:
        mol: molecule with the conformer to draw.
        title: text under it.
        conf_id: which conformer.
    """

    mol: Chem.Mol
    title: str
    conf_id: int = -1

    @override
    def positions(self) -> NDArray[np.float64]:
        return self.mol.GetConformer(self.conf_id).GetPositions()

    @override
    def core(self) -> NDArray[np.bool_]:
        heavy = np.array([a.GetAtomicNum() > 1 for a in self.mol.GetAtoms()])
        return heavy if heavy.sum() > 2 else np.ones_like(heavy)

    @override
    def draw(self, axes: Axes, positions: NDArray[np.float64]) -> None:
        _draw(axes, self.mol, positions)


def draw_grid(
    rows: Sequence[Sequence[AbstractPanel]], path: Path, *, panel_inches: float = 2.6, dpi: int = 110
) -> None:
    """Draw panels in rows and save them as a PNG. All panels share one scale, so sizes can be compared.

    Each structure is turned to show its widest side; conformers of one row are superposed on the first of it.

    Args:
        rows: panels; rows may have different lengths.
        path: the PNG, replaced if it exists.
        panel_inches: width of a panel.
        dpi: dots per inch.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    frames = [_oriented(row) for row in rows]
    half_width = max(np.abs(f[:, 0]).max() for row in frames for f in row) + 0.8
    heights = [2 * max(np.abs(f[:, 1]).max() for f in row) + 1.6 for row in frames]
    columns = max(len(row) for row in rows)
    inches = [panel_inches * h / (2 * half_width) + 0.3 for h in heights]
    figure = Figure(figsize=(panel_inches * columns, sum(inches)), dpi=dpi)
    canvas = FigureCanvasAgg(figure)
    grid = figure.add_gridspec(
        len(rows), columns, height_ratios=inches, left=0, right=1, top=1, bottom=0, hspace=0, wspace=0
    )
    for i, (row, positions) in enumerate(zip(rows, frames, strict=True)):
        for j, (panel, frame) in enumerate(zip(row, positions, strict=True)):
            axes = figure.add_subplot(grid[i, j])
            axes.set_axis_off()
            axes.set_aspect("equal")
            axes.set_xlim(-half_width, half_width)
            extra = 0.3 / panel_inches * 2 * half_width
            axes.set_ylim(-heights[i] / 2 - extra, heights[i] / 2)
            panel.draw(axes, frame)
            axes.text(0, -heights[i] / 2 - 0.6 * extra, panel.title, ha="center", va="center", fontsize=8)
    canvas.print_png(str(path))


def _oriented(row: Sequence[AbstractPanel]) -> list[NDArray[np.float64]]:
    """Coordinates of the panels of a row: the first along its principal axes, the others superposed on it."""
    placed: list[NDArray[np.float64]] = []
    target: NDArray[np.float64] | None = None
    for panel in row:
        positions, chosen = panel.positions(), panel.core()
        centred = positions - positions[chosen].mean(axis=0)
        if target is not None and len(target) == len(positions):
            turned = centred @ _rotation_onto(centred[chosen], target[chosen])
        else:
            turned = target = centred @ principal_axes(centred[chosen])
        box = (turned.max(axis=0) + turned.min(axis=0)) / 2
        placed.append(turned - box)
    return placed


def principal_axes(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """A rotation, to be applied on the right of centred points [n, 3], that shows their widest side."""
    axes = np.linalg.svd(points, full_matrices=True)[2].T
    # A picture must never mirror the molecule.
    axes[:, 2] *= np.sign(np.linalg.det(axes))
    return axes


def _rotation_onto(points: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    u, _, vt = np.linalg.svd(points.T @ target)
    u[:, 2] *= np.sign(np.linalg.det(u @ vt))
    return u @ vt


def _draw(axes: Axes, mol: Chem.Mol, positions: NDArray[np.float64]) -> None:
    """Painter's algorithm: what lies further back is drawn first, and paler."""
    from matplotlib.patches import Circle

    depth = positions[:, 2]
    span = max(float(np.ptp(depth)), 1.0)
    near = (depth - depth.min()) / span
    for atom in mol.GetAtoms():
        i, number = atom.GetIdx(), atom.GetAtomicNum()
        radius = _RADII.get(number, _DEFAULT_RADIUS) * (0.92 + 0.16 * near[i])
        x, y = positions[i, :2]
        face = _faded(_COLOURS.get(number, _UNKNOWN_COLOUR), near[i])
        order = 10 + 2 * depth[i]
        axes.add_patch(
            Circle((x, y), radius, facecolor=face, edgecolor=_faded("#202020", near[i]), lw=0.6, zorder=order)
        )
        shine = _blend(face, (1.0, 1.0, 1.0), 0.55)
        axes.add_patch(
            Circle(
                (x - 0.3 * radius, y + 0.35 * radius),
                0.28 * radius,
                facecolor=shine,
                lw=0,
                zorder=order + 0.01,
            )
        )
    kekulised = Chem.Mol(mol)
    if any(atom.GetIsAromatic() for atom in kekulised.GetAtoms()):
        Chem.Kekulize(kekulised, clearAromaticFlags=True)
    for bond in kekulised.GetBonds():
        _draw_bond(axes, bond, positions, near)


def _draw_bond(axes: Axes, bond: Chem.Bond, positions: NDArray[np.float64], near: NDArray[np.float64]) -> None:
    from matplotlib.patches import Polygon

    i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
    along = positions[j, :2] - positions[i, :2]
    length = float(np.linalg.norm(along))
    if length < 1e-6:
        return
    sideways = np.array([-along[1], along[0]]) / length
    count = {Chem.BondType.DOUBLE: 2, Chem.BondType.TRIPLE: 3}.get(bond.GetBondType(), 1)
    width = _STICK if count == 1 else 0.6 * _STICK
    middle = (positions[i] + positions[j]) / 2
    for k in range(count):
        shift = (k - (count - 1) / 2) * _DOUBLE_GAP * 1.4 * sideways
        for end in (i, j):
            start, stop = positions[end, :2] + shift, middle[:2] + shift
            corners = [start + width * sideways, stop + width * sideways]
            corners += [stop - width * sideways, start - width * sideways]
            number = bond.GetOwningMol().GetAtomWithIdx(end).GetAtomicNum()
            order = 10 + (positions[end, 2] + middle[2]) - 0.02
            face = _faded(_COLOURS.get(number, _UNKNOWN_COLOUR), near[end])
            axes.add_patch(
                Polygon(corners, facecolor=face, edgecolor=_faded("#202020", near[end]), lw=0.4, zorder=order)
            )


def _faded(colour: str, near: float) -> tuple[float, float, float]:
    rgb = tuple(int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return _blend((rgb[0], rgb[1], rgb[2]), (1.0, 1.0, 1.0), 0.4 * (1 - near))


def _blend(
    first: tuple[float, float, float], second: tuple[float, float, float], share: float
) -> tuple[float, float, float]:
    mixed = [(1 - share) * a + share * b for a, b in zip(first, second, strict=True)]
    return mixed[0], mixed[1], mixed[2]
