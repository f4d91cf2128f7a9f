"""The `quotient` command. Nothing heavy is imported before a command needs it.

Exit codes: 0 all done; 1 nothing done, bad input, or failures under --strict; 2 wrong usage; 3 some items
failed.
"""

from __future__ import annotations

import typer

from applications._cli_derive import derive
from applications._cli_doctor import doctor
from applications._cli_generate import demo
from applications._cli_molecules import molecules
from applications._cli_proteins import proteins
from applications._cli_verify import verify
from applications._cli_view import view

app = typer.Typer(
    name="quotient",
    no_args_is_help=True,
    add_completion=False,
    help="Diffusion models on quotient spaces.",
    pretty_exceptions_enable=False,
)
app.add_typer(molecules, name="molecules")
app.add_typer(proteins, name="proteins")
app.command()(demo)
app.command()(verify)
app.command()(derive)
app.command()(view)
app.command()(doctor)


def main() -> None:
    """Entry point of the `quotient` script."""
    app()


if __name__ == "__main__":
    main()
