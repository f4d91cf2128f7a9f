"""Distances between the laws of two samples of conformers of one molecule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist, pdist
from scipy.stats import wasserstein_distance

Array = NDArray[np.float64]

_BINS = 720


@final
@dataclass(frozen=True)
class Torsion:
    """A torsion angle whose values fall into a few basins.

    Attributes:
        atoms: the four atoms, in the order of the modelled ones.
        borders: angles in degrees that separate its basins, increasing, in [-180, 180).
    """

    atoms: tuple[int, int, int, int]
    borders: tuple[float, ...] = (-120.0, 0.0, 120.0)

    def angles(self, x: Array) -> Array:
        """Values in degrees, [samples], for positions [samples, n, 3]."""
        a, b, c, d = (x[:, atom] for atom in self.atoms)
        first, axis, last = b - a, c - b, d - c
        left, right = np.cross(first, axis), np.cross(axis, last)
        sine = (first * right).sum(-1) * np.linalg.norm(axis, axis=-1)
        return np.degrees(np.arctan2(sine, (left * right).sum(-1)))

    def basins(self, x: Array) -> NDArray[np.int64]:
        """The basin of each sample, 0 to len(borders) - 1; the last one goes on across 180 degrees."""
        return np.digitize(self.angles(x), self.borders) % len(self.borders)


def circular_distance(first: Array, second: Array) -> float:
    """Wasserstein-1 distance on the circle in degrees: the least integral of |F - G - c| over c [Rabin2011]."""
    edges = np.linspace(-180.0, 180.0, _BINS + 1)
    shares = [np.histogram(angles, edges)[0] / len(angles) for angles in (first, second)]
    difference = np.cumsum(shares[0] - shares[1])
    return float(np.abs(difference - np.median(difference)).mean() * 360.0)


def energy_distance(first: Array, second: Array) -> float:
    """Székely's 2 E|X - Y| - E|X - X'| - E|Y - Y'| of two samples of vectors, without bias, so it can be below zero."""
    within = sum(float(pdist(sample).mean()) for sample in (first, second))
    return 2.0 * float(cdist(first, second).mean()) - within


def pair_distances(x: Array) -> Array:
    """All distances between atoms, [samples, pairs]."""
    rows, columns = np.triu_indices(x.shape[1], k=1)
    return np.linalg.norm(x[:, rows] - x[:, columns], axis=-1)


def compare(sample: Array, reference: Array, torsions: tuple[Torsion, ...]) -> dict[str, float]:
    """How far the law of a sample is from that of a reference; zero for the same law, but for noise of sampling.

    Args:
        sample: positions in Å, [samples, n, 3].
        reference: likewise.
        torsions: those that are compared.

    Returns:
        ``torsions``: circular Wasserstein distance in degrees, mean over torsions. ``basins``: total variation of the
        joint occupation of their basins. ``distances``: Wasserstein-1 distance in Å, mean over pairs of atoms.
        ``energy``: energy distance of the vectors of all distances between atoms, in Å.
    """
    near, far = pair_distances(sample), pair_distances(reference)
    return {
        "torsions": float(np.mean([circular_distance(t.angles(sample), t.angles(reference)) for t in torsions])),
        "basins": total_variation(joint_basins(sample, torsions), joint_basins(reference, torsions)),
        "distances": float(np.mean([wasserstein_distance(a, b) for a, b in zip(near.T, far.T, strict=True)])),
        "energy": energy_distance(near, far),
    }


def joint_basins(x: Array, torsions: tuple[Torsion, ...]) -> NDArray[np.int64]:
    """One number for the basins of all torsions together, [samples]."""
    joint = np.zeros(len(x), dtype=np.int64)
    for torsion in torsions:
        joint = joint * len(torsion.borders) + torsion.basins(x)
    return joint


def total_variation(first: NDArray[np.int64], second: NDArray[np.int64]) -> float:
    """Half the sum of the differences of the shares of each value."""
    size = int(max(first.max(), second.max())) + 1
    shares = [np.bincount(values, minlength=size) / len(values) for values in (first, second)]
    return float(0.5 * np.abs(shares[0] - shares[1]).sum())
