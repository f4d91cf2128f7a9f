"""Protein chains to look at: their CA traces as lines, in pictures and on pages that turn them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from applications.molecular.pictures import AbstractPanel, principal_axes
from applications.molecular.proteins.chains import BackboneChain
from applications.molecular.proteins.structure_files import ChainSkip, ReadOptions, read_backbones
from applications.molecular.proteins.trace_curves import rainbow, smooth_curve
from applications.molecular.viewed import AbstractStructure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BINARY_ENDINGS: Final = (".cif", ".mmcif", ".bcif", ".ent")
"""Endings of files that can only hold proteins here."""

_FEWEST: Final = 5
_CA: Final = re.compile(rb"^(?:ATOM  |HETATM).{6} CA [ A]", re.MULTILINE)
_ATOM: Final = re.compile(rb"^(?:ATOM  |HETATM)", re.MULTILINE)
_WIDTH: Final = 0.9
_HALO: Final = 0.5
_REDRAWN: Final = 2
_POINTS_PER_INCH: Final = 72


@final
@dataclass(frozen=True)
class TracePanel(AbstractPanel):
    """Picture of a CA trace: nearer pieces cover and outshine those behind.

    Attributes:
        trace: CA coordinates in Å, [L, 3].
        residue_index: residue numbers, [L]; gaps are not bridged.
        title: text under it.
    """

    trace: NDArray[np.float64]
    residue_index: NDArray[np.int64]
    title: str

    @override
    def positions(self) -> NDArray[np.float64]:
        return self.trace

    @override
    def core(self) -> NDArray[np.bool_]:
        return np.ones(len(self.trace), dtype=bool)

    @override
    def draw(self, axes: Axes, positions: NDArray[np.float64]) -> None:
        from matplotlib.collections import LineCollection
        from matplotlib.colors import to_rgb

        curve = smooth_curve(positions, self.residue_index)
        first = np.flatnonzero(curve.joined)
        if not len(first):
            return
        start, stop = curve.points[first], curve.points[first + 1]
        depth = (start[:, 2] + stop[:, 2]) / 2
        near = (depth - depth.min()) / max(float(np.ptp(depth)), 1.0)
        colours = np.array([to_rgb(c) for c in rainbow(curve.place[first] / max(len(positions) - 1, 1))])
        colours = 1 - (0.45 + 0.55 * near[:, None]) * (1 - colours)
        segments = np.stack([start[:, :2], stop[:, :2]], axis=1)
        # each piece with a white edge, which shows where it passes in front of another, and then its neighbours again
        piece = np.cumsum(np.diff(first, prepend=first[0]) > 1)
        order = np.argsort(depth, kind="stable")[:, None]
        beside = np.clip(order + np.arange(-_REDRAWN, _REDRAWN + 1), 0, len(first) - 1)
        beside = np.where(piece[beside] == piece[order], beside, order)
        drawn = np.concatenate([order, beside], axis=1)
        is_edge = np.broadcast_to(np.arange(drawn.shape[1]) == 0, drawn.shape).ravel()
        unit = float(np.diff(axes.transData.transform([(0, 0), (1, 0)])[:, 0])[0])
        unit *= _POINTS_PER_INCH / axes.get_figure(root=True).dpi  # type: ignore[union-attr]
        axes.add_collection(
            LineCollection(
                list(segments[drawn.ravel()]),
                colors=list(np.where(is_edge[:, None], 1.0, colours[drawn.ravel()])),
                linewidths=(_WIDTH + _HALO * is_edge) * unit,
                capstyle="round",
            )
        )


@final
@dataclass(frozen=True)
class TraceStructure(AbstractStructure):
    """A chain with its models.

    Attributes:
        title: what it is called.
        frames: CA coordinates in Å, [K, L, 3].
        residue_index: residue numbers, [L].
        facts: what the file says about it.
    """

    title: str
    frames: NDArray[np.float64]
    residue_index: NDArray[np.int64]
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    @override
    def key(self) -> str:
        """One for all chains: those of a file share rows, and those of one length are superposed."""
        return "protein chain"

    @override
    def panel(self, frame: int, title: str) -> TracePanel:
        return TracePanel(self.frames[frame], self.residue_index, title)

    @override
    def plain(self) -> dict[str, Any]:
        """The smooth line as atoms without a size, its pieces as bonds; the last frame shows its widest side."""
        frames = self.frames - self.frames.mean(axis=1, keepdims=True)
        frames = frames @ principal_axes(frames[-1])
        curve = smooth_curve(frames, self.residue_index)
        last = max(len(self.residue_index) - 1, 1)
        return {
            "title": self.title,
            "facts": dict(self.facts),
            "atoms": [{"symbol": "CA", "colour": colour, "size": 0} for colour in rainbow(curve.place / last)],
            "bonds": [[int(i), int(i) + 1, 1] for i in np.flatnonzero(curve.joined)],
            "frames": curve.points.round(2).tolist(),
            "radius": float(np.linalg.norm(frames[-1], axis=-1).max()) + 2.0,
            "stick": _WIDTH,
        }


def structure_of(chain: BackboneChain) -> TraceStructure:
    """A chain to look at, all its models frames."""
    breaks = int((np.diff(chain.residue_index) > 1).sum())
    facts = {"residues": str(chain.n_residues), "chain breaks": str(breaks)}
    if chain.n_models > 1:
        facts["models"] = str(chain.n_models)
    return TraceStructure(chain.name, chain.positions.astype(np.float64), chain.residue_index, facts)


def holds_backbone(path: Path) -> bool:
    """Whether a PDB file is a protein: at least five CA atoms, or nothing but CA atoms."""
    content = path.read_bytes()
    n_ca = len(_CA.findall(content))
    return n_ca >= _FEWEST or (n_ca > 1 and n_ca == len(_ATOM.findall(content)))


def read_traces(path: Path) -> list[TraceStructure]:
    """The chains of a structure file to look at; a file in which nothing looks like a protein is read as numbered.

    Raises:
        MissingExtraError: biotite is not installed.
        StructureFileError: the file cannot be read.
    """
    reading = read_backbones(path)
    if not reading.chains and any(entry.reason is ChainSkip.NO_TRACE for entry in reading.skipped):
        # the way from noise to a chain, or a network that has not learned yet
        reading = read_backbones(path, ReadOptions(as_numbered=True))
    return [structure_of(chain) for chain in reading.chains]
