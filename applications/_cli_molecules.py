"""`quotient molecules ...`: options are read here, work is done in `applications.molecular`."""

from __future__ import annotations

import typer

from applications import _cli_evaluate, _cli_generate, _cli_prepare, _cli_train

molecules = typer.Typer(no_args_is_help=True, help="Conformers of small molecules.")


@molecules.callback()
def _group() -> None:
    """Conformers of small molecules: prepare data, train, generate, evaluate."""


molecules.command()(_cli_prepare.prepare)
molecules.command()(_cli_train.train)
molecules.command()(_cli_generate.generate)
molecules.command()(_cli_evaluate.evaluate)
