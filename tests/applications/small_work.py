"""Work for tests of workers: numbers, some of which end the process that works on them."""

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

from applications.workers import AbstractWork


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
