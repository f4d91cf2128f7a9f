"""N, C and O atoms of a chain from its CA trace, by the quadrilateral method of [Gront2007]."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from applications.molecular.proteins.peptide_planes import CIS_DISTANCE, PeptidePlanes, unit

_BOND: Final = 3.8
_HELIX: Final = np.exp(1j * np.deg2rad(50.0))
_MIN_RESIDUES: Final = 3


def rebuild_backbone(
    positions: NDArray[np.floating],
    residue_index: NDArray[np.integer] | None = None,
    *,
    planes: PeptidePlanes | None = None,
) -> NDArray[np.float64]:
    """N, CA, C and O atoms of a CA trace.

    Each peptide plane is placed by the four CA atoms around it (`peptide_planes`); CA atoms stay where they are. On 25
    chains of crystal structures that the fit has not seen, the error (RMSD) is 0.16 Å for N, 0.20 Å for C and 0.62 Å
    for O. Beyond the ends of a piece without breaks the trace goes on as it ended, with the same angle and dihedral:
    a guess, with 2.0 Å for the first N and the last C and O. CA atoms nearer than 3.4 Å make a cis peptide, whose O is
    off by 2.2 Å (7 cases).

    Bonds CA-C, C=O and N-CA have fitted lengths; C-N takes up deviations of the CA-CA distance. Equivariant under
    rotations and translations, and the mirror image of a trace does not give the mirror image of the atoms.

    Args:
        positions: CA atoms in Å, [..., L, 3].
        residue_index: increasing numbers of the residues, [L]; jumps are chain breaks. Without them there is none.
        planes: the fit, that of the package by default.

    Returns:
        [..., L, 4, 3]. NaN for N, C and O of pieces of fewer than three residues, whose orientation is not known, and
        where three CA atoms are on a line. Cost: linear in the number of residues.
    """
    ca = np.asarray(positions, dtype=np.float64)
    planes = planes or PeptidePlanes.bundled()
    atoms = np.full((*ca.shape[:-1], 4, 3), np.nan)
    atoms[..., 1, :] = ca
    n = ca.shape[-2]
    breaks = [] if residue_index is None else (np.flatnonzero(np.diff(residue_index) > 1) + 1).tolist()
    for start, stop in pairwise([0, *breaks, n]):
        if stop - start >= _MIN_RESIDUES:
            longer = _continued(ca[..., start:stop, :])
            corners = np.stack([longer[..., i : i + stop - start + 1, :] for i in range(4)], axis=-2)
            placed = planes.place(corners)
            atoms[..., start:stop, 0, :] = placed[..., :-1, 2, :]
            atoms[..., start:stop, 2, :] = placed[..., 1:, 0, :]
            atoms[..., start:stop, 3, :] = placed[..., 1:, 1, :]
    return atoms


def cis_peptides(
    positions: NDArray[np.floating], residue_index: NDArray[np.integer] | None = None
) -> NDArray[np.bool_]:
    """True where a residue is bonded to the next by a cis peptide, [..., L, 3] to [..., L - 1]."""
    is_cis = np.linalg.norm(np.diff(positions, axis=-2), axis=-1) < CIS_DISTANCE
    return is_cis if residue_index is None else is_cis & (np.diff(residue_index) == 1)


def _continued(ca: NDArray[np.float64]) -> NDArray[np.float64]:
    """A trace with two atoms more at either end, [..., L, 3] to [..., L + 4, 3]."""
    for _ in range(2):
        ca = np.concatenate([_before(ca), ca, _before(ca[..., ::-1, :])], axis=-2)
    return ca


def _before(ca: NDArray[np.float64]) -> NDArray[np.float64]:
    """The atom before the first one, with the angle and dihedral of the first ones, [..., 1, 3].

    Dihedrals do not change when a chain is read backwards, so the same rule finds the atom behind the last one.
    """
    first, second, third = (ca[..., i, :] for i in range(3))
    along = unit(second - first)
    back, ahead = first - second, third - second
    angle = _angle(back, ahead)
    dihedral = _dihedral(ca) if ca.shape[-2] > _MIN_RESIDUES else np.full(ca.shape[:-2], _HELIX, np.complex128)
    across = unit(ahead - (ahead * along).sum(axis=-1, keepdims=True) * along)
    side = np.cross(along, across)
    # seen along the axis, the new atom is turned from the third one by the dihedral
    turned = dihedral.real[..., None] * across - dihedral.imag[..., None] * side
    step = np.cos(angle)[..., None] * along + np.sin(angle)[..., None] * turned
    return (first + _BOND * step)[..., None, :]


def _angle(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(axis=-1))


def _dihedral(ca: NDArray[np.float64]) -> NDArray[np.complex128]:
    b0, b1, b2 = (ca[..., i + 1, :] - ca[..., i, :] for i in range(3))
    m, n = np.cross(b0, b1), np.cross(b1, b2)
    value = (m * n).sum(axis=-1) + 1j * (b0 * n).sum(axis=-1) * np.linalg.norm(b1, axis=-1)
    size = np.abs(value)
    return np.asarray(np.where(size > 1e-9, value / np.where(size > 1e-9, size, 1.0), 1.0), np.complex128)
