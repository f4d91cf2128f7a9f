"""`quotient proteins prepare`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from applications._cli_shared import expected_errors, progress_bar
from applications._cli_workers import Cluster, Workers, open_workers


class Unit(StrEnum):
    """Unit of length of the files."""

    angstrom = "angstrom"
    nm = "nm"


def prepare(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the data set.")],
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="bundled (50 chains of the package, the default), ubiquitin (an ensemble of the package), "
            "trajectory:FILE (DCD or XTC, with --topology), or a file or folder of PDB, mmCIF or BinaryCIF files, "
            "also with .gz; give the option again for more."
        ),
    ] = None,
    topology: Annotated[
        Path | None, typer.Option(help="PDB, mmCIF or PSF file with the residues of a trajectory.")
    ] = None,
    stride: Annotated[int, typer.Option(min=1, help="Take every n-th frame of a trajectory.")] = 1,
    split: Annotated[
        str | None,
        typer.Option(
            help="random (relatives together; the default for chains), blocks (of consecutive models; the default for "
            "an ensemble), or file:PATH with lines of `split<TAB>name`, or JSON."
        ),
    ] = None,
    min_residues: Annotated[int, typer.Option(min=2, help="Fewest residues of a chain.")] = 20,
    max_residues: Annotated[int, typer.Option(min=2, help="Most residues of a chain.")] = 512,
    unit: Annotated[Unit, typer.Option(help="Unit of length of the files.")] = Unit.angstrom,
    seed: Annotated[int, typer.Option(help="Seed of --split random.")] = 0,
    workers: Workers = 1,
    cluster: Cluster = None,
) -> None:
    """Read CA traces of structures or trajectories, check, divide and store them.

    Run the same line again to continue. What is left out is printed by reason, and listed in dropped.csv.
    """
    with expected_errors():
        from contextlib import nullcontext

        from applications.molecular.proteins.prepare import prepare as run
        from applications.molecular.proteins.sources import open_backbone_source
        from applications.molecular.proteins.splits import open_backbone_split
        from applications.molecular.proteins.structure_files import LengthUnit, ReadOptions

        units = {Unit.angstrom: LengthUnit.ANGSTROM, Unit.nm: LengthUnit.NANOMETRE}
        options = ReadOptions(unit=units[unit], min_residues=min_residues, max_residues=max_residues)
        given = open_backbone_source(source or ["bundled"], topology=topology, stride=stride)
        rule = open_backbone_split(split, seed=seed, is_ensemble=given.is_ensemble)
        here = workers == 1 and cluster is None
        with nullcontext() if here else open_workers(workers, cluster) as active, progress_bar("files") as advance:
            store, report = run(given.items, output, split=rule, options=options, workers=active, advance=advance)
    typer.echo(f"{output}: {report.n_entries} entries, {report.n_models} models")
    typer.echo("  " + ", ".join(f"{len(rows)} {name}" for name, rows in store.splits.items()))
    if unassigned := store.meta.get("split", {}).get("unassigned"):
        typer.echo(f"  {unassigned} in no split: the file does not name them")
    for reason, count in report.dropped.items():
        typer.echo(f"  {count} dropped: {reason}")
    for remark in report.remarks[:20]:
        typer.echo(f"  {remark}")
    if len(report.remarks) > 20:
        typer.echo(f"  and {len(report.remarks) - 20} remarks more, in meta.json")
