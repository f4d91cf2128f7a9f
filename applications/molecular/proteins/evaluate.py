"""Generated backbones against reference chains."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray

from applications.molecular.parallel import ordered_map
from applications.molecular.proteins.chains import BackboneChain
from applications.molecular.proteins.descriptors import descriptor_frechet_distance, dihedral_jsd, sse_jsd
from applications.molecular.proteins.ensembles import EnsembleError, compare_ensembles
from applications.molecular.proteins.law_distance import LawDistance, law_distance
from applications.molecular.proteins.measures import MeasuredSet, measure_chain, united
from applications.molecular.proteins.tm import SHORTEST, clusters, nearest_tm, pairwise_tm

Advance = Callable[[int, int], None]


@final
@dataclass(frozen=True, kw_only=True)
class BackboneOptions:
    """How backbones are compared.

    Attributes:
        seed: of resamples, halves and the choice of structures for the TM-score.
        tm_limit: most structures of a set that are aligned in pairs.
    """

    seed: int = 0
    tm_limit: int = 60


@final
@dataclass(frozen=True)
class Diversity:
    """How different the structures of a set are.

    Attributes:
        n: structures aligned in pairs.
        mean_tm: mean TM-score of pairs, NaN for one structure; lower is more diverse.
        n_clusters: single-linkage clusters at TM 0.5.
        too_short: structures that TM-align cannot align.
    """

    n: int
    mean_tm: float
    n_clusters: int
    too_short: int


@final
@dataclass(frozen=True)
class Novelty:
    """How near structures are to the nearest reference.

    Attributes:
        names: of the structures.
        nearest_tm: largest TM-score to a reference; lower is more novel.
        nearest: which reference that is.
    """

    names: list[str]
    nearest_tm: list[float]
    nearest: list[str]


@final
@dataclass(frozen=True)
class BackboneEvaluation:
    """Everything that was measured.

    Attributes:
        generated: the structures.
        reference: what they are compared with.
        set_distances: distances of the two sets, by name.
        ensemble_distances: distances in law of ensembles in Å, by name; empty unless asked for.
        diversity: of both sets by name, if asked for.
        novelty: if asked for.
    """

    generated: MeasuredSet
    reference: MeasuredSet
    set_distances: dict[str, LawDistance]
    ensemble_distances: dict[str, LawDistance] = field(default_factory=dict)
    diversity: dict[str, Diversity] = field(default_factory=dict)
    novelty: Novelty | None = None


SET_DISTANCES: Mapping[str, Callable[..., float]] = {
    "descriptor_frechet_distance": descriptor_frechet_distance,
    "sse_jsd": sse_jsd,
    "dihedral_jsd": dihedral_jsd,
}
"""Distances of sets of structures by name."""


def measure_set(chains: Sequence[BackboneChain], *, workers: int = 1, advance: Advance | None = None) -> MeasuredSet:
    """Measure every model of every chain.

    Args:
        chains: at least one.
        workers: processes; the result does not depend on it.
        advance: called with (chains done, chains in all).
    """
    return united(ordered_map(measure_chain, chains, workers=workers, advance=advance))


def set_distances(generated: MeasuredSet, reference: MeasuredSet, *, seed: int) -> dict[str, LawDistance]:
    """Distances of two sets of structures, with intervals over structures and floors from halves of the reference."""
    pair = generated.descriptors, reference.descriptors
    return {name: law_distance(distance, *pair, seed=seed) for name, distance in SET_DISTANCES.items()}


def ensemble_distances(
    generated: Sequence[BackboneChain],
    reference: Sequence[BackboneChain],
    *,
    ends: tuple[BackboneChain, BackboneChain] | None,
    seed: int,
) -> dict[str, LawDistance]:
    """Distances in law of two sets of conformations of one chain.

    Args:
        generated: chains of the same length; all their models count.
        reference: likewise.
        ends: two end structures, of which the first model counts.
        seed: of resamples and halves.

    Raises:
        EnsembleError: lengths differ, or the reference is a single conformation.
    """
    stacks = [_stacked(chains, what) for chains, what in ((generated, "generated"), (reference, "reference"))]
    targets = None if ends is None else (ends[0].positions[0], ends[1].positions[0])
    return compare_ensembles(*stacks, ends=targets, seed=seed)


def diversity(
    found: MeasuredSet, options: BackboneOptions, *, workers: int = 1, advance: Advance | None = None
) -> Diversity:
    """TM-scores of all pairs of at most `options.tm_limit` structures, drawn with the seed if there are more.

    Raises:
        MissingExtraError: tmtools is not installed.
    """
    rows = _alignable(found, options)
    matrix = pairwise_tm([found.traces[row] for row in rows], workers=workers, advance=advance)
    scores = matrix[np.triu_indices(len(rows), 1)]
    return Diversity(
        n=len(rows),
        mean_tm=float(scores.mean()) if len(scores) else float("nan"),
        n_clusters=len(set(clusters(matrix).tolist())),
        too_short=sum(len(trace) < SHORTEST for trace in found.traces),
    )


def novelty(
    generated: MeasuredSet,
    reference: MeasuredSet,
    options: BackboneOptions,
    *,
    workers: int = 1,
    advance: Advance | None = None,
) -> Novelty:
    """The nearest reference of at most `options.tm_limit` structures, drawn with the seed if there are more.

    Raises:
        MissingExtraError: tmtools is not installed.
    """
    rows = _alignable(generated, options)
    known = [k for k, trace in enumerate(reference.traces) if len(trace) >= SHORTEST]
    if not rows or not known:
        return Novelty([], [], [])
    scores, nearest = nearest_tm(
        [generated.traces[row] for row in rows],
        [reference.traces[k] for k in known],
        workers=workers,
        advance=advance,
    )
    names = [reference.rows[known[k]].name for k in nearest]
    return Novelty([generated.rows[row].name for row in rows], scores.tolist(), names)


def _alignable(found: MeasuredSet, options: BackboneOptions) -> list[int]:
    rows = [row for row, trace in enumerate(found.traces) if len(trace) >= SHORTEST]
    if len(rows) <= options.tm_limit:
        return rows
    rng = np.random.default_rng(options.seed)
    return sorted(rng.choice(rows, size=options.tm_limit, replace=False).tolist())


def _stacked(chains: Sequence[BackboneChain], what: str) -> NDArray[np.float32]:
    lengths = sorted({chain.n_residues for chain in chains})
    if len(lengths) > 1:
        raise EnsembleError(
            f"got {what} chains of {', '.join(map(str, lengths))} residues, expected conformations of one chain: "
            "leave out --ensemble, or choose files of one length"
        )
    return np.concatenate([chain.positions for chain in chains])
