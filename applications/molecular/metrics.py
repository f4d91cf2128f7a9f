"""Coverage and average minimum RMSD of generated conformers against references [Ganea2021].

For references r and generated g with distances D[r, g] (heavy-atom RMSD after superposition, least over the
molecule's automorphisms), at a threshold d:

    COV-R = share of r with min_g D < d        AMR-R = mean over r of min_g D
    COV-P = share of g with min_r D < d        AMR-P = mean over g of min_r D
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import final

import numpy as np
from numpy.typing import NDArray
from rdkit import Chem
from rdkit.Chem import rdMolAlign

MAX_AUTOMORPHISMS = 10_000
"""Atom matchings tried per pair of conformers; beyond it the RMSD is an upper bound."""


@final
class Failures(Enum):
    """How a requested molecule without conformers counts."""

    ZERO = "zero"
    """Coverage 0; it has no AMR, and the number of molecules behind each mean is stated."""
    SKIP = "skip"
    """Left out."""


@final
@dataclass(frozen=True)
class MoleculeScore:
    """Recall and precision of one molecule.

    Attributes:
        coverage_recall: COV-R by threshold in Å.
        coverage_precision: COV-P by threshold.
        amr_recall: AMR-R in Å, NaN without generated conformers.
        amr_precision: AMR-P in Å, NaN without generated conformers.
        nearest_generated: for each reference its distance in Å to the nearest generated conformer, infinite
            without any.
        nearest_reference: for each generated conformer its distance in Å to the nearest reference.
    """

    coverage_recall: Mapping[float, float]
    coverage_precision: Mapping[float, float]
    amr_recall: float
    amr_precision: float
    nearest_generated: tuple[float, ...] = ()
    nearest_reference: tuple[float, ...] = ()


@final
@dataclass(frozen=True)
class Summary:
    """Mean and median over molecules, with percentile bootstrap intervals of both.

    Attributes:
        mean: mean over molecules.
        median: median over molecules.
        low: 2.5 % quantile of the bootstrapped mean.
        high: 97.5 % quantile of the bootstrapped mean.
        n: molecules with a value.
        median_low: 2.5 % quantile of the bootstrapped median.
        median_high: 97.5 % quantile of the bootstrapped median.
    """

    mean: float
    median: float
    low: float
    high: float
    n: int
    median_low: float
    median_high: float


def rmsd_matrix(generated: Chem.Mol, references: Chem.Mol) -> NDArray[np.float64]:
    """Symmetry-aware heavy-atom RMSD of all pairs of conformers.

    RDKit's GetBestRMS on the molecules without hydrogens; terminal conjugated groups (carboxylates, nitro
    groups) are symmetrised, as is RDKit's default.

    Args:
        generated: G conformers, with or without hydrogens.
        references: R conformers of the same molecule.

    Returns:
        [R, G] in Å. Cost: one substructure search and one superposition per pair and automorphism.
    """
    probe, reference = Chem.RemoveHs(generated), Chem.RemoveHs(references)
    probe_ids = [c.GetId() for c in probe.GetConformers()]
    reference_ids = [c.GetId() for c in reference.GetConformers()]
    matrix = np.empty((len(reference_ids), len(probe_ids)))
    for row, reference_id in enumerate(reference_ids):
        for column, probe_id in enumerate(probe_ids):
            matrix[row, column] = rdMolAlign.GetBestRMS(
                probe, reference, probe_id, reference_id, maxMatches=MAX_AUTOMORPHISMS
            )
    return matrix


def score(matrix: NDArray[np.float64], thresholds: Sequence[float]) -> MoleculeScore:
    """Coverage and AMR of one molecule from its [R, G] distances; G = 0 gives coverage 0 and AMR NaN."""
    if matrix.shape[1] == 0:
        nothing = dict.fromkeys(thresholds, 0.0)
        missed = (float("inf"),) * matrix.shape[0]
        return MoleculeScore(nothing, nothing, float("nan"), float("nan"), nearest_generated=missed)
    nearest_generated, nearest_reference = matrix.min(axis=1), matrix.min(axis=0)
    return MoleculeScore(
        coverage_recall={d: float((nearest_generated < d).mean()) for d in thresholds},
        coverage_precision={d: float((nearest_reference < d).mean()) for d in thresholds},
        amr_recall=float(nearest_generated.mean()),
        amr_precision=float(nearest_reference.mean()),
        nearest_generated=tuple(nearest_generated.tolist()),
        nearest_reference=tuple(nearest_reference.tolist()),
    )


def summarise(values: Sequence[float], *, rng: np.random.Generator, resamples: int = 2000) -> Summary:
    """Mean, median and their 95 % bootstrap intervals over molecules; NaN values are left out, also of `n`."""
    array = np.asarray(values, dtype=np.float64)
    array = array[np.isfinite(array)]
    if not len(array):
        nan = float("nan")
        return Summary(mean=nan, median=nan, low=nan, high=nan, n=0, median_low=nan, median_high=nan)
    drawn = array[rng.integers(len(array), size=(resamples, len(array)))]
    low, high = np.quantile(drawn.mean(axis=1), [0.025, 0.975])
    median_low, median_high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
    return Summary(
        mean=float(array.mean()),
        median=float(np.median(array)),
        low=float(low),
        high=float(high),
        n=len(array),
        median_low=float(median_low),
        median_high=float(median_high),
    )


def summarise_scores(
    scores: Sequence[MoleculeScore], *, failures: Failures, rng: np.random.Generator
) -> dict[str, Summary]:
    """Summaries of all measures over molecules, keyed by name and threshold such as `COV-R@0.75`.

    Args:
        scores: one per requested molecule.
        failures: how molecules without conformers count.
        rng: source of the bootstrap.
    """
    kept = [s for s in scores if failures is Failures.ZERO or np.isfinite(s.amr_recall)]
    result: dict[str, Summary] = {}
    for threshold in kept[0].coverage_recall if kept else ():
        result[f"COV-R@{threshold:g}"] = summarise([s.coverage_recall[threshold] for s in kept], rng=rng)
        result[f"COV-P@{threshold:g}"] = summarise([s.coverage_precision[threshold] for s in kept], rng=rng)
    result["AMR-R"] = summarise([s.amr_recall for s in kept], rng=rng)
    result["AMR-P"] = summarise([s.amr_precision for s in kept], rng=rng)
    return result
