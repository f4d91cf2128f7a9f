"""TM-scores [Zhang2005] by TM-align: how different the chains of a set are, and how far from known ones.

tmtools, the only GPL dependency, is imported here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from applications.extras import require_extra
from applications.molecular.parallel import chunked_map

SAME_FOLD: Final = 0.5
"""TM-score from which two chains are taken to share a fold [Xu2010]."""

SHORTEST: Final = 5
"""Residues that TM-align needs at least."""

_CHUNK: Final = 25


@final
class TMScoreError(ValueError):
    """A trace that TM-align cannot align."""


@final
@dataclass(frozen=True)
class Pair:
    """TM-scores of two chains, aligned by structure alone.

    Attributes:
        by_first: normalised by the length of the first.
        by_second: normalised by the length of the second.
    """

    by_first: float
    by_second: float

    @property
    def mean(self) -> float:
        """Mean of the two, which does not depend on the order."""
        return (self.by_first + self.by_second) / 2


def require_tm() -> None:
    """Fail early if tmtools is not installed.

    Raises:
        MissingExtraError: it is not.
    """
    require_extra("tmtools", extra="evaluation", purpose="the TM-score")


def tm_score(first: NDArray[np.floating], second: NDArray[np.floating]) -> Pair:
    """TM-scores of two CA traces [L, 3] and [M, 3] in Å, over the alignment that TM-align finds.

    Sequences play no part. Mirror images do not superpose. Cost: about 20 ms for 130 residues.

    Raises:
        MissingExtraError: tmtools is not installed.
        TMScoreError: a trace is shorter than `SHORTEST`.
    """
    require_tm()
    import tmtools

    shortest = min(len(first), len(second))
    if shortest < SHORTEST:
        raise TMScoreError(f"got {shortest} residues, expected at least {SHORTEST}: TM-align needs them")
    x, y = (np.ascontiguousarray(trace, dtype=np.float64) for trace in (first, second))
    found = tmtools.tm_align(x, y, "A" * len(x), "A" * len(y))
    return Pair(by_first=found.tm_norm_chain1, by_second=found.tm_norm_chain2)


def pairwise_tm(
    traces: Sequence[NDArray[np.floating]], *, workers: int = 1, advance: Callable[[int, int], None] | None = None
) -> NDArray[np.float64]:
    """Symmetric matrix [n, n] of `Pair.mean`, ones on its diagonal. Cost: n (n - 1) / 2 alignments.

    Args:
        traces: CA traces in Å, shapes (L, 3).
        workers: processes; the result does not depend on it.
        advance: called with (alignments done, alignments in all).
    """
    i, j = np.triu_indices(len(traces), 1)
    scores = _scores([(traces[a], traces[b]) for a, b in zip(i, j, strict=True)], workers=workers, advance=advance)
    matrix = np.eye(len(traces))
    matrix[i, j] = matrix[j, i] = [pair.mean for pair in scores]
    return matrix


def nearest_tm(
    traces: Sequence[NDArray[np.floating]],
    references: Sequence[NDArray[np.floating]],
    *,
    workers: int = 1,
    advance: Callable[[int, int], None] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """For each trace the largest TM-score to a reference, normalised by the length of the trace, and which one it is.

    Args:
        traces: n CA traces in Å, shapes (L, 3).
        references: m CA traces in Å, at least one.
        workers: processes; the result does not depend on it.
        advance: called with (alignments done, alignments in all), n m of them.

    Returns:
        Scores [n], 1 for a trace that is a reference, and indices of references [n].
    """
    pairs = [(trace, reference) for trace in traces for reference in references]
    scores = np.array([pair.by_first for pair in _scores(pairs, workers=workers, advance=advance)])
    table = scores.reshape(len(traces), len(references))
    return table.max(axis=1), table.argmax(axis=1)


def clusters(matrix: NDArray[np.float64], *, threshold: float = SAME_FOLD) -> NDArray[np.int64]:
    """Single-linkage clusters of a matrix of TM-scores: chains that a path of scores >= `threshold` connects.

    Returns:
        A number for each chain, [n]; clusters are numbered from 0 by first appearance. The partition does not depend
        on the order of the chains.
    """
    from scipy.sparse.csgraph import connected_components

    _, labels = connected_components(matrix >= threshold, directed=False)
    return labels.astype(np.int64)


def _scores(
    pairs: Sequence[tuple[NDArray[np.floating], NDArray[np.floating]]],
    *,
    workers: int,
    advance: Callable[[int, int], None] | None,
) -> list[Pair]:
    require_tm()
    return chunked_map(_of_chunk, pairs, chunk=_CHUNK, workers=workers, advance=advance)


def _of_chunk(pairs: Sequence[tuple[NDArray[np.floating], NDArray[np.floating]]]) -> list[Pair]:
    return [tm_score(first, second) for first, second in pairs]
