"""A whole generation: windows of requests, here or over many processes, streamed in order to the files.

The unit of work is a window: as many requests as make `GenerationSettings.window` conformers. Windows are the same
whoever carries them out, and so are the batches within them: the files do not depend on the number of processes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from applications.molecular.chemistry import Refusal
from applications.molecular.generate import AbstractConformerSampler, generate_window
from applications.molecular.output import OutputFiles
from applications.molecular.records import RunLabel, WindowRecords, joined, window_records
from applications.molecular.requests import Request
from applications.molecular.results import refused_rows
from applications.molecular.settings import GenerationSettings
from applications.workers import AbstractWork, AbstractWorkers, WorkerLost


def generate(
    requests: Sequence[Request],
    sampler: AbstractConformerSampler,
    settings: GenerationSettings,
    output: OutputFiles,
    *,
    advance: Callable[[int, int], None] | None = None,
) -> None:
    """Generate everything requested in this process and write it; windows already in `output` are skipped.

    Args:
        requests: molecules that can be served and others alike.
        sampler: the model.
        settings: how many, seeds, gates.
        output: where results go.
        advance: called with (rows done, rows in all).
    """
    total = len(requests) * settings.n_conformers

    def records() -> Iterator[WindowRecords]:
        before = _n_done(requests, settings, output) * settings.n_conformers
        for window in _open_windows(requests, settings, output):
            decided = None if advance is None else partial(_advance_within, advance, before, total)
            conformers, seconds = generate_window(window, sampler, settings, decided=decided)
            yield window_records(conformers, label=output.label, sampling_seconds=seconds)
            before += len(conformers)

    _write(records(), requests, settings, output, advance)


def generate_on(
    workers: AbstractWorkers,
    work: AbstractWork[tuple[Request, ...], WindowRecords],
    requests: Sequence[Request],
    settings: GenerationSettings,
    output: OutputFiles,
    *,
    advance: Callable[[int, int], None] | None = None,
) -> None:
    """The same on many processes.

    A window whose processes end again and again is tried molecule by molecule; those at fault become rows with a
    reason.

    Args:
        workers: the processes.
        work: what they do.
        requests: molecules that can be served and others alike.
        settings: those of `work`.
        output: where results go.
        advance: called with (rows written, rows in all).
    """
    windows = _open_windows(requests, settings, output)
    kept = (
        _one_by_one(workers, work, window, settings, output.label) if isinstance(records, WorkerLost) else records
        for window, records in zip(windows, workers.map(work, windows), strict=True)
    )
    _write(kept, requests, settings, output, advance)


def _one_by_one(
    workers: AbstractWorkers,
    work: AbstractWork[tuple[Request, ...], WindowRecords],
    window: Sequence[Request],
    settings: GenerationSettings,
    label: RunLabel,
) -> WindowRecords:
    found = workers.map(work, [(request,) for request in window])
    return joined(
        [
            _lost(request, settings, label) if isinstance(records, WorkerLost) else records
            for request, records in zip(window, found, strict=True)
        ]
    )


def _lost(request: Request, settings: GenerationSettings, label: RunLabel) -> WindowRecords:
    refusal = Refusal.WORKER_LOST
    rows = refused_rows(
        name=request.name,
        given=request.given,
        smiles="",
        refusal=refusal,
        reason=refusal.value,
        n=settings.n_conformers,
    )
    return window_records(list(rows), label=label, sampling_seconds=0.0)


def _per_window(settings: GenerationSettings) -> int:
    return max(1, settings.window // settings.n_conformers)


def _n_done(requests: Sequence[Request], settings: GenerationSettings, output: OutputFiles) -> int:
    """Requests whose rows are in the files."""
    return min(len(requests), output.progress.windows * _per_window(settings))


def _open_windows(
    requests: Sequence[Request], settings: GenerationSettings, output: OutputFiles
) -> list[tuple[Request, ...]]:
    """Windows that are not in the files yet."""
    size = _per_window(settings)
    starts = range(_n_done(requests, settings, output), len(requests), size)
    return [tuple(requests[start : start + size]) for start in starts]


def _write(
    windows: Iterable[WindowRecords],
    requests: Sequence[Request],
    settings: GenerationSettings,
    output: OutputFiles,
    advance: Callable[[int, int], None] | None,
) -> None:
    total = len(requests) * settings.n_conformers
    _report(advance, _n_done(requests, settings, output) * settings.n_conformers, total)
    begin = time.monotonic()
    for records in windows:
        now = time.monotonic()
        output.append(records, total_seconds=now - begin)
        begin = now
        _report(advance, _n_done(requests, settings, output) * settings.n_conformers, total)
    output.finish()


def _report(advance: Callable[[int, int], None] | None, done: int, total: int) -> None:
    if advance:
        advance(done, total)


def _advance_within(advance: Callable[[int, int], None], before: int, total: int, decided: int) -> None:
    advance(before + decided, total)
