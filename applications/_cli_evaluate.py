"""`quotient molecules evaluate`."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from applications._cli_shared import command_line, expected_errors, finite, progress_bar
from applications._cli_workers import Workers

if TYPE_CHECKING:
    from rdkit import Chem

    from applications.molecular.evaluate import MoleculeResult
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
    context: typer.Context,
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
    posebusters: Annotated[
        int | None,
        typer.Option(
            min=0, help="Most conformers checked with PoseBusters; 0 for none. Default 200 if it is installed."
        ),
    ] = None,
    workers: Workers = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of baselines, bootstrap and choice of conformers.")] = 0,
) -> None:
    """Coverage, AMR, stereochemistry and plausibility of generated conformers, with 95 % intervals.

    Writes report.html, which opens without a network, and its figures as report.json and three tables.

    COV-R is the share of references with a generated conformer nearer than the threshold, COV-P that of generated
    conformers with such a reference; AMR-R and AMR-P are the mean distances to the nearest one, in Å.

    Exit codes: 0 done, 1 nothing to compare or bad input.
    """
    with expected_errors():
        from applications.molecular.dataset import ConformerStore
        from applications.molecular.evaluate import EvaluationOptions
        from applications.molecular.evaluate import evaluate as run
        from applications.molecular.metrics import Failures
        from applications.molecular.overlays import best_and_worst
        from applications.molecular.posebusters import bust
        from applications.molecular.provenance import provenance
        from applications.molecular.readback import read_generated
        from applications.molecular.report import build_report, format_table, write_report
        from applications.molecular.report_page import write_report_page

        limit = _posebusters_limit(posebusters)
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
        busted = None
        if drawn := _drawn(found, results, limit=limit, seed=seed):
            with progress_bar("PoseBusters") as advance:
                busted = bust(drawn, workers=workers, advance=advance)
        report = build_report(
            results,
            options=options,
            failures=Failures(failures.value),
            without_reference=missing,
            posebusters=busted,
            generated=found,
            reference_meta=store.meta,
            provenance=provenance(generated, command=command_line(context)),
        )
        paths = write_report(output, report, results)
        best, worst = best_and_worst(results, found, store, split=chosen_split)
        paths.append(write_report_page(output / "report.html", report, best=best, worst=worst))
    typer.echo(format_table(report))
    for line in _figures(report):
        typer.echo(line)
    for path in paths:
        typer.echo(str(path))


def _figures(report: dict[str, Any]) -> Iterator[str]:
    """What else is worth a line on the terminal."""
    stereo, busted, attempts = report["stereo"], report["posebusters"], report["attempts"]
    if stereo["kept"] is not None:
        yield f"stereo kept      {stereo['kept']:.3f} of {stereo['conformers_with_specified_stereo']}"
    if attempts:
        total = sum(attempts.values())
        yield f"settled by the first sample: {attempts.get('1', 0) / total:.3f} of {total}"
    if report["geometry_ok"] is not None:
        yield f"bonds+clashes ok {report['geometry_ok']:.3f} of {report['conformers']}"
    strains = [
        f"{source} {by['strain']['median']:.1f}" for source, by in report["quality"].items() if by["strain"]["n"]
    ]
    if strains:
        yield "median strain    " + ", ".join(strains) + " kcal/mol"
    if busted:
        yield f"PoseBusters ok   {busted['pass_rate']:.3f} of {busted['n']}"


def _posebusters_limit(asked: int | None) -> int:
    """How many conformers PoseBusters checks; asking for some without having it is an error."""
    from applications.molecular.posebusters import DEFAULT_LIMIT, has_posebusters, require_posebusters

    if asked is None:
        if has_posebusters():
            return DEFAULT_LIMIT
        note = "PoseBusters is not installed, its checks are left out: pip install 'quotient-diffusion[evaluation]'"
        typer.echo(note, err=True)
        return 0
    if asked:
        require_posebusters()
    return asked


def _drawn(found: GeneratedSet, results: list[MoleculeResult], *, limit: int, seed: int) -> list[Chem.Mol]:
    """At most `limit` of the evaluated conformers, drawn with the seed, each as a molecule of its own."""
    import numpy as np

    from applications.molecular.chemistry import parse_smiles
    from applications.molecular.structures import with_conformers

    every = [(r.smiles, i) for r in results for i in range(r.n_generated)]
    rng = np.random.default_rng(seed)
    picked = sorted(rng.choice(len(every), size=min(limit, len(every)), replace=False)) if every else []
    return [
        with_conformers(parse_smiles(smiles).full, found.positions[smiles][[frame]])
        for smiles, frame in (every[i] for i in picked)
    ]
