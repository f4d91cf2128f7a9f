"""`quotient molecules prepare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from applications._cli_shared import expected_errors, finite, progress_bar
from applications._cli_workers import Cluster, Workers, open_workers


def prepare(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the data set.")],
    source: Annotated[
        str,
        typer.Option(
            help="nci (comes with RDKit), etkdg:FILE of `SMILES name` lines, sdf:FILE, geom:FOLDER (unpacked "
            "rdkit_folder), qm9 or qm9:FOLDER (the package qm9pack)."
        ),
    ] = "nci",
    max_confs: Annotated[
        int, typer.Option(min=1, max=100_000, help="Conformers embedded, or taken, per molecule.")
    ] = 30,
    min_heavy: Annotated[int, typer.Option(min=1, help="Fewest heavy atoms.")] = 4,
    max_heavy: Annotated[int, typer.Option(min=1, help="Most heavy atoms.")] = 30,
    limit: Annotated[int | None, typer.Option(min=1, help="Use only the first molecules of the source.")] = None,
    split: Annotated[
        str,
        typer.Option(
            help="random (by constitution), scaffold (Bemis-Murcko, none in two splits) or file:PATH with lines of "
            "`split<TAB>id`, or JSON."
        ),
    ] = "random",
    workers: Workers = 1,
    cluster: Cluster = None,
    seed: Annotated[int, typer.Option(help="Master seed.")] = 0,
    time_limit: Annotated[
        float, typer.Option(min=1.0, max=1e6, callback=finite, help="Seconds for one molecule.")
    ] = 60.0,
) -> None:
    """Make conformers of SMILES (ETKDGv3, MMFF94s), or take those of a source; check and store them.

    Run the same line again to continue.
    """
    with expected_errors():
        from applications.molecular.chemistry import Refusal, SizeLimits
        from applications.molecular.ensembles import EnsembleOptions
        from applications.molecular.prepare import prepare as run
        from applications.molecular.source_arguments import open_source, open_split

        options = EnsembleOptions(
            n_conformers=max_confs, seed=seed, time_limit=time_limit, limits=SizeLimits(min_heavy, max_heavy)
        )
        rule = open_split(split)
        given = open_source(source)[:limit]
        with open_workers(workers, cluster) as active, progress_bar("molecules") as advance:
            store, report = run(given, output, options=options, split=rule, workers=active, advance=advance)
    typer.echo(f"{output}: {report.n_kept} molecules, {report.n_conformers} conformers")
    typer.echo(f"  {report.n_duplicates} duplicates, {report.n_conformers_dropped} conformers dropped")
    typer.echo("  " + ", ".join(f"{len(rows)} {name}" for name, rows in store.splits.items()))
    empty = [name for name, rows in store.splits.items() if not rows]
    if empty:
        typer.echo(f"  note: nothing in {' and '.join(empty)}; with few molecules, name the splits: --split file:PATH")
    if unassigned := store.meta.get("split", {}).get("unassigned"):
        typer.echo(f"  {unassigned} in no split: the file does not name them")
    for name, count in report.dropped.items():
        typer.echo(f"  {count} dropped: {Refusal[name].value}")
    if not report.n_kept:
        raise typer.Exit(1)
