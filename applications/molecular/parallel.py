"""A function over many items in one process or several, results in order."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ordered_map(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int = 1,
    advance: Callable[[int, int], None] | None = None,
) -> list[Result]:
    """Results of `function` in the order of `items`.

    Args:
        function: can be pickled if `workers` is more than one.
        items: its arguments.
        workers: processes; one runs everything here.
        advance: called with (items done, items in all) after each.
    """
    results: list[Result] = []
    if workers == 1:
        for result in map(function, items):
            results.append(result)
            if advance:
                advance(len(results), len(items))
        return results
    with ProcessPoolExecutor(max_workers=workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        for result in pool.map(function, items):
            results.append(result)
            if advance:
                advance(len(results), len(items))
    return results


def chunked_map(
    function: Callable[[Sequence[Item]], Sequence[Result]],
    items: Sequence[Item],
    *,
    chunk: int,
    workers: int = 1,
    advance: Callable[[int, int], None] | None = None,
) -> list[Result]:
    """Results of a function of several items at once, in their order.

    Args:
        function: one result for each item that it gets; can be pickled if `workers` is more than one.
        items: its arguments.
        chunk: items at once.
        workers: processes; one runs everything here.
        advance: called with (items done, items in all) after each chunk.
    """
    chunks = [items[start : start + chunk] for start in range(0, len(items), chunk)]

    def report(done: int, _: int) -> None:
        if advance:
            advance(min(done * chunk, len(items)), len(items))

    return [result for part in ordered_map(function, chunks, workers=workers, advance=report) for result in part]
