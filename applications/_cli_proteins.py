"""`quotient proteins ...`: options are read here, work is done in `applications.molecular.proteins`."""

from __future__ import annotations

import typer

from applications import _cli_proteins_evaluate, _cli_proteins_prepare

proteins = typer.Typer(no_args_is_help=True, help="Backbones of proteins.")


@proteins.callback()
def _group() -> None:
    """Backbones of proteins: prepare data, train, generate, evaluate."""


proteins.command()(_cli_proteins_prepare.prepare)
proteins.command()(_cli_proteins_evaluate.evaluate)
