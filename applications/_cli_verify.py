"""`quotient verify`: try to refute the laws of one's own quotient or action."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from applications._cli_shared import expected_errors

if TYPE_CHECKING:
    from groups.claims import Report


def _usage(message: str) -> typer.Exit:
    typer.echo(f"error: {' '.join(message.split())}", err=True)
    return typer.Exit(2)


def _load(target: str) -> Any:
    """The object that `module:object` names, the current folder searched first; a class is called without arguments."""
    module_name, colon, path = target.partition(":")
    if not (colon and module_name and path):
        raise _usage(f"got {target!r}, expected module:object, such as my_group:quotient")
    folder = ""
    sys.path.insert(0, folder)
    try:
        found: Any = importlib.import_module(module_name)
    except ImportError as error:
        raise _usage(f"cannot import {module_name!r}: {error}. Run from the folder that holds it") from error
    except Exception as error:
        raise _usage(f"{module_name!r} raises at import: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(folder)
    for name in path.split("."):
        if not hasattr(found, name):
            raise _usage(f"{module_name!r} has no {path!r}: name a quotient or an action that the module defines")
        found = getattr(found, name)
    if isinstance(found, type):
        try:
            return found()
        except TypeError as error:
            raise _usage(f"{target} is a class that needs arguments ({error}): name an object of it") from error
    return found


def _try(target: str, space: str | None, seed: int, n: int) -> Report:
    from groups import GroupAction
    from groups.check import check_action
    from quotient import GroupQuotient, RiemannianSubmersion, TotalSpace
    from quotient.verification import verify as verify_quotient

    found = _load(target)
    if isinstance(found, RiemannianSubmersion):
        if space is not None:
            raise _usage(f"{target} is a quotient and has its space: leave out --space")
        return verify_quotient(found, seed=seed, n=n)
    if not isinstance(found, GroupAction):
        raise _usage(f"{target} is a {type(found).__name__}, expected a quotient or a group action")
    if space is None:
        raise _usage(f"{target} is an action: name the space it acts on with --space module:object")
    total = _load(space)
    if not isinstance(total, TotalSpace):
        raise _usage(f"{space} is a {type(total).__name__}, expected a total space such as Euclidean(3)")
    report = check_action(found, total, seed=seed, n=n)
    # the laws of the quotient suppose an isometric action, and say nothing of another one
    return verify_quotient(GroupQuotient(total, found), seed=seed, n=n) if report.ok and found.isometric else report


def verify(
    target: Annotated[str, typer.Argument(help="module:object, a quotient, or an action together with --space.")],
    *,
    space: Annotated[
        str | None, typer.Option(help="module:object, the total space that an action is claimed to act on.")
    ] = None,
    seed: Annotated[int, typer.Option(help="First seed of the points and group elements tried.")] = 0,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds are tried, one after the other.")] = 1,
    n: Annotated[int, typer.Option("-n", min=1, help="Points of each kind: generic, tiny, huge, singular ...")] = 4,
) -> None:
    """Try to refute every law and claim of a quotient or an action; exit 1 with a witness if one is refuted.

    The module is looked up in the current folder first.
    """
    with expected_errors():
        for number in range(seed, seed + seeds):
            report = _try(target, space, number, n)
            if number == seed or not report.ok:
                typer.echo(str(report))
            if not report.ok:
                raise typer.Exit(1)
        if seeds > 1:
            typer.echo(f"the same for seeds {seed} to {seed + seeds - 1}")
