"""Make a conformer data set: parallel, resumable, and the same whatever the number of workers."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict, dataclass, fields
from functools import partial
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import final

import numpy as np
import rdkit
from typing_extensions import override

from applications.molecular.chemistry import MoleculeRefused, Refusal, parse_smiles
from applications.molecular.dataset import ConformerRecord, ConformerStore, write_dataset
from applications.molecular.ensembles import Ensemble, EnsembleOptions
from applications.molecular.sources import SourceItem
from applications.molecular.splits import AbstractSplitRule, RandomSplit, divide
from applications.workers import AbstractWork, AbstractWorkers, ProcessWorkers, WorkerLost

SHARD_SIZE = 100
"""Molecules per unit of work that survives an interruption."""


@final
class PrepareError(ValueError):
    """Preparation cannot start or continue; the message names the remedy."""


@final
@dataclass(frozen=True)
class PrepareReport:
    """What became of the molecules of a source.

    Attributes:
        n_source: molecules given.
        n_duplicates: of them, repeats of an earlier one.
        n_kept: molecules in the data set.
        n_conformers: conformers in the data set.
        n_conformers_dropped: conformers of kept molecules that did not converge or lost their
            stereochemistry.
        dropped: number of molecules by name of `Refusal`.
    """

    n_source: int
    n_duplicates: int
    n_kept: int
    n_conformers: int
    n_conformers_dropped: int
    dropped: dict[str, int]


def prepare(
    molecules: Iterable[SourceItem],
    output: Path,
    *,
    options: EnsembleOptions | None = None,
    split: AbstractSplitRule | None = None,
    workers: AbstractWorkers | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> tuple[ConformerStore, PrepareReport]:
    """Make or read, check and store the conformers of every molecule.

    Finished shards are kept in `output/parts`; the same call after an interruption continues from there, and
    a call on a finished data set with the same molecules and options does nothing.

    Args:
        molecules: the source.
        output: folder of the data set.
        options: how ensembles are made.
        split: rule that divides them, `RandomSplit` by default; explicit rows are stored.
        workers: who does it, one process on this machine by default; the result does not depend on it.
        advance: called with (molecules done, molecules in all).

    Returns:
        The store, and the account of what was dropped.

    Raises:
        PrepareError: the folder holds another data set.
        SplitError: the rule puts no molecule anywhere.
    """
    options, split = options or EnsembleOptions(), split or RandomSplit()
    source = list(molecules)
    unique = _unique(source)
    made = _fingerprint(unique, options)
    # the default rule adds nothing: data sets from before there was a choice keep their fingerprint
    fingerprint = sha256((made + split.stamp()).encode()).hexdigest() if split.stamp() else made
    if (output / "meta.json").exists():
        return _reopen(output, fingerprint)
    parts = output / "parts"
    _claim(parts, made)
    shards = {
        parts / f"{number:06d}.npz": unique[start : start + SHARD_SIZE]
        for number, start in enumerate(range(0, len(unique), SHARD_SIZE))
    }
    with ProcessWorkers(1) if workers is None else nullcontext(workers) as active:
        _fill(shards, active, options, advance)
    report, records = _gather(list(shards), n_source=len(source), n_unique=len(unique))
    rows = divide(records, split)
    unassigned = len(records) - sum(map(len, rows.values()))
    meta = {
        "source_fingerprint": fingerprint,
        "options": asdict(options),
        "report": asdict(report),
        "split": {**split.describe(), "unassigned": unassigned},
        "method": ", ".join(sorted({molecule.method for molecule in unique})),
        "rdkit": rdkit.__version__,
        "numpy": np.__version__,
    }
    store = write_dataset(output, records, meta=meta, splits=rows)
    for path in shards:
        path.unlink()
    (parts / "fingerprint").unlink()
    with suppress(OSError):
        # what somebody else put there stays
        parts.rmdir()
    return store, report


def _unique(source: Sequence[SourceItem]) -> list[SourceItem]:
    """First occurrence of every canonical SMILES; what cannot be parsed stays, to be counted by reason."""
    seen: dict[str, SourceItem] = {}
    for molecule in source:
        try:
            key = parse_smiles(molecule.smiles).smiles
        except MoleculeRefused:
            key = molecule.smiles
        seen.setdefault(key, molecule)
    return list(seen.values())


@final
@dataclass(frozen=True)
class _EnsembleWork(AbstractWork[SourceItem, Ensemble | Refusal]):
    """Molecules in, ensembles or reasons out."""

    options: EnsembleOptions

    @override
    def open(self) -> Callable[[SourceItem], Ensemble | Refusal]:
        return partial(_outcome, options=self.options)


def _outcome(molecule: SourceItem, *, options: EnsembleOptions) -> Ensemble | Refusal:
    try:
        return molecule.ensemble(options)
    except MoleculeRefused as refused:
        return refused.refusal
    except (ValueError, RuntimeError):
        # One molecule that RDKit stumbles over must not stop the thousands of others.
        return Refusal.TOOLKIT_ERROR


def _fill(
    shards: Mapping[Path, Sequence[SourceItem]],
    workers: AbstractWorkers,
    options: EnsembleOptions,
    advance: Callable[[int, int], None] | None,
) -> None:
    """Write the shards that are missing. Molecules flow across their borders: nobody waits at the end of one."""
    total = sum(len(shard) for shard in shards.values())
    missing = {path: shard for path, shard in shards.items() if not path.exists()}
    done = total - sum(len(shard) for shard in missing.values())
    if advance:
        advance(done, total)
    found = workers.map(_EnsembleWork(options), chain.from_iterable(missing.values()))
    for path, shard in missing.items():
        outcomes = []
        for outcome in islice(found, len(shard)):
            outcomes.append(Refusal.WORKER_LOST if isinstance(outcome, WorkerLost) else outcome)
            done += 1
            if advance:
                advance(done, total)
        _write_part(path, shard, outcomes)


def _fingerprint(molecules: Sequence[SourceItem], options: EnsembleOptions) -> str:
    text = json.dumps([asdict(options), [(m.source_id, m.smiles, m.stamp) for m in molecules]])
    return sha256(text.encode()).hexdigest()


def _claim(parts: Path, fingerprint: str) -> None:
    try:
        parts.mkdir(parents=True, exist_ok=True)
        mark = parts / "fingerprint"
        if not mark.exists():
            mark.write_text(fingerprint)
    except OSError as error:
        raise PrepareError(f"cannot write {parts}: {error}. Choose another -o.") from error
    if mark.read_bytes() != fingerprint.encode():
        raise PrepareError(
            f"{parts} holds the beginning of another data set. Use the same source and options, or another -o."
        )


def _reopen(output: Path, fingerprint: str) -> tuple[ConformerStore, PrepareReport]:
    store = ConformerStore.open(output)
    if store.meta.get("source_fingerprint") != fingerprint:
        raise PrepareError(f"{output} holds a data set of another source or other options. Choose another -o.")
    report = _known_report(store.meta.get("report"))
    if report is None:
        raise PrepareError(f"{output / 'meta.json'} has no account of what was dropped. Choose another -o.")
    return store, report


def _known_report(values: object) -> PrepareReport | None:
    """The report that was written down, None if it is not one."""
    if not isinstance(values, dict) or values.keys() != {field.name for field in fields(PrepareReport)}:
        return None
    dropped, counts = values["dropped"], [value for name, value in values.items() if name != "dropped"]
    if not isinstance(dropped, dict) or not dropped.keys() <= Refusal.__members__.keys():
        return None
    return PrepareReport(**values) if all(type(n) is int for n in [*counts, *dropped.values()]) else None


def _write_part(path: Path, shard: Sequence[SourceItem], outcomes: Sequence[Ensemble | Refusal]) -> None:
    arrays: dict[str, np.ndarray] = {}
    table = []
    for number, (molecule, outcome) in enumerate(zip(shard, outcomes, strict=True)):
        row: dict[str, str | int] = {"source_id": molecule.source_id}
        if isinstance(outcome, Ensemble):
            row |= {"smiles": outcome.smiles, "n_dropped": outcome.n_dropped}
            arrays[f"numbers{number}"] = outcome.atomic_numbers
            arrays[f"positions{number}"] = outcome.positions
            arrays[f"energies{number}"] = outcome.energies
        else:
            row["refusal"] = outcome.name
        table.append(row)
    arrays["table"] = np.frombuffer(json.dumps(table).encode(), dtype=np.uint8)
    # Renaming is atomic: an interrupted write never leaves a part that looks finished.
    unfinished = path.with_suffix(".tmp")
    with unfinished.open("wb") as stream:
        np.savez(stream, allow_pickle=False, **arrays)
    unfinished.rename(path)


def _read_part(path: Path) -> Iterator[tuple[dict[str, str | int], ConformerRecord | None]]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            for number, row in enumerate(json.loads(arrays["table"].tobytes())):
                if "refusal" in row:
                    yield row, None
                    continue
                record = ConformerRecord(
                    smiles=row["smiles"],
                    atomic_numbers=arrays[f"numbers{number}"],
                    positions=arrays[f"positions{number}"],
                    energies=arrays[f"energies{number}"],
                    source_id=row["source_id"],
                )
                yield row, record
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise PrepareError(f"{path} is damaged ({error}). Remove that file and run the same line again.") from error


def _gather(parts: Sequence[Path], *, n_source: int, n_unique: int) -> tuple[PrepareReport, list[ConformerRecord]]:
    records: dict[str, ConformerRecord] = {}
    refusals: Counter[str] = Counter()
    n_dropped = n_collisions = 0
    for path in parts:
        for row, record in _read_part(path):
            if record is None:
                refusals[str(row["refusal"])] += 1
            elif record.smiles in records:
                # Two sources, one with open stereochemistry, may end at the same stereoisomer.
                n_collisions += 1
            else:
                records[record.smiles] = record
                n_dropped += int(row["n_dropped"])
    report = PrepareReport(
        n_source=n_source,
        n_duplicates=n_source - n_unique + n_collisions,
        n_kept=len(records),
        n_conformers=sum(len(r.energies) for r in records.values()),
        n_conformers_dropped=n_dropped,
        dropped=dict(refusals.most_common()),
    )
    return report, list(records.values())
