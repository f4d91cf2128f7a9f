"""Conformational ensembles of one chain compared in law: distributions of invariants, never frame by frame."""

from __future__ import annotations

from typing import Final, final

import numpy as np
import torch
from numpy.typing import NDArray

from applications.molecular.proteins.law_distance import RESAMPLES, LawDistance, law_distance
from quotient import ShapeSpace

_COLUMNS: Final = 2000


@final
class EnsembleError(ValueError):
    """Ensembles that cannot be compared; the message names the remedy."""


def wasserstein(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """1-Wasserstein distances of samples on the line, [n, ...] and [m, ...] over their first axes, shape (...).

    The integral of the absolute difference of the quantile functions, exact for n different from m.
    """
    n, m = len(first), len(second)
    # both quantile functions are constant between multiples of 1 / n and 1 / m, here in units of 1 / (n m)
    ends = np.union1d(np.arange(1, n + 1) * m, np.arange(1, m + 1) * n)
    widths = np.diff(ends, prepend=0) / (n * m)
    a = np.sort(first, axis=0)[(ends - 1) // m]
    b = np.sort(second, axis=0)[(ends - 1) // n]
    return np.asarray(np.tensordot(widths, np.abs(a - b), axes=1), dtype=np.float64)


def rmsd_to(positions: NDArray[np.floating], target: NDArray[np.floating]) -> NDArray[np.float64]:
    """RMSD in Å of conformations (K, L, 3) to a target (L, 3) after the best proper superposition, shape (K,)."""
    point, base = (torch.tensor(np.ascontiguousarray(x), dtype=torch.float64) for x in (positions, target))
    distance = ShapeSpace(base.shape[0], 3).dist(point, base)
    return (distance / base.shape[0] ** 0.5).numpy()


def compare_ensembles(
    generated: NDArray[np.floating],
    reference: NDArray[np.floating],
    *,
    ends: tuple[NDArray[np.floating], NDArray[np.floating]] | None,
    seed: int,
    resamples: int = RESAMPLES,
) -> dict[str, LawDistance]:
    """1-Wasserstein distances in Å of two ensembles of the same L residues.

    Args:
        generated: CA coordinates in Å, shape (K, L, 3).
        reference: shape (M, L, 3), M at least two.
        ends: two end structures (L, 3); the RMSD to each is an invariant.
        seed: of resamples and halves.
        resamples: their number. Cost: K L^2 for the value, 2000 K for each resample.

    Returns:
        By name of the invariant: `radius_of_gyration`, `pair_distances` (mean of the distances in law over all
        pairs of residues; intervals and floor from about 2000 of them), and `rmsd_to_first` and `rmsd_to_second` if
        there are ends. Halves of a correlated trajectory are nearer than independent samples are: the floor is then
        too low.

    Raises:
        EnsembleError: lengths differ, or the reference has one conformation.
    """
    counts = [x.shape[-2] for x in (generated, reference, *(ends or ()))]
    if len(set(counts)) > 1:
        raise EnsembleError(
            f"got {', '.join(map(str, counts))} residues in generated, reference{' and ends' if ends else ''}, "
            "expected one number: cut them to the same residues"
        )
    if len(reference) < 2:
        raise EnsembleError("got a reference of one conformation, expected an ensemble: a file with several models")
    a, b = np.asarray(generated, dtype=np.float64), np.asarray(reference, dtype=np.float64)
    views = {"radius_of_gyration": (_radii(a), _radii(b)), "pair_distances": (_pairs(a), _pairs(b))}
    if ends is not None:
        views["rmsd_to_first"] = (rmsd_to(a, ends[0])[:, None], rmsd_to(b, ends[0])[:, None])
        views["rmsd_to_second"] = (rmsd_to(a, ends[1])[:, None], rmsd_to(b, ends[1])[:, None])
    return {
        name: law_distance(_mean_wasserstein, x, y, seed=seed, resamples=resamples, thin=_thinned)
        for name, (x, y) in views.items()
    }


def _mean_wasserstein(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """Mean over columns, in pieces that fit into memory."""
    starts = range(0, first.shape[1], _COLUMNS)
    sums = [wasserstein(first[:, s : s + _COLUMNS], second[:, s : s + _COLUMNS]).sum() for s in starts]
    return float(sum(sums)) / first.shape[1]


def _thinned(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[:, :: -(-values.shape[1] // _COLUMNS)]


def _radii(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(positions.var(axis=1).sum(axis=-1))[:, None]


def _pairs(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    i, j = np.triu_indices(positions.shape[1], 1)
    return np.linalg.norm(positions[:, i] - positions[:, j], axis=-1)
