"""The `quotient` command. Nothing heavy is imported before a command needs it.

Exit codes: 0 all done; 1 nothing done, bad input, or failures under --strict; 2 wrong usage; 3 some items
failed.
"""

from __future__ import annotations

import os

import typer

from applications._cli_derive import derive
from applications._cli_doctor import doctor
from applications._cli_generate import demo
from applications._cli_molecules import molecules
from applications._cli_proteins import proteins
from applications._cli_verify import verify
from applications._cli_view import view

_STORY = "\n\n".join(
    (
        "Diffusion models on quotient spaces: molecules, proteins, symmetries of your own.",
        "A first look: quotient demo",
        'Conformers: quotient molecules generate "CCO" -n 5 -o ethanol.sdf',
        "Look at them: quotient view ethanol.sdf --html",
        "Backbones: quotient proteins generate --lengths 48,64 -n 8 -o made",
        "A symmetry of your own, MODULE.py with its action: quotient verify MODULE:OBJECT",
        "When something is wrong: quotient doctor",
    )
)

app = typer.Typer(
    name="quotient",
    no_args_is_help=True,
    help=_STORY,
    epilog="quotient COMMAND --help says more. quotient --install-completion completes commands by the tab key.",
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
    # Threads that spin while they wait cost ten times the work itself as soon as something else wants a core.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    app()


if __name__ == "__main__":
    main()
