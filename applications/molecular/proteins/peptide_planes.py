"""Where the peptide plane between two CA atoms lies, from the four CA atoms around it.

The plane is a rigid piece: C, O and N have fixed places in it, one set for trans and one for cis, so that bond lengths
come out right. What is left is one angle about the axis from CA(i) to CA(i+1). For cis it is the mean of the few known
ones, about -100 degrees. For trans its cosine and sine are fitted functions
of the quadrilateral CA(i-1), CA(i), CA(i+1), CA(i+2): polynomials of third degree in the diagonals r(i-1, i+1) and
r(i, i+2), times Fourier modes of the dihedral. That dihedral stands for the signed r(i-1, i+2) of [Gront2007]: with the
diagonals it fixes it, but it has no jump where the four atoms are in one plane, as they nearly are in strands.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

FILE: Final = "peptide_planes.json"

CIS_DISTANCE: Final = 3.4
"""CA atoms nearer than this, in Å, are those of a cis peptide (2.9); those of a trans peptide are 3.8 apart."""

_DEGREE: Final = 3
_MODES: Final = 3
_CENTRE: Final = 6.0
_RANGE: Final = (4.8, 7.4)


@final
@dataclass(frozen=True)
class PeptidePlanes:
    """Fitted places of C, O and N.

    Attributes:
        coefficients: of cosine and sine of the angle, [n_features, 2].
        trans: C and O from CA(i), N from CA(i+1): along the axis, towards O, across the plane; Å, [3, 3].
        cis: the same for cis peptides, along the axes of the quadrilateral.
    """

    coefficients: NDArray[np.float64]
    trans: NDArray[np.float64]
    cis: NDArray[np.float64]

    @classmethod
    def bundled(cls) -> PeptidePlanes:
        """The fit that comes with the package."""
        content = json.loads(resources.files("applications.molecular.proteins").joinpath("data", FILE).read_text())
        return cls(*(np.array(content[name]) for name in ("coefficients", "trans", "cis")))

    def place(self, quadrilaterals: NDArray[np.floating]) -> NDArray[np.float64]:
        """C and O of the second residue and N of the third.

        Equivariant under rotations and translations; a mirror image gives other places.

        Args:
            quadrilaterals: four CA atoms in Å, [..., 4, 3].

        Returns:
            [..., 3, 3], NaN where the first three atoms are on a line.
        """
        shape = Quadrilaterals(np.asarray(quadrilaterals, dtype=np.float64))
        direction = unit(features(shape) @ self.coefficients)
        outward = np.einsum("...a,...ai->...i", direction, shape.frame[..., 1:, :])
        axes = np.stack([shape.frame[..., 0, :], outward, np.cross(shape.frame[..., 0, :], outward)], axis=-2)
        is_cis = (shape.bond < CIS_DISTANCE)[..., None, None]
        places = np.where(is_cis, self.cis @ shape.frame, self.trans @ axes)
        return places + shape.corners[..., (1, 1, 2), :]


@final
class Quadrilaterals:
    """Four consecutive CA atoms and what is measured in them.

    Args:
        corners: [..., 4, 3].
    """

    def __init__(self, corners: NDArray[np.float64]) -> None:
        self.corners = corners

    @cached_property
    def bond(self) -> NDArray[np.float64]:
        """Distance of the second and the third atom, [...]."""
        return np.asarray(np.linalg.norm(self.corners[..., 2, :] - self.corners[..., 1, :], axis=-1), np.float64)

    @cached_property
    def diagonals(self) -> NDArray[np.float64]:
        """Distances of the first and third, and of the second and fourth atom, [..., 2]."""
        return np.asarray(np.linalg.norm(self.corners[..., 2:, :] - self.corners[..., :2, :], axis=-1), np.float64)

    @cached_property
    def frame(self) -> NDArray[np.float64]:
        """Axes as rows: from the second to the third atom, towards the first, and their cross product, [..., 3, 3]."""
        first, second, third = (self.corners[..., i, :] for i in range(3))
        along = unit(third - second)
        back = first - second
        across = unit(back - (back * along).sum(axis=-1, keepdims=True) * along)
        return np.asarray(np.stack([along, across, np.cross(along, across)], axis=-2), np.float64)

    @cached_property
    def dihedral(self) -> NDArray[np.complex128]:
        """Cosine and sine of the dihedral as real and imaginary part, [...]; one where there is none."""
        ahead = np.einsum("...ai,...i->...a", self.frame[..., 1:, :], self.corners[..., 3, :] - self.corners[..., 2, :])
        value = ahead[..., 0] + 1j * ahead[..., 1]
        known = np.abs(value) > 1e-9
        return np.asarray(np.where(known, value, 1.0) / np.where(known, np.abs(value), 1.0), np.complex128)


def features(shape: Quadrilaterals) -> NDArray[np.float64]:
    """What cosine and sine of the angle are linear in, [..., n_features]; diagonals stay within the fitted range."""
    a, b = np.moveaxis(np.clip(shape.diagonals, *_RANGE) - _CENTRE, -1, 0)
    powers = [a**i * b**j for i in range(_DEGREE + 1) for j in range(_DEGREE + 1 - i)]
    modes = [shape.dihedral**k for k in range(1, _MODES + 1)]
    waves = [np.ones_like(a), *(part for mode in modes for part in (mode.real, mode.imag))]
    return np.stack([power * wave for power in powers for wave in waves], axis=-1)


def fit(backbones: list[NDArray[np.float64]], *, ridge: float = 10.0) -> PeptidePlanes:
    """Fit the planes of known backbones.

    Args:
        backbones: N, CA, C and O of chains without breaks, [L, 4, 3] each.
        ridge: weight of the squared coefficients.
    """
    shape, targets = observed(backbones)
    inward = np.einsum("nai,nci->nca", shape.frame, targets)
    outward = unit(inward[:, 1, 1:])
    in_plane = np.stack(
        [
            inward[..., 0],
            (inward[..., 1:] * outward[:, None]).sum(axis=-1),
            outward[:, None, 0] * inward[..., 2] - outward[:, None, 1] * inward[..., 1],
        ],
        axis=-1,
    )
    is_cis = shape.bond < CIS_DISTANCE
    known = features(shape)[~is_cis]
    gram = known.T @ known + ridge * np.eye(known.shape[1])
    coefficients = np.asarray(np.linalg.solve(gram, known.T @ outward[~is_cis]), np.float64)
    mean = unit(outward[is_cis].mean(axis=0))
    turn = np.array([[1.0, 0.0, 0.0], [0.0, mean[0], mean[1]], [0.0, -mean[1], mean[0]]])
    return PeptidePlanes(coefficients, in_plane[~is_cis].mean(axis=0), in_plane[is_cis].mean(axis=0) @ turn)


def observed(backbones: list[NDArray[np.float64]]) -> tuple[Quadrilaterals, NDArray[np.float64]]:
    """Quadrilaterals of known backbones, and C - CA(i), O - CA(i) and N - CA(i+1), [n, 3, 3]."""
    corners, targets = [], []
    for atoms in backbones:
        ca = atoms[:, 1]
        corners.append(np.stack([ca[:-3], ca[1:-2], ca[2:-1], ca[3:]], axis=1))
        targets.append(
            np.stack([atoms[1:-2, 2] - ca[1:-2], atoms[1:-2, 3] - ca[1:-2], atoms[2:-1, 0] - ca[2:-1]], axis=1)
        )
    return Quadrilaterals(np.concatenate(corners)), np.concatenate(targets)


def to_json(planes: PeptidePlanes, **about: Any) -> str:
    """Text of the file of the package."""
    arrays = {
        "coefficients": planes.coefficients.round(5).tolist(),
        "trans": planes.trans.round(4).tolist(),
        "cis": planes.cis.round(4).tolist(),
    }
    return json.dumps({**about, **arrays}) + "\n"


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Vectors of length one, NaN where there is no direction."""
    sizes = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(sizes > 1e-9, sizes, np.nan)
