"""Errors planted by hand: what one is, and its trial."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.trial import Verdict, run

# CPU seconds for the test of one error.
_CAP = 60.0


@dataclass(frozen=True)
class Planted:
    """One error: what it is, where, the text it replaces (found once in the file) and the test that must fail.

    ``test`` is the id of a test, with or without its parameters.
    """

    slip: str
    path: str
    original: str
    replacement: str
    test: str


def planted_text(root: Path, error: Planted) -> str:
    """The text of the file with the error in it.

    Raises:
        ValueError: when the original is not found exactly once.
    """
    source = (root / error.path).read_text()
    if source.count(error.original) != 1:
        raise ValueError(
            f"{error.path} holds {error.original!r} {source.count(error.original)} times, expected once: "
            f"write the planted error {error.slip!r} anew"
        )
    return source.replace(error.original, error.replacement)


def try_planted(root: Path, error: Planted) -> tuple[Verdict, Verdict]:
    """What becomes of the test without and with the error."""
    file = root / error.path
    sound = run(root, file, file.read_text(), [error.test], {}, _CAP)
    return sound, run(root, file, planted_text(root, error), [error.test], {}, _CAP)


def run_all(root: Path, errors: Sequence[Planted]) -> int:
    """Run every planted error, print a line each; the number of those that were missed."""
    missed = 0
    for error in errors:
        sound, wrong = try_planted(root, error)
        caught = sound.outcome == "survived" and wrong.outcome == "killed"
        missed += not caught
        sys.stdout.write(f"{'caught' if caught else 'MISSED':7} {error.slip:40} {error.path:40} {error.test}\n")
    sys.stdout.write(f"{len(errors) - missed} of {len(errors)} caught\n")
    return missed
