"""`quotient derive`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from applications._cli_shared import expected_errors

if TYPE_CHECKING:
    from quotient.symbolic import Derivation, ProcessGenerator, SymbolicAction


def derive(
    target: Annotated[
        str,
        typer.Argument(
            help="module:object, a SymbolicAction or a function that returns one; current folder first. "
            "Or the name of an example, such as plane_rotations."
        ),
    ],
    *,
    latex: Annotated[bool, typer.Option("--latex", help="Print LaTeX (amsmath) instead of text.")] = False,
) -> None:
    """Projectors, orbit volume, mean curvature and quotient generators of a group action, as formulas."""
    with expected_errors():
        from quotient.symbolic import derive as run

        action = _look_up(target)
        derivation = run(action)
        results: list[Derivation | ProcessGenerator] = [derivation]
        if action.invariants:
            results.append(derivation.generator(action.invariants, section=action.section))
        typer.echo("\n".join(result.latex() if latex else str(result) for result in results))


def _look_up(target: str) -> SymbolicAction:
    from quotient.symbolic import SymbolicAction, SymbolicError, examples

    module_name, colon, name = target.partition(":")
    if not colon:
        module_name, name = examples.__name__, target
    if not module_name or not name:
        raise SymbolicError(f"got {target!r}, expected module:object, such as my_action:rotations")
    found = _import(module_name)
    for part in name.split("."):
        if not hasattr(found, part):
            known = "" if colon else f": neither module:object nor one of {', '.join(_names_of_examples())}"
            raise SymbolicError(f"{module_name} has no {part!r}{known}")
        found = getattr(found, part)
    if callable(found):
        try:
            found = found()
        except TypeError as error:
            raise SymbolicError(f"{target} cannot be called without arguments: {error}") from error
    if not isinstance(found, SymbolicAction):
        raise SymbolicError(f"{target} is a {type(found).__name__}, expected a quotient.symbolic.SymbolicAction")
    return found


def _names_of_examples() -> list[str]:
    from quotient.symbolic import examples

    return [
        name
        for name, value in vars(examples).items()
        if callable(value) and getattr(value, "__module__", "") == examples.__name__
    ]


def _import(name: str) -> object:
    with _current_folder_first():
        try:
            return importlib.import_module(name)
        except (ValueError, OSError):
            raise
        except Exception as error:
            raise ValueError(f"{name} cannot be imported: {type(error).__name__}: {error}") from error


@contextmanager
def _current_folder_first() -> Iterator[None]:
    folder = str(Path.cwd())
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)
