"""The report of an evaluation of backbones as data: `report.json` and three tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from applications.molecular.metrics import Summary, summarise
from applications.molecular.proteins.designability import JoinedTable
from applications.molecular.proteins.evaluate import BackboneEvaluation, BackboneOptions
from applications.molecular.proteins.inputs import BackboneInput
from applications.molecular.proteins.measures import MEASURES, BackboneMeasures, MeasuredSet
from applications.molecular.report_files import write_json, write_table

STATISTICS: Final = ("mean", "low", "high", "median", "median_low", "median_high", "n")
_SPREAD: Final = ("value", "low", "high", "floor", "floor_high")


def build_report(
    found: BackboneEvaluation,
    *,
    generated: BackboneInput,
    reference: BackboneInput,
    options: BackboneOptions,
    tables: Mapping[str, JoinedTable],
    provenance: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything that was measured, as plain values.

    Args:
        found: the measurements.
        generated: what was read, and what was left out.
        reference: likewise.
        options: how it was measured.
        tables: figures that the user brought, by name of the file.
        provenance: command, hashes and versions of this evaluation.
    """
    nearest = found.novelty
    return {
        "structures": len(found.generated.rows),
        "chains": len(generated.chains),
        "skipped": generated.skipped,
        "reference": {
            **reference.description,
            "structures": len(found.reference.rows),
            "skipped": reference.skipped,
        },
        "measures": {
            "generated": _summaries(found.generated, options.seed),
            "reference": _summaries(found.reference, options.seed),
        },
        "set_distances": {name: asdict(value) for name, value in found.set_distances.items()},
        "ensemble_distances": {name: asdict(value) for name, value in found.ensemble_distances.items()},
        "diversity": {name: asdict(value) for name, value in found.diversity.items()},
        "novelty": None if nearest is None else asdict(_summary(nearest.nearest_tm, options.seed)),
        "tables": {
            name: {
                "matched": table.matched,
                "unknown": table.unknown,
                "columns": {
                    column: asdict(_summary([row[k] for row in table.values], options.seed))
                    for k, column in enumerate(table.columns)
                },
            }
            for name, table in tables.items()
        },
        "generated": generated.description,
        "options": asdict(options),
        "provenance": dict(provenance),
    }


def write_report(
    folder: Path, report: Mapping[str, Any], found: BackboneEvaluation, *, tables: Mapping[str, JoinedTable]
) -> list[Path]:
    """Write `report.json`, `summary.csv`, `distances.csv` and `structures.csv`, replacing those of an earlier one.

    Returns:
        Their paths.
    """
    folder.mkdir(parents=True, exist_ok=True)
    summary = [
        [part, measure, *(values[k] for k in STATISTICS)]
        for part, by in report["measures"].items()
        for measure, values in by.items()
    ]
    if report["novelty"]:
        summary.append(["generated", "nearest_tm", *(report["novelty"][k] for k in STATISTICS)])
    for table in report["tables"].values():
        summary += [["generated", c, *(v[k] for k in STATISTICS)] for c, v in table["columns"].items()]
    distances = [
        [kind, name, *(values[k] for k in _SPREAD)]
        for kind in ("set_distances", "ensemble_distances")
        for name, values in report[kind].items()
    ]
    return [
        write_json(folder / "report.json", report),
        write_table(folder / "summary.csv", ["set", "measure", *STATISTICS], summary),
        write_table(folder / "distances.csv", ["kind", "distance", *_SPREAD], distances),
        _structures(folder / "structures.csv", found, tables),
    ]


def format_summary(report: Mapping[str, Any]) -> str:
    """The measures as text, one a line, generated beside reference, with 95 % intervals of the mean; then distances."""
    lines = [f"{'':24s}" + "".join(f"{part:>28s}" for part in report["measures"])]
    for measure in report["measures"]["generated"]:
        cells = [
            f"{by[measure]['mean']:.3f} [{by[measure]['low']:.3f}, {by[measure]['high']:.3f}]"
            if by[measure]["n"]
            else "-"
            for by in report["measures"].values()
        ]
        lines.append(f"{measure:24s}" + "".join(f"{cell:>28s}" for cell in cells))
    for kind in ("set_distances", "ensemble_distances"):
        for name, value in report[kind].items():
            cell = f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"
            label = name if len(name) < 28 else name.replace("distance", "d")
            lines.append(f"{label:28s}{cell:>24s}   two halves of the reference {value['floor']:.3f}")
    for name, value in report["diversity"].items():
        lines.append(
            f"mean pairwise TM, {name:10s} {value['mean_tm']:.3f}   {value['n_clusters']} clusters of {value['n']}"
        )
    if report["novelty"]:
        lines.append(f"TM to the nearest reference  {report['novelty']['mean']:.3f}")
    return "\n".join(lines)


def figures_of(row: BackboneMeasures) -> dict[str, float]:
    """The figures of a structure whose mean over structures is reported."""
    return {**{name: float(getattr(row, name)) for name in MEASURES}, "with_a_clash": float(row.clashes > 0)}


def _summary(values: Sequence[float], seed: int) -> Summary:
    return summarise(values, rng=np.random.default_rng(seed))


def _summaries(found: MeasuredSet, seed: int) -> dict[str, dict[str, float]]:
    rows = [figures_of(row) for row in found.rows]
    return {name: asdict(_summary([row[name] for row in rows], seed)) for name in rows[0]}


def _structures(path: Path, found: BackboneEvaluation, tables: Mapping[str, JoinedTable]) -> Path:
    own = list(asdict(found.generated.rows[0]))
    head = ["set", *own]
    nearest: dict[str, list[object]] = {}
    if found.novelty is not None:
        head += ["nearest_tm", "nearest_reference"]
        pairs = zip(found.novelty.nearest_tm, found.novelty.nearest, strict=True)
        nearest = {name: list(pair) for name, pair in zip(found.novelty.names, pairs, strict=True)}
    extra = [column for table in tables.values() for column in table.columns]
    lines: list[list[object]] = []
    for k, row in enumerate(found.generated.rows):
        line: list[object] = ["generated", *asdict(row).values()]
        if found.novelty is not None:
            line += nearest.get(row.name, [float("nan"), ""])
        lines.append(line + [value for table in tables.values() for value in table.values[k]])
    blank = [""] * (len(head) - len(own) - 1 + len(extra))
    lines += [["reference", *asdict(row).values(), *blank] for row in found.reference.rows]
    return write_table(path, [*head, *extra], lines)
