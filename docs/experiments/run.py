"""Run open cells of the experiments: `python docs/experiments/run.py flexible --minutes 60`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from cells import Ledger, MissingDataError, one_thread, run_cells

HERE = Path(__file__).resolve().parent
WORK = HERE.parents[1] / "build" / "experiments"


def main(
    name: Annotated[str, typer.Argument(help="flexible, transfer, backbones or optima.")],
    *,
    minutes: Annotated[float | None, typer.Option(help="Begin no cell after so many.")] = None,
    part: Annotated[
        str, typer.Option(help="K/N: only every N-th cell from K on, to share them among processes.")
    ] = "0/1",
    work: Annotated[Path, typer.Option(help="Folder of data and of runs that can be resumed.")] = WORK,
) -> None:
    """Finished cells are lines of NAME.jsonl beside this script; only the others are run, the most valuable first."""
    one_thread()
    first, step = map(int, part.split("/"))
    cells, ledger = import_module(name).cells()[first::step], Ledger(HERE / f"{name}.jsonl")
    try:
        left = run_cells(cells, ledger, work, minutes=minutes)
    except MissingDataError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{left} cells are open")


if __name__ == "__main__":
    typer.run(main)
