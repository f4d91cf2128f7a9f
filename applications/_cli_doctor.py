"""`quotient doctor`."""

from __future__ import annotations

import typer


def doctor() -> None:
    """Show versions and devices, check the model in the package, and make a conformer. Takes seconds.

    Exit codes: 0 all is well, 1 something is not.
    """
    from applications.doctor import examine

    sick = 0
    for finding in examine():
        typer.echo(f"{'ok ' if finding.ok else 'BAD'}  {finding.name:20s} {finding.detail}")
        sick += not finding.ok
    if sick:
        found = "1 problem" if sick == 1 else f"{sick} problems"
        typer.echo(f"{found}: `pip install -c constraints.txt quotient-diffusion` installs a set that works")
        raise typer.Exit(1)
