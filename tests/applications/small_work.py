"""Work for tests of workers: numbers and molecules, some of which end the process that works on them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import final

from typing_extensions import override

from applications.molecular.chemistry import Refusal
from applications.molecular.ensembles import Ensemble, EnsembleOptions, reference_ensemble
from applications.molecular.records import RunLabel, WindowRecords, window_records
from applications.molecular.requests import Request
from applications.molecular.results import refused_rows
from applications.molecular.sources import SourceItem
from applications.workers import AbstractWork

DEADLY = "deadly"
"""Ends the process that works on it."""


@final
@dataclass(frozen=True)
class Squares(AbstractWork[int, int]):
    """Squares of numbers, with a file for each time a process begins and each time a number is tried.

    Attributes:
        log: folder of these files.
        deadly: numbers that end their process, the first `lives` times they are tried.
        lives: more than anything is retried: always.
        seconds: that one number takes.
    """

    log: Path
    deadly: tuple[int, ...] = ()
    lives: int = 1000
    seconds: float = 0.0

    @override
    def open(self) -> Callable[[int], int]:
        (self.log / f"open-{os.getpid()}-{time.time_ns()}").touch()
        return partial(_square, self)

    def tries(self, number: int) -> int:
        """How often a number was begun."""
        return len(list(self.log.glob(f"try-{number}-*")))

    def opened(self) -> list[int]:
        """Processes that began, once for each time."""
        return sorted(int(path.name.split("-")[1]) for path in self.log.glob("open-*"))


def _square(work: Squares, number: int) -> int:
    (work.log / f"try-{number}-{time.time_ns()}").touch()
    time.sleep(work.seconds)
    if number < 0:
        raise ValueError(f"got {number}, expected none below zero")
    if number in work.deadly and work.tries(number) <= work.lives:
        os.kill(os.getpid(), signal.SIGKILL)
    return number**2


@final
@dataclass(frozen=True)
class AllRefused(AbstractWork[tuple[Request, ...], WindowRecords]):
    """One row for each request, quickly."""

    @override
    def open(self) -> Callable[[tuple[Request, ...]], WindowRecords]:
        return _refused


def _refused(requests: tuple[Request, ...]) -> WindowRecords:
    rows = []
    for request in requests:
        if request.given == DEADLY:
            os.kill(os.getpid(), signal.SIGKILL)
        shared = {"name": request.name, "given": request.given, "smiles": ""}
        rows += refused_rows(**shared, refusal=Refusal.UNPARSABLE, reason="no reason", n=1)
    return window_records(rows, label=RunLabel("none", 1, "ode"), sampling_seconds=0.0)


@final
@dataclass(frozen=True)
class DeadlyMolecule(SourceItem):
    """A molecule; the one named so ends its process."""

    method = "a test"

    @override
    def ensemble(self, options: EnsembleOptions) -> Ensemble:
        if self.source_id == DEADLY:
            os.kill(os.getpid(), signal.SIGKILL)
        return reference_ensemble(self.smiles, options)
