"""What every command shares: one dry line for an expected error, and a progress bar on stderr."""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from applications.molecular.resumable_files import Progress


class Device(StrEnum):
    """Where a network runs."""

    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"

    def resolve(self) -> str:
        """Name for torch; `auto` is the first GPU if there is one.

        Raises:
            ValueError: a GPU was asked for and there is none.
        """
        import torch

        if self is Device.cpu:
            return "cpu"
        if torch.cuda.is_available():
            return "cuda"
        if self is Device.cuda:
            raise ValueError("got --device cuda, but torch finds no GPU. Use --device cpu.")
        return "cpu"


def finite(value: float | list[float] | None) -> float | list[float] | None:
    """Callback of options: refuse nan and inf, which pass every comparison with a bound or none."""
    for number in value if isinstance(value, list) else [value]:
        if number is not None and not math.isfinite(number):
            raise typer.BadParameter(f"got {number}, expected a finite number")
    return value


def set_up_torch(threads: int | None) -> None:
    """For a command that runs a network: limit torch's threads, if a number is given, and keep its freed memory."""
    from applications.freed_memory import keep_freed_memory

    keep_freed_memory()
    if threads is not None:
        import torch

        torch.set_num_threads(threads)


@contextmanager
def expected_errors() -> Iterator[None]:
    """Turn errors that a user can mend into one line on stderr and exit code 1.

    Ours are `ValueError`s with a remedy in their message; those of the file system name the file.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        message = " ".join(str(error).split())
        typer.echo(f"error: {message}", err=True)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        typer.echo("interrupted: run the same line again to continue", err=True)
        raise typer.Exit(130) from None


def end_generation(progress: Progress, *, strict: bool) -> None:
    """Leave with 1 if nothing was made, or anything failed under --strict, and with 3 if something failed.

    Raises:
        typer.Exit: in these cases.
    """
    if not progress.made or (strict and progress.failed):
        raise typer.Exit(1)
    if progress.failed:
        raise typer.Exit(3)


def command_line(context: typer.Context) -> str:
    """The command as it was given: its path, its arguments, and the options that are not defaults."""
    words = context.command_path.split()
    words[0] = "quotient"
    for parameter in context.command.params:
        value = context.params.get(parameter.name or "")
        if value is None or value == parameter.get_default(context):
            continue
        values = value if isinstance(value, list | tuple) else [value]
        for item in values:
            plain = str(item.value) if isinstance(item, StrEnum) else str(item)
            is_option = parameter.param_type_name == "option"
            if isinstance(item, bool):
                words.append(parameter.opts[0])
            else:
                words += [parameter.opts[0], plain] if is_option else [plain]
    return shlex.join(words)


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, or a line for every tenth if that is no terminal; yields a function (done, total)."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _tenths(what)
        return
    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _tenths(what: str) -> Callable[[int, int], None]:
    shown = -1

    def advance(done: int, total: int) -> None:
        nonlocal shown
        tenth = 10 * done // max(total, 1)
        if tenth > shown:
            shown = tenth
            typer.echo(f"{what}: {done}/{total}", err=True)

    return advance
