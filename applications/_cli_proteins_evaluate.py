"""`quotient proteins evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from applications._cli_shared import command_line, expected_errors, progress_bar
from applications._cli_workers import Workers

if TYPE_CHECKING:
    from applications.molecular.proteins.chains import BackboneChain


def evaluate(
    context: typer.Context,
    generated: Annotated[
        Path, typer.Argument(help="Structure file, several models in it or not, or a folder of them.")
    ],
    *,
    ref: Annotated[
        str, typer.Option("--ref", help="`bundled`, a prepared data folder, or structure files.")
    ] = "bundled",
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the report.")],
    split: Annotated[str, typer.Option(help="Split of a prepared reference, or `all`.")] = "all",
    ensemble: Annotated[
        bool, typer.Option("--ensemble", help="Both are conformations of one chain: compare their distributions.")
    ] = False,
    ends: Annotated[
        tuple[Path, Path] | None, typer.Option(help="Two structures: RMSD to each is compared too. With --ensemble.")
    ] = None,
    tm: Annotated[bool, typer.Option("--tm", help="TM-scores of pairs and their clusters: diversity.")] = False,
    novelty: Annotated[bool, typer.Option("--novelty", help="TM-score to the nearest reference.")] = False,
    tm_limit: Annotated[int, typer.Option(min=2, help="Most structures of a set that TM-align sees.")] = 60,
    tables: Annotated[
        list[Path] | None,
        typer.Option(help="CSV with a column `name` and numbers, as scRMSD; repeat for several."),
    ] = None,
    workers: Workers = 1,
    seed: Annotated[int, typer.Option(min=0, help="Of bootstrap, halves, and the choice of structures.")] = 0,
) -> None:
    """Geometry, secondary structure, handedness, compactness, diversity and novelty of protein backbones.

    Writes report.html, which opens without a network, its pictures as PNG, and its figures as report.json and three
    tables. Every figure stands beside that of the reference, with a 95 % bootstrap interval.

    Exit codes: 0 done, 1 nothing to evaluate or bad input.
    """
    with expected_errors():
        from applications.extras import require_extra
        from applications.molecular.proteins import evaluate as measured
        from applications.molecular.proteins.charts import backbone_charts
        from applications.molecular.proteins.designability import join_table
        from applications.molecular.proteins.ensembles import EnsembleError
        from applications.molecular.proteins.inputs import read_reference, read_structures
        from applications.molecular.proteins.report import build_report, format_summary, write_report
        from applications.molecular.proteins.report_page import write_page
        from applications.molecular.proteins.selection import drawn_structures
        from applications.molecular.proteins.tm import require_tm
        from applications.molecular.versions import versions

        require_extra("biotite", extra="protein", purpose="the evaluation of backbones")
        if tm or novelty:
            require_tm()
        if ends and not ensemble:
            raise EnsembleError("got --ends without --ensemble, expected both")
        options = measured.BackboneOptions(seed=seed, tm_limit=tm_limit)
        found = read_structures(generated, as_numbered=True)
        reference = read_reference(ref, split=None if split == "all" else split)
        targets = (_end(ends[0]), _end(ends[1])) if ends else None
        laws = {}
        if ensemble:
            laws = measured.ensemble_distances(found.chains, reference.chains, ends=targets, seed=seed)
        with progress_bar("chains") as advance:
            own = measured.measure_set(found.chains, workers=workers, advance=advance)
        with progress_bar("reference") as advance:
            other = measured.measure_set(reference.chains, workers=workers, advance=advance)
        joined = {path.name: join_table(path, [row.name for row in own.rows]) for path in tables or ()}
        diversity, nearest = {}, None
        if tm:
            for name, chains in (("generated", own), ("reference", other)):
                with progress_bar(f"TM-scores, {name}") as advance:
                    diversity[name] = measured.diversity(chains, options, workers=workers, advance=advance)
        if novelty:
            with progress_bar("TM-scores to the reference") as advance:
                nearest = measured.novelty(own, other, options, workers=workers, advance=advance)
        result = measured.BackboneEvaluation(
            generated=own,
            reference=other,
            set_distances=measured.set_distances(own, other, seed=seed),
            ensemble_distances=laws,
            diversity=diversity,
            novelty=nearest,
        )
        report = build_report(
            result,
            generated=found,
            reference=reference,
            options=options,
            tables=joined,
            provenance={
                "command": command_line(context),
                "versions": versions(("quotient-diffusion", "biotite", "tmtools", "numpy")),
            },
        )
        paths = write_report(output, report, result, tables=joined)
        shown = drawn_structures(own, seed=seed)
        charts = backbone_charts(own, other, contacts=shown.rows)
        paths += [chart.save_png(output) for chart in charts]
        paths.append(shown.save_png(output))
        paths.append(write_page(output / "report.html", report, charts=charts, shown=shown.structures))
    for name, reason in found.skipped.items():
        typer.echo(f"left out: {name}: {reason}", err=True)
    typer.echo(format_summary(report))
    for path in paths:
        typer.echo(typer.format_filename(path))


def _end(path: Path) -> BackboneChain:
    """The first chain of a file."""
    from applications.molecular.proteins.inputs import read_structures

    return read_structures(path).chains[0]
