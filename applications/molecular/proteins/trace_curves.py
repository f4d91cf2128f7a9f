"""A smooth line through the CA atoms of a chain, coloured from its first residue (blue) to its last (red)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

SUBDIVISIONS: Final = 4
"""Pieces of the line from one residue to the next."""

_DARK: Final = 0.06


@final
@dataclass(frozen=True)
class TraceCurve:
    """Points on the line.

    Attributes:
        points: in Å, shape (..., P, 3).
        place: of each point along the chain, 0 to L - 1, shape (P,).
        joined: whether a point and the next are on one piece: not across a chain break, shape (P - 1,).
    """

    points: NDArray[np.float64]
    place: NDArray[np.float64]
    joined: NDArray[np.bool_]


def smooth_curve(positions: NDArray[np.floating], residue_index: NDArray[np.int64]) -> TraceCurve:
    """The natural cubic spline through the CA atoms of each piece of a chain; it commutes with rigid motions.

    Args:
        positions: CA coordinates in Å, shape (..., L, 3).
        residue_index: residue numbers, shape (L,); steps above one end a piece.
    """
    from scipy.interpolate import CubicSpline

    cuts = np.flatnonzero(np.diff(residue_index) > 1) + 1
    points, places, joined = [], [], []
    for rows in np.split(np.arange(len(residue_index)), cuts):
        fine = np.linspace(rows[0], rows[-1], SUBDIVISIONS * (len(rows) - 1) + 1)
        piece = np.asarray(positions, dtype=np.float64)[..., rows, :]
        if len(rows) > 2:
            piece = CubicSpline(rows, piece, axis=-2, bc_type="natural")(fine)
        elif len(rows) == 2:
            share = (fine - rows[0])[:, None]
            piece = (1 - share) * piece[..., :1, :] + share * piece[..., 1:, :]
        points.append(piece)
        places.append(fine)
        joined.append(np.append(np.ones(len(fine) - 1, dtype=bool), [False]))
    return TraceCurve(np.concatenate(points, axis=-2), np.concatenate(places), np.concatenate(joined)[:-1])


def rainbow(shares: Sequence[float] | NDArray[np.float64]) -> list[str]:
    """Colours as #rrggbb of places along a chain, 0 to 1: blue at the N terminus, red at the C terminus."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps["turbo"](_DARK + (1 - 2 * _DARK) * float(share))) for share in shares]
