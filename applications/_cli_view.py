"""`quotient view`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from applications._cli_shared import expected_errors


def view(
    file: Annotated[Path, typer.Argument(help="SDF of conformers, or PDB: its models are a trajectory.")],
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Picture or page; default: beside the file.")
    ] = None,
    html: Annotated[bool, typer.Option("--html", help="A page that turns structures, instead of a picture.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Show at most this many structures.")] = 60,
) -> None:
    """Draw the structures of a file: a PNG, or a page that opens without a network."""
    with expected_errors():
        from applications.molecular.viewing import ViewError, draw_structures, read_structures, write_page

        structures = read_structures(file)
        target = output or file.with_suffix(".html" if html else ".png")
        if target.suffix.lower() not in (".png", ".html"):
            raise ViewError(f"got -o {target}, expected a name that ends in .png or .html")
        shown = structures[:limit]
        if html or target.suffix.lower() == ".html":
            write_page(shown, target, title=file.name)
        else:
            draw_structures(shown, target)
    # a name of a file may hold bytes that are no text
    typer.echo(typer.format_filename(target))
    if len(structures) > limit:
        typer.echo(f"showing {limit} of {len(structures)} structures: raise --limit for more", err=True)
