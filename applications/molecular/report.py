"""The report of an evaluation as data: `report.json`, `summary.csv`, `curve.csv` and `molecules.csv`."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import rdkit

from applications.molecular.curves import ThresholdCurve, threshold_curve
from applications.molecular.evaluate import EvaluationOptions, MoleculeResult, Source
from applications.molecular.metrics import MAX_AUTOMORPHISMS, Failures, Summary, summarise_scores
from applications.molecular.posebusters import PoseBustersReport
from applications.molecular.quality import summarise_quality
from applications.molecular.readback import GeneratedSet
from applications.molecular.report_files import write_json

_ROTATABLE_BINS = ((0, 0), (1, 2), (3, 4), (5, 7), (8, 1000))
_STATISTICS = ("mean", "median", "low", "high", "n", "median_low", "median_high")


def build_report(
    results: Sequence[MoleculeResult],
    *,
    options: EvaluationOptions,
    failures: Failures,
    without_reference: Sequence[str],
    posebusters: PoseBustersReport | None,
    generated: GeneratedSet,
    reference_meta: Mapping[str, Any],
    provenance: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Everything that was measured, as plain values.

    Args:
        results: per molecule.
        options: how they were made.
        failures: how molecules without conformers count.
        without_reference: SMILES of requested molecules that could not be compared.
        posebusters: outcome of the optional checks.
        generated: what was read back: speed, configuration and attempts of the generation, and what failed.
        reference_meta: `meta.json` of the references.
        provenance: command, hashes and versions of this evaluation.
    """
    sources = [source for source in Source if source in results[0].scores]
    made = sum(r.n_generated for r in results)
    reports = [report for r in results for report in r.stereo]
    with_stereo = [report for report in reports if report.centres + report.bonds]
    return {
        "molecules": len(results),
        "molecules_without_reference": len(without_reference),
        "molecules_failed": sum(r.n_generated == 0 for r in results),
        "conformers_requested": sum(r.n_requested for r in results),
        "conformers": made,
        "failures": failures.value,
        "scores": {
            source.value: _plain(_summaries(results, source, options=options, failures=failures)) for source in sources
        },
        "quality": {
            source.value: _plain(
                summarise_quality([r.quality[source] for r in results], rng=np.random.default_rng(options.seed))
            )
            for source in sources
            if all(source in r.quality for r in results)
        },
        "curve": {source.value: asdict(_curve(results, source, options, failures)) for source in sources},
        "by_rotatable_bonds": {
            source.value: {
                name: _plain(_summaries(chosen, source, options=options, failures=failures))
                for name, chosen in _by_rotatable_bonds(results).items()
            }
            for source in sources
        },
        "molecules_by_rotatable_bonds": {name: len(chosen) for name, chosen in _by_rotatable_bonds(results).items()},
        "stereo": {
            "conformers_with_specified_stereo": len(with_stereo),
            "kept": _share(sum(r.kept for r in with_stereo), len(with_stereo)),
            "centres_kept": _share(sum(r.centres_kept for r in reports), sum(r.centres for r in reports)),
            "double_bonds_kept": _share(sum(r.bonds_kept for r in reports), sum(r.bonds for r in reports)),
        },
        "attempts": {str(attempts): count for attempts, count in generated.attempts.items()},
        "geometry_ok": _share(sum(r.geometry_ok for r in results), made),
        "posebusters": None if posebusters is None else asdict(posebusters),
        "conformers_per_second": generated.account.get("conformers_per_second"),
        "missing": [asdict(missing) for missing in generated.missing],
        "duplicates": generated.duplicates,
        "without_reference": list(without_reference),
        "generation": generated.account.get("config"),
        "generation_versions": generated.account.get("versions"),
        "model": generated.account.get("model"),
        "model_sha256": generated.account.get("weights_sha256"),
        "references": {
            name: reference_meta.get(name) for name in ("method", "source_fingerprint", "split", "rdkit", "numpy")
        },
        "provenance": dict(provenance or {}),
        "options": asdict(options),
        "rmsd": f"RDKit {rdkit.__version__} GetBestRMS, heavy atoms, at most {MAX_AUTOMORPHISMS} matchings",
    }


