"""Rules that divide backbones into training, validation and test entries."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any, Final, final

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from typing_extensions import override

from applications.molecular.dataset import Split
from applications.molecular.proteins.chains import BackboneChain
from applications.molecular.proteins.residue_letters import UNKNOWN
from applications.molecular.seeds import derived_seed
from applications.molecular.splits import SplitError, read_split_names

HELD_OUT: Final = 0.1
"""Share of the validation entries, and of the test entries."""

_PDB_ENTRY: Final = re.compile(r"[0-9][0-9a-zA-Z]{3}(?=$|_|[0-9a-zA-Z]$)")


@final
@dataclass(frozen=True)
class Entry:
    """A chain and where it comes from."""

    chain: BackboneChain
    origin: str


@final
@dataclass(frozen=True)
class Division:
    """Entries and their splits.

    Attributes:
        entries: in the order of rows.
        rows: rows by split; an entry may be in none.
    """

    entries: Sequence[Entry]
    rows: dict[str, list[int]]


class AbstractBackboneSplit(ABC):
    """Says which entries a data set has, and to which split each belongs."""

    @abstractmethod
    def divide(self, entries: Sequence[Entry]) -> Division:
        """Entries and splits.

        Raises:
            SplitError: they cannot be divided like this.
        """

    @abstractmethod
    def describe(self) -> Mapping[str, Any]:
        """The rule in plain values, for `meta.json`."""


@final
@dataclass(frozen=True)
class RandomBackboneSplit(AbstractBackboneSplit):
    """80 % train, 10 % validation, 10 % test, at least one each; relatives stay together.

    Relatives are chains of one file or of one PDB entry, and chains of equal sequence. Groups of relatives are ordered
    by a hash of the seed and of a name; the first ones are the test set, the next ones the validation set.

    Attributes:
        seed: another one gives another order.
    """

    seed: int = 0

    @override
    def divide(self, entries: Sequence[Entry]) -> Division:
        groups = relatives(entries)
        if len(groups) < 3:
            raise SplitError(
                f"got {len(groups)} group(s) of chains that differ in file, PDB entry and sequence, expected at least "
                "three to divide. Use --split blocks for the models of an ensemble, or --split file:PATH."
            )
        groups.sort(key=lambda rows: derived_seed(self.seed, min(entries[row].chain.name for row in rows)))
        held_out = max(1, round(HELD_OUT * len(groups)))
        parts = {
            Split.TRAIN: groups[2 * held_out :],
            Split.VALIDATION: groups[held_out : 2 * held_out],
            Split.TEST: groups[:held_out],
        }
        return Division(entries, {split.value: sorted(chain.from_iterable(part)) for split, part in parts.items()})

    @override
    def describe(self) -> Mapping[str, Any]:
        return {"rule": "random", "seed": self.seed, "together": "file, PDB entry, sequence", "held_out": HELD_OUT}


@final
@dataclass(frozen=True)
class BlockSplit(AbstractBackboneSplit):
    """Models of every entry in three blocks of consecutive ones: 80 % train, 10 % validation, 10 % test.

    Neighbouring frames of a trajectory are alike; drawn at random, the test set would be in the training set. Every
    block becomes an entry of its own, called NAME:train, NAME:validation or NAME:test.
    """

    @override
    def divide(self, entries: Sequence[Entry]) -> Division:
        blocks: list[Entry] = []
        rows: dict[str, list[int]] = {split.value: [] for split in Split}
        for entry in entries:
            k = entry.chain.n_models
            held_out = max(1, round(HELD_OUT * k))
            if k < 3:
                raise SplitError(
                    f"got {k} model(s) of {entry.chain.name}, expected at least three to divide into blocks. Use "
                    "--split random for many chains."
                )
            for split, (start, stop) in zip(
                Split, ((0, k - 2 * held_out), (k - 2 * held_out, k - held_out), (k - held_out, k)), strict=True
            ):
                name = f"{entry.chain.name}:{split.value}"
                rows[split.value].append(len(blocks))
                blocks.append(
                    replace(entry, chain=replace(entry.chain, name=name, positions=entry.chain.positions[start:stop]))
                )
        return Division(blocks, rows)

    @override
    def describe(self) -> Mapping[str, Any]:
        return {"rule": "blocks", "order": [split.value for split in Split], "held_out": HELD_OUT}


@final
class FileBackboneSplit(AbstractBackboneSplit):
    """The split that a file names for each chain; chains that it does not name are in none.

    Args:
        splits: split by name of the chain.
        origin: where it comes from.
    """

    def __init__(self, splits: Mapping[str, Split], *, origin: str) -> None:
        self._splits = dict(splits)
        self._origin = origin

    @override
    def divide(self, entries: Sequence[Entry]) -> Division:
        rows: dict[str, list[int]] = {split.value: [] for split in Split}
        for row, entry in enumerate(entries):
            if split := self._splits.get(entry.chain.name):
                rows[split.value].append(row)
        if entries and not any(rows.values()):
            raise SplitError(
                f"{self._origin} names none of the {len(entries)} chains. Use names such as {entries[0].chain.name!r}."
            )
        return Division(entries, rows)

    @override
    def describe(self) -> Mapping[str, Any]:
        content = json.dumps(sorted((name, split.value) for name, split in self._splits.items()))
        digest = sha256(content.encode()).hexdigest()
        return {"rule": "file", "file": self._origin, "named": len(self._splits), "sha256": digest}


def relatives(entries: Sequence[Entry]) -> list[list[int]]:
    """Rows in groups that share a file, a PDB entry or a known sequence, directly or through others."""
    rows: list[int] = []
    marks: list[int] = []
    numbers: dict[str, int] = {}
    for row, entry in enumerate(entries):
        for mark in _marks(entry):
            rows.append(row)
            marks.append(numbers.setdefault(mark, len(numbers)))
    n = len(entries)
    shared = coo_array((np.ones(len(rows)), (rows, [n + mark for mark in marks])), shape=(n + len(numbers),) * 2)
    labels = connected_components(shared, directed=False)[1][:n]
    groups: dict[int, list[int]] = {}
    for row, label in enumerate(labels.tolist()):
        groups.setdefault(label, []).append(row)
    return list(groups.values())


def open_backbone_split(text: str | None, *, seed: int, is_ensemble: bool) -> AbstractBackboneSplit:
    """Rule of `random`, `blocks` or `file:PATH`; by default `blocks` for one ensemble and `random` otherwise.

    Raises:
        SplitError: there is no such rule, or the file cannot be used.
    """
    text = text or ("blocks" if is_ensemble else "random")
    kind, _, path = text.partition(":")
    if kind == "file" and path:
        return FileBackboneSplit(read_split_names(Path(path)), origin=Path(path).name)
    rules: dict[str, AbstractBackboneSplit] = {"random": RandomBackboneSplit(seed), "blocks": BlockSplit()}
    if text not in rules:
        raise SplitError(f"got --split {text!r}, expected random, blocks or file:PATH")
    return rules[text]


def _marks(entry: Entry) -> list[str]:
    marks = [f"name {entry.chain.name}"]
    if Path(entry.origin).is_absolute():
        marks.append(f"file {entry.origin}")
    if found := _PDB_ENTRY.match(entry.chain.name):
        marks.append(f"entry {found[0].lower()}")
    if entry.chain.sequence.strip(UNKNOWN):
        marks.append(f"sequence {entry.chain.sequence}")
    return marks
