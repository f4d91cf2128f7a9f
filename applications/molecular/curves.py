"""Coverage as a function of its threshold: the whole curve, so that no figure hangs on one choice of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from applications.molecular.metrics import Failures, MoleculeScore

THRESHOLDS: Final = tuple(round(0.05 * step, 2) for step in range(41))
"""RMSD thresholds of the curve in Å: 0 to 2 in steps of 0.05."""


@final
@dataclass(frozen=True)
class Band:
    """A mean over molecules at every threshold, with the 95 % bootstrap interval of each.

    Attributes:
        mean: mean over molecules, [T].
        low: 2.5 % quantiles of the bootstrapped mean, [T].
        high: 97.5 % quantiles of the bootstrapped mean, [T].
    """

    mean: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


@final
@dataclass(frozen=True)
class ThresholdCurve:
    """COV-R and COV-P against the threshold.

    Attributes:
        thresholds: in Å, [T].
        recall: COV-R.
        precision: COV-P.
        n: molecules behind each mean.
    """

    thresholds: tuple[float, ...]
    recall: Band
    precision: Band
    n: int


def threshold_curve(
    scores: Sequence[MoleculeScore],
    *,
    failures: Failures,
    rng: np.random.Generator,
    thresholds: Sequence[float] = THRESHOLDS,
    resamples: int = 1000,
) -> ThresholdCurve:
    """Mean coverage over molecules at every threshold. Intervals hold at each threshold by itself.

    Args:
        scores: one per requested molecule.
        failures: how molecules without conformers count.
        rng: source of the bootstrap, which draws molecules.
        thresholds: in Å, [T].
        resamples: bootstrap samples. Cost: resamples x molecules x T.
    """
    kept = [s for s in scores if failures is Failures.ZERO or s.nearest_reference]
    counts = rng.multinomial(len(kept), [1 / len(kept)] * len(kept), size=resamples) if kept else None
    recall = np.array([_covered(s.nearest_generated, thresholds) for s in kept]).reshape(-1, len(thresholds))
    precision = np.array([_covered(s.nearest_reference, thresholds) for s in kept]).reshape(-1, len(thresholds))
    return ThresholdCurve(
        thresholds=tuple(thresholds),
        recall=_band(recall, counts),
        precision=_band(precision, counts),
        n=len(kept),
    )


def _covered(nearest: Sequence[float], thresholds: Sequence[float]) -> NDArray[np.float64]:
    if not nearest:
        return np.zeros(len(thresholds))
    return (np.asarray(nearest)[:, None] < np.asarray(thresholds)[None]).mean(axis=0)


def _band(values: NDArray[np.float64], counts: NDArray[np.int64] | None) -> Band:
    if counts is None:
        nothing = (float("nan"),) * values.shape[1]
        return Band(nothing, nothing, nothing)
    low, high = np.quantile(counts @ values / len(values), [0.025, 0.975], axis=0)
    return Band(tuple(values.mean(axis=0).tolist()), tuple(low.tolist()), tuple(high.tolist()))