def write_report(folder: Path, report: Mapping[str, Any], results: Sequence[MoleculeResult]) -> list[Path]:
    """Write the four files into `folder`, replacing those of an earlier evaluation.

    Returns:
        Their paths.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / name for name in ("report.json", "summary.csv", "molecules.csv", "curve.csv")]
    write_json(paths[0], report)
    with paths[1].open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["source", "measure", *_STATISTICS])
        for part in (report["scores"], report["quality"]):
            for source, measures in part.items():
                for measure, values in measures.items():
                    writer.writerow([source, measure, *(values[k] for k in _STATISTICS)])
    with paths[2].open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        counted = ["rotatable_bonds", "n_references", "n_generated", "n_requested"]
        writer.writerow(["smiles", *counted, *_columns(results), "name"])
        for r in results:
            counts = [getattr(r, name) for name in counted]
            writer.writerow([r.smiles, *counts, *(f"{value:.4f}" for value in _values(r)), r.name])
    with paths[3].open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        bands = [(measure, key) for measure in ("recall", "precision") for key in ("mean", "low", "high")]
        writer.writerow(["source", "threshold", *(f"COV-{m[0].upper()} {key}" for m, key in bands), "n"])
        for source, curve in report["curve"].items():
            for i, threshold in enumerate(curve["thresholds"]):
                values = [f"{curve[measure][key][i]:.4f}" for measure, key in bands]
                writer.writerow([source, f"{threshold:g}", *values, curve["n"]])
    return paths


def format_table(report: Mapping[str, Any]) -> str:
    """The scores as text, one measure a line, one source a column, with 95 % intervals of the mean."""
    sources = list(report["scores"])
    lines = [f"{'':12s}" + "".join(f"{source:>28s}" for source in sources)]
    for measure in report["scores"][sources[0]]:
        cells = []
        for source in sources:
            value = report["scores"][source][measure]
            cells.append(f"{value['mean']:.3f} [{value['low']:.3f}, {value['high']:.3f}]")
        lines.append(f"{measure:12s}" + "".join(f"{cell:>28s}" for cell in cells))
    return "\n".join(lines)


def _summaries(
    results: Sequence[MoleculeResult], source: Source, *, options: EvaluationOptions, failures: Failures
) -> dict[str, Summary]:
    rng = np.random.default_rng(options.seed)
    return summarise_scores([r.scores[source] for r in results], failures=failures, rng=rng)


def _curve(
    results: Sequence[MoleculeResult], source: Source, options: EvaluationOptions, failures: Failures
) -> ThresholdCurve:
    rng = np.random.default_rng(options.seed)
    return threshold_curve([r.scores[source] for r in results], failures=failures, rng=rng)


def _by_rotatable_bonds(results: Sequence[MoleculeResult]) -> dict[str, list[MoleculeResult]]:
    """Molecules by their number of rotatable bonds, bins without any left out."""
    names = [f"{low}-{high}" if high < 1000 else f"{low}+" for low, high in _ROTATABLE_BINS]
    bins = [[r for r in results if low <= r.rotatable_bonds <= high] for low, high in _ROTATABLE_BINS]
    return {name: chosen for name, chosen in zip(names, bins, strict=True) if chosen}


def _plain(summaries: Mapping[str, Summary]) -> dict[str, dict[str, float]]:
    return {name: asdict(summary) for name, summary in summaries.items()}


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _columns(results: Sequence[MoleculeResult]) -> list[str]:
    names = []
    for source, score in results[0].scores.items():
        names += [f"{source.value} COV-R@{d:g}" for d in score.coverage_recall]
        names += [f"{source.value} COV-P@{d:g}" for d in score.coverage_precision]
        names += [f"{source.value} AMR-R", f"{source.value} AMR-P"]
    for source, quality in results[0].quality.items():
        names += [f"{source.value} {measure}" for measure in asdict(quality)]
    return names


def _values(result: MoleculeResult) -> list[float]:
    values: list[float] = []
    for score in result.scores.values():
        values += [*score.coverage_recall.values(), *score.coverage_precision.values()]
        values += [score.amr_recall, score.amr_precision]
    for quality in result.quality.values():
        values += asdict(quality).values()
    return values
