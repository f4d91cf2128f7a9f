"""`quotient molecules evaluate`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from applications._cli_shared import expected_errors, finite, progress_bar

if TYPE_CHECKING:
    from applications.molecular.evaluate import MoleculeResult
    from applications.molecular.posebusters import PoseBustersReport
    from applications.molecular.readback import GeneratedSet


class FailuresName(StrEnum):
    """Spelling of `Failures` on the command line."""

    zero = "zero"
    skip = "skip"


class BaselineName(StrEnum):
    """Which baselines are computed."""

    etkdg = "etkdg"
    none = "none"


def evaluate(
    generated: Annotated[Path, typer.Argument(help="SDF of `generate`; its .csv and .json are read too.")],
    *,
    ref: Annotated[Path, typer.Option("--ref", help="Prepared data folder with the references.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the report.")],
    split: Annotated[str, typer.Option(help="Split of the references, or `all`.")] = "test",
    threshold: Annotated[
        list[float] | None,
        typer.Option(min=0.0, callback=finite, help="RMSD threshold in Å; repeat for several. Default 0.5 and 0.75."),
    ] = None,
    k_rule: Annotated[
        float,
        typer.Option(min=0.01, max=1e6, callback=finite, help="Generated conformers used per reference, at most."),
    ] = 2.0,
    failures: Annotated[
        FailuresName, typer.Option(help="A molecule without conformers: coverage zero, or left out.")
    ] = FailuresName.zero,
    baseline: Annotated[BaselineName, typer.Option(help="Columns beside the model.")] = BaselineName.etkdg,
    posebusters: Annotated[int, typer.Option(min=0, help="Conformers checked with PoseBusters; 0 for none.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes; results do not depend on it.")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of baselines, bootstrap and choice of conformers.")] = 0,
) -> None:
    """Coverage, AMR, stereochemistry and plausibility of generated conformers, with 95 % intervals.

    COV-R is the share of references with a generated conformer nearer than the threshold, COV-P that of generated
    conformers with such a reference; AMR-R and AMR-P are the mean distances to the nearest one, in Å.

    Exit codes: 0 done, 1 nothing to compare or bad input.
    """
    with expected_errors():
        from applications.molecular.dataset import ConformerStore
        from applications.molecular.evaluate import EvaluationOptions
        from applications.molecular.evaluate import evaluate as run
        from applications.molecular.metrics import Failures
        from applications.molecular.posebusters import require_posebusters
        from applications.molecular.readback import read_generated
        from applications.molecular.report import build_report, format_table, write_report

        if posebusters:
            require_posebusters()
        options = EvaluationOptions(
            thresholds=tuple(threshold or (0.5, 0.75)),
            per_reference=k_rule,
            baselines=baseline is BaselineName.etkdg,
            seed=seed,
        )
        store = ConformerStore.open(ref)
        found = read_generated(generated)
        chosen_split = None if split == "all" else split
        with progress_bar("molecules") as advance:
            results, missing = run(found, store, split=chosen_split, options=options, workers=workers, advance=advance)
        report = build_report(
            results,
            options=options,
            failures=Failures(failures.value),
            without_reference=len(missing),
            posebusters=_bust_some(found, results, limit=posebusters, seed=seed),
            generated=found,
            reference_meta=store.meta,
        )
        paths = write_report(output, report, results)
    typer.echo(format_table(report))
    stereo, busted = report["stereo"], report["posebusters"]
    if stereo["kept"] is not None:
        typer.echo(f"stereo kept      {stereo['kept']:.3f} of {stereo['conformers_with_specified_stereo']}")
    if found.attempts:
        total, first = sum(found.attempts.values()), found.attempts.get(1, 0)
        typer.echo(f"settled by the first sample: {first / total:.3f} of {total}")
    if report["geometry_ok"] is not None:
        typer.echo(f"bonds+clashes ok {report['geometry_ok']:.3f} of {report['conformers']}")
    if busted:
        typer.echo(f"PoseBusters ok   {busted['pass_rate']:.3f} of {busted['n']}")
    for path in paths:
        typer.echo(str(path))


def _bust_some(
    found: GeneratedSet, results: list[MoleculeResult], *, limit: int, seed: int
) -> PoseBustersReport | None:
    """PoseBusters on at most `limit` of the evaluated conformers, drawn with the seed."""
    import numpy as np

    from applications.molecular.chemistry import parse_smiles
    from applications.molecular.posebusters import bust
    from applications.molecular.structures import with_conformers

    every = [(r.smiles, i) for r in results for i in range(r.n_generated)]
    if not limit or not every:
        return None
    rng = np.random.default_rng(seed)
    picked = sorted(rng.choice(len(every), size=min(limit, len(every)), replace=False))
    conformers = []
    for smiles, frame in (every[i] for i in picked):
        conformers.append(with_conformers(parse_smiles(smiles).full, found.positions[smiles][[frame]]))
    return bust(conformers)
