"""Processes that carry out units of work: results in the order of the units, processes that die survived."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from multiprocessing import connection
from typing import Any, Final, Generic, Self, TypeVar, final

from typing_extensions import override

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD: Final = 4
"""Units handed out for each process: enough that none waits for another, few enough that memory is bounded."""
ATTEMPTS_ALONE: Final = 2
"""How often a unit under suspicion of ending its process is tried with nothing beside it."""


class AbstractWork(ABC, Generic[Item, Result]):
    """Work that can be sent to another process: a hashable value that can be pickled."""

    @abstractmethod
    def open(self) -> Callable[[Item], Result]:
        """What carries out one unit. Called once in each process, so that models are loaded once."""


@final
@dataclass(frozen=True)
class WorkerLost:
    """Takes the place of a result: every process that worked on this unit ended, the last ones on it alone."""


class AbstractWorkers(ABC):
    """Processes, here or on other hosts. A context manager: leaving it ends what it started."""

    @abstractmethod
    def map(self, work: AbstractWork[Item, Result], items: Iterable[Item]) -> Iterator[Result | WorkerLost]:
        """Carry out units of work.

        A unit whose process ends (killed, out of memory, crashed) is given to others a bounded number of times.

        Args:
            work: what they do, opened once in each process.
            items: one for each unit; taken as they are needed.

        Returns:
            Results in the order of the items. What `work` raises is raised here.
        """

    @abstractmethod
    def close(self) -> None:
        """End what was started, without waiting for units under way."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass
class _Unit(Generic[Item, Result]):
    """An item on its way; without a future it is to be handed out (again)."""

    item: Item
    future: Future[Result] | None = None


@final
class ProcessWorkers(AbstractWorkers):
    """Processes on this machine.

    Args:
        n: how many.
    """

    def __init__(self, n: int) -> None:
        self._n = n
        self._pools: list[ProcessPoolExecutor] = []

    @override
    def map(self, work: AbstractWork[Item, Result], items: Iterable[Item]) -> Iterator[Result | WorkerLost]:
        remaining = iter(items)
        pending: deque[_Unit[Item, Result]] = deque()
        pool = self._fresh(self._n)
        while True:
            pending.extend(_Unit(item) for item in islice(remaining, AHEAD * self._n - len(pending)))
            if not pending:
                self._end(pool)
                return
            try:
                for unit in pending:
                    unit.future = unit.future or pool.submit(carry_out, work, unit.item)
                first = pending[0].future
                assert first is not None
                result: Result | WorkerLost = first.result()
            except BrokenProcessPool:
                self._end(pool)
                # The pool does not say which unit ended it: the first is tried alone, so each gets its turn.
                result = self._alone(work, pending[0].item)
                for unit in pending:
                    unit.future = unit.future if _has_result(unit.future) else None
                pool = self._fresh(self._n)
            pending.popleft()
            yield result

    @override
    def close(self) -> None:
        for pool in list(self._pools):
            self._end(pool)

    def _alone(self, work: AbstractWork[Item, Result], item: Item) -> Result | WorkerLost:
        for _ in range(ATTEMPTS_ALONE):
            pool = self._fresh(1)
            try:
                return pool.submit(carry_out, work, item).result()
            except BrokenProcessPool:
                continue
            finally:
                self._end(pool)
        return WorkerLost()

    def _fresh(self, n: int) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(max_workers=n, mp_context=context, initializer=_behave)
        self._pools.append(pool)
        return pool

    def _end(self, pool: ProcessPoolExecutor) -> None:
        pool.shutdown(wait=False, cancel_futures=True)
        self._pools.remove(pool)


def carry_out(work: AbstractWork[Item, Result], item: Item) -> Result:
    """One unit, in the process that does it."""
    return _opened(work)(item)


@lru_cache(maxsize=1)
def _opened(work: AbstractWork[Any, Any]) -> Callable[[Any], Any]:
    return work.open()


def _has_result(future: Future[Any] | None) -> bool:
    return future is not None and future.done() and not future.cancelled() and future.exception() is None


def _behave() -> None:
    """An interrupt ends a worker without a word, and no worker outlives the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
