"""Sets of backbones compared by descriptors of our own, without a trained classifier.

Figures have names of their own, because they are not FPSD or fJSD, whose features come from a network. All of them
are invariant under rigid motions of each structure and under permutations of the set; mirror images differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from applications.molecular.proteins.ca_geometry import CaTraces, pseudo_angles, pseudo_dihedrals
from applications.molecular.proteins.chains import BackboneChain
from applications.molecular.proteins.compactness import (
    contact_maps,
    contact_order,
    expected_radius,
    radius_of_gyration,
)
from applications.molecular.proteins.secondary_structure import fractions

SEPARATION_EDGES: Final = (3, 4, 5, 8, 12, 24, 48)
"""First separation along the chain of each bin of contacts; the last bin is open."""

DIHEDRAL_BINS: Final = 36
"""Bins of 10 degrees of the pseudo dihedral."""

_COARSE: Final = 3


@final
@dataclass(frozen=True)
class Descriptors:
    """Descriptors of n structures.

    Attributes:
        vectors: shape (n, d), all dimensionless: shares of helix, strand and coil; radius of gyration over the
            expected one; relative contact order; contacts per residue by separation; shares of the pseudo dihedral in
            bins of 30 degrees.
        elements: residues in helix, strand and coil, shape (n, 3).
        dihedrals: pseudo dihedrals by bins of 10 degrees from -180, counts, shape (n, 36).
    """

    vectors: NDArray[np.float64]
    elements: NDArray[np.float64]
    dihedrals: NDArray[np.float64]

    def __getitem__(self, rows: NDArray[np.int64]) -> Descriptors:
        """Those of some of the structures."""
        return Descriptors(self.vectors[rows], self.elements[rows], self.dihedrals[rows])

    def __len__(self) -> int:
        return len(self.vectors)


def describe(chain: BackboneChain, letters: NDArray[np.str_]) -> Descriptors:
    """Descriptors of the K models of a chain, given its `secondary_structure`, shape (K, L)."""
    traces = CaTraces.of_chain(chain)
    shares = fractions(letters)
    counts = np.stack([_histogram(frame) for frame in pseudo_dihedrals(traces)])
    coarse = counts.reshape(len(counts), -1, _COARSE).sum(axis=-1)
    contacts = contact_maps(traces)
    per_residue = np.stack([_by_separation(frame) for frame in contacts]) / chain.n_residues
    radius = radius_of_gyration(traces) / expected_radius(chain.n_residues)
    order = np.nan_to_num(contact_order(traces).relative, nan=0.0)
    vectors = [shares, radius[:, None], order[:, None], per_residue, coarse / np.maximum(1, coarse.sum(-1))[:, None]]
    return Descriptors(np.concatenate(vectors, axis=-1), shares * chain.n_residues, counts)


def joined(parts: Sequence[Descriptors]) -> Descriptors:
    """Descriptors of several chains as one set."""
    return Descriptors(
        np.concatenate([p.vectors for p in parts]),
        np.concatenate([p.elements for p in parts]),
        np.concatenate([p.dihedrals for p in parts]),
    )


def frechet_distance(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Squared Fréchet distance of the Gaussians fitted to two samples [n, d] and [m, d].

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2), covariances over n and m (not n - 1), so that a single
    structure has covariance zero. Singular covariances are fine. Biased upwards in small samples: compare only with
    figures of equal size. Cost: d^3.
    """
    shift = first.mean(axis=0) - second.mean(axis=0)
    roots = [_root(np.atleast_2d(np.cov(x, rowvar=False, bias=True))) for x in (first, second)]
    # the trace of the root is the sum of the singular values of the product of the roots
    overlap = np.linalg.norm(roots[0] @ roots[1], ord="nuc")
    return float(max(0.0, shift @ shift + sum((r * r).sum() for r in roots) - 2 * overlap))


def descriptor_frechet_distance(first: Descriptors, second: Descriptors) -> float:
    """`frechet_distance` of the descriptor vectors. Not FPSD: its features are another network's."""
    return frechet_distance(first.vectors, second.vectors)


def sse_jsd(first: Descriptors, second: Descriptors) -> float:
    """Jensen-Shannon distance (root of the divergence in bits, 0 to 1) of helix, strand and coil over all residues."""
    return _jensen_shannon(first.elements, second.elements)


def dihedral_jsd(first: Descriptors, second: Descriptors) -> float:
    """Jensen-Shannon distance (root of the divergence in bits, 0 to 1) of all pseudo dihedrals, in bins of 10 degrees.

    Unlike shares of helix and strand it tells a set from its mirror images.
    """
    return _jensen_shannon(first.dihedrals, second.dihedrals)


def angle_pairs(chain: BackboneChain) -> NDArray[np.float64]:
    """Pseudo angle and the pseudo dihedral that begins with it, in degrees, of all models together, shape (m, 2)."""
    traces = CaTraces.of_chain(chain)
    dihedrals = pseudo_dihedrals(traces)
    pairs = np.stack([pseudo_angles(traces)[..., : dihedrals.shape[-1]], dihedrals], axis=-1).reshape(-1, 2)
    return pairs[np.isfinite(pairs).all(axis=-1)]


def _jensen_shannon(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    p, q = (counts.sum(axis=0) for counts in (first, second))
    if not p.sum() or not q.sum():
        return float("nan")
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    bits = sum(float((r[r > 0] * np.log2(r[r > 0] / middle[r > 0])).sum()) for r in (p, q)) / 2
    return float(np.sqrt(np.clip(bits, 0.0, 1.0)))


def _root(covariance: NDArray[np.floating]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    return (vectors * np.sqrt(np.clip(values, 0.0, None))) @ vectors.T


def _histogram(dihedrals: NDArray[np.float64]) -> NDArray[np.float64]:
    found = dihedrals[np.isfinite(dihedrals)]
    return np.histogram(found, bins=DIHEDRAL_BINS, range=(-180.0, 180.0))[0].astype(np.float64)


def _by_separation(contacts: NDArray[np.bool_]) -> NDArray[np.float64]:
    i, j = np.nonzero(contacts)
    return np.histogram(j - i, bins=[*SEPARATION_EDGES, 10**9])[0].astype(np.float64)
