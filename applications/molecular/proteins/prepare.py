"""Make a backbone data set: parallel, resumable, and the same whatever the number of workers."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, final

from typing_extensions import override

from applications.molecular.dataset_files import DatasetError
from applications.molecular.proteins.chains import BackboneChain
from applications.molecular.proteins.sources import AbstractBackboneItem
from applications.molecular.proteins.splits import AbstractBackboneSplit, Entry
from applications.molecular.proteins.store import STORE_FILES, BackboneStore, write_store
from applications.molecular.proteins.structure_files import Reading, ReadOptions
from applications.molecular.proteins.structure_parsing import StructureFileError
from applications.molecular.versions import versions
from applications.workers import AbstractWork, AbstractWorkers, WorkerLost

SHARD_SIZE: Final = 100
"""Files per unit of work that survives an interruption."""

UNREADABLE: Final = "files that cannot be read"
SAME_NAME: Final = "a name that an earlier chain has"
LOST: Final = "files whose reading ended the process"


@final
class BackbonePrepareError(ValueError):
    """Preparation cannot start or continue; the message names the remedy."""


@final
@dataclass(frozen=True)
class Drop:
    """A chain or a file without an entry.

    Attributes:
        name: of the chain or the file.
        reason: one of few, in words.
        detail: what else is known, for instance the error of a file.
    """

    name: str
    reason: str
    detail: str = ""


@final
@dataclass(frozen=True)
class BackboneReport:
    """What became of a source.

    Attributes:
        n_items: files, or other units that were read.
        n_entries: entries of the data set.
        n_models: models of all entries.
        dropped: number of chains and files by reason.
        remarks: what was left out of entries, in words.
    """

    n_items: int
    n_entries: int
    n_models: int
    dropped: dict[str, int]
    remarks: list[str]


def prepare(
    items: Sequence[AbstractBackboneItem],
    output: Path,
    *,
    split: AbstractBackboneSplit,
    options: ReadOptions | None = None,
    workers: AbstractWorkers | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> tuple[BackboneStore, BackboneReport]:
    """Read, check, divide and store the chains of a source.

    Finished shards are kept in `output/parts`; the same call after an interruption continues from there, and a call on
    a finished data set with the same source and options does nothing. What was dropped is listed in
    `output/dropped.csv`, one line each.

    Args:
        items: the source.
        output: folder of the data set.
        split: rule that divides it; explicit rows are stored.
        options: unit and limits.
        workers: who reads, this process by default; the result does not depend on it.
        advance: called with (files done, files in all).

    Returns:
        The store, and the account of what was dropped.

    Raises:
        BackbonePrepareError: the folder holds another data set, or nothing is left of the source.
        SplitError: the rule cannot divide it.
        UnitError: a file is in another unit of length.
        MissingExtraError: biotite is needed and not installed.
    """
    options = options or ReadOptions()
    made = _fingerprint(items, options)
    fingerprint = sha256((made + json.dumps(split.describe(), sort_keys=True)).encode()).hexdigest()
    if (output / "meta.json").exists():
        return _reopen(output, fingerprint)
    parts = output / "parts"
    _claim(parts, made)
    shards = {
        parts / f"{number:06d}": items[start : start + SHARD_SIZE]
        for number, start in enumerate(range(0, len(items), SHARD_SIZE))
    }
    _fill(shards, options, workers, advance)
    entries, drops, remarks = _gather(list(shards))
    if not entries:
        raise BackbonePrepareError(
            f"nothing is left of {len(items)} file(s): "
            + ("; ".join(f"{drop.name}: {drop.detail or drop.reason}" for drop in drops[:3]) or "no chains")
            + ". Change the limits, or name other files."
        )
    division = split.divide(entries)
    report = BackboneReport(
        n_items=len(items),
        n_entries=len(division.entries),
        n_models=sum(entry.chain.n_models for entry in division.entries),
        dropped=dict(Counter(drop.reason for drop in drops).most_common()),
        remarks=remarks,
    )
    _write_drops(output / "dropped.csv", drops)
    store = write_store(
        output,
        [entry.chain for entry in division.entries],
        splits=division.rows,
        origins=[entry.origin for entry in division.entries],
        meta={
            "source_fingerprint": fingerprint,
            "options": {**asdict(options), "unit": options.unit.name.lower()},
            "report": asdict(report),
            "split": {
                **split.describe(),
                "unassigned": len(division.entries) - sum(map(len, division.rows.values())),
            },
            "versions": versions(["biotite", "numpy"]),
        },
    )
    _clear(parts, list(shards))
    return store, report


@final
@dataclass(frozen=True)
class _ReadWork(AbstractWork[AbstractBackboneItem, Reading | Drop]):
    """Files in, chains or the reason out."""

    options: ReadOptions

    @override
    def open(self) -> Callable[[AbstractBackboneItem], Reading | Drop]:
        return partial(_outcome, options=self.options)


def _outcome(item: AbstractBackboneItem, *, options: ReadOptions) -> Reading | Drop:
    try:
        return item.read(options)
    except StructureFileError as error:
        return Drop(item.name, UNREADABLE, str(error))


def _fill(
    shards: dict[Path, Sequence[AbstractBackboneItem]],
    options: ReadOptions,
    workers: AbstractWorkers | None,
    advance: Callable[[int, int], None] | None,
) -> None:
    """Write the shards that are missing."""
    missing = {path: shard for path, shard in shards.items() if not (path / "meta.json").exists()}
    total = sum(map(len, shards.values()))
    done = total - sum(map(len, missing.values()))
    work, units = _ReadWork(options), chain.from_iterable(missing.values())
    found: Iterator[Reading | Drop | WorkerLost]
    found = iter(map(work.open(), units)) if workers is None else workers.map(work, units)
    for path, shard in missing.items():
        outcomes: list[Reading | Drop] = []
        for item, outcome in zip(shard, islice(found, len(shard)), strict=True):
            outcomes.append(Drop(item.name, LOST) if isinstance(outcome, WorkerLost) else outcome)
            done += 1
            if advance:
                advance(done, total)
        _write_part(path, shard, outcomes)


def _write_part(path: Path, shard: Sequence[AbstractBackboneItem], outcomes: Sequence[Reading | Drop]) -> None:
    kept: dict[str, tuple[BackboneChain, str]] = {}
    drops: list[Drop] = []
    remarks: list[str] = []
    for item, outcome in zip(shard, outcomes, strict=True):
        if isinstance(outcome, Drop):
            drops.append(outcome)
            continue
        drops += [Drop(skipped.name, skipped.reason.value, item.name) for skipped in outcome.skipped]
        remarks += outcome.remarks
        for found in outcome.chains:
            if found.name in kept:
                drops.append(Drop(found.name, SAME_NAME, item.name))
            else:
                kept[found.name] = found, item.name
    write_store(
        path,
        [found for found, _ in kept.values()],
        splits={},
        origins=[origin for _, origin in kept.values()],
        meta={"drops": [[drop.name, drop.reason, drop.detail] for drop in drops], "remarks": remarks},
    )


def _gather(parts: Sequence[Path]) -> tuple[list[Entry], list[Drop], list[str]]:
    entries: dict[str, Entry] = {}
    drops: list[Drop] = []
    remarks: list[str] = []
    for path in parts:
        try:
            part = BackboneStore.open(path)
            drops += [Drop(*map(str, drop)) for drop in part.meta["drops"]]
            remarks += part.meta["remarks"]
            for row, found in enumerate(part):
                if found.name in entries:
                    drops.append(Drop(found.name, SAME_NAME, part.origin(row)))
                else:
                    entries[found.name] = Entry(found, part.origin(row))
        except (DatasetError, KeyError, TypeError) as error:
            raise BackbonePrepareError(
                f"{path} is damaged ({error}). Remove that folder and run the same line again."
            ) from error
    return list(entries.values()), drops, remarks


def _fingerprint(items: Sequence[AbstractBackboneItem], options: ReadOptions) -> str:
    limits: dict[str, Any] = {**asdict(options), "unit": options.unit.name}
    return sha256(json.dumps([limits, [(item.name, item.stamp()) for item in items]]).encode()).hexdigest()


def _claim(parts: Path, fingerprint: str) -> None:
    mark = parts / "fingerprint"
    try:
        parts.mkdir(parents=True, exist_ok=True)
        # a run that finished no shard, for instance for a unit that was wrong, left nothing to lose
        if not mark.exists() or not any(parts.glob("*/meta.json")):
            mark.write_text(fingerprint)
        same = mark.read_text() == fingerprint
    except (OSError, UnicodeDecodeError) as error:
        raise BackbonePrepareError(f"cannot write {parts}: {error}. Choose another -o.") from error
    if not same:
        raise BackbonePrepareError(
            f"{parts} holds the beginning of another data set. Use the same source and options, or another -o."
        )


def _clear(parts: Path, shards: Sequence[Path]) -> None:
    (parts / "fingerprint").unlink()
    for folder in shards:
        for name in STORE_FILES:
            (folder / name).unlink()
    with suppress(OSError):
        # what somebody else put there stays
        for folder in (*shards, parts):
            folder.rmdir()


def _write_drops(path: Path, drops: Sequence[Drop]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["name", "reason", "detail"])
        writer.writerows([drop.name, drop.reason, drop.detail] for drop in drops)


def _reopen(output: Path, fingerprint: str) -> tuple[BackboneStore, BackboneReport]:
    store = BackboneStore.open(output)
    if store.meta.get("source_fingerprint") != fingerprint:
        raise BackbonePrepareError(f"{output} holds a data set of another source or other options. Choose another -o.")
    try:
        return store, BackboneReport(**store.meta["report"])
    except (KeyError, TypeError) as error:
        raise BackbonePrepareError(
            f"{output / 'meta.json'} has no account of what was dropped. Choose another -o."
        ) from error
