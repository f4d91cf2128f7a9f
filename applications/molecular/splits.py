"""Rules that divide a data set into training, validation and test molecules."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, final

from rdkit import Chem
from rdkit.Chem.Scaffolds import MurckoScaffold

from applications.molecular.chemistry import MoleculeRefused, constitution, parse_smiles
from applications.molecular.dataset import ConformerRecord, Split, assign_split, split_at
from applications.molecular.seeds import unit_interval


@final
class SplitError(ValueError):
    """A split that cannot be made; the message names the remedy."""


class AbstractSplitRule(ABC):
    """Says for every molecule to which split it belongs."""

    @abstractmethod
    def assign(self, record: ConformerRecord) -> Split | None:
        """Split of a molecule, None if it belongs to no split."""

    @abstractmethod
    def stamp(self) -> str:
        """What identifies the rule, empty for the default one."""

    @abstractmethod
    def describe(self) -> Mapping[str, Any]:
        """The rule in plain values, for `meta.json`."""


@final
class RandomSplit(AbstractSplitRule):
    """90 % train, 5 % validation, 5 % test by a hash of the constitution (see `assign_split`)."""

    def assign(self, record: ConformerRecord) -> Split:
        return Split(assign_split(record.smiles))

    def stamp(self) -> str:
        return ""

    def describe(self) -> Mapping[str, Any]:
        return {"rule": "random"}


@final
class ScaffoldSplit(AbstractSplitRule):
    """The same shares by a hash of the Bemis-Murcko scaffold: no scaffold is in two splits.

    Shares are those of scaffolds, so a common scaffold moves many molecules at once. A molecule without rings has no
    scaffold; its constitution takes its place, or all of them would share one split.
    """

    def assign(self, record: ConformerRecord) -> Split:
        return split_at(unit_interval(f"scaffold {scaffold(record.smiles) or constitution(record.smiles)}"))

    def stamp(self) -> str:
        return "scaffold"

    def describe(self) -> Mapping[str, Any]:
        return {"rule": "scaffold", "scaffold": "Bemis-Murcko of the constitution"}


@final
class FileSplit(AbstractSplitRule):
    """The split that a file names for each molecule; molecules that it does not name are in none.

    A molecule is named by its identifier in the source, or by a SMILES.

    Args:
        splits: split by identifier or SMILES.
        origin: where it comes from.
    """

    def __init__(self, splits: Mapping[str, Split], *, origin: str) -> None:
        self._splits = dict(splits)
        self._origin = origin

    @cached_property
    def _by_smiles(self) -> dict[str, Split]:
        found: dict[str, Split] = {}
        for name, split in self._splits.items():
            smiles = _canonical(name)
            if smiles and found.setdefault(smiles, split) is not split:
                raise SplitError(
                    f"{self._origin}: {name!r} is in {found[smiles].value} and in {split.value}. Keep one."
                )
        return found

    def assign(self, record: ConformerRecord) -> Split | None:
        named = self._splits.get(record.source_id)
        return named or self._by_smiles.get(record.smiles)

    def stamp(self) -> str:
        lines = sorted(f"{name}\t{split.value}" for name, split in self._splits.items())
        return "file " + sha256("\n".join(lines).encode()).hexdigest()

    def describe(self) -> Mapping[str, Any]:
        return {"rule": "file", "file": self._origin, "named": len(self._splits), "sha256": self.stamp().split()[1]}


_NAMES: Final = {
    "train": Split.TRAIN,
    "validation": Split.VALIDATION,
    "val": Split.VALIDATION,
    "valid": Split.VALIDATION,
    "test": Split.TEST,
}


@final
class _Layout(Enum):
    LINES = "lines of `split<TAB>id`"
    JSON = 'JSON such as {"train": [ids], "validation": [ids], "test": [ids]}'


def read_split_file(path: Path) -> FileSplit:
    """The rule of a file in the form that `read_split_names` takes.

    Raises:
        SplitError: the file is missing, of another form, empty, or has a molecule in two splits.
    """
    return FileSplit(read_split_names(path), origin=path.name)


def read_split_names(path: Path) -> dict[str, Split]:
    """Read a split from lines of `split<TAB>id`, or from JSON with a list of identifiers per split.

    Splits are train, validation (or val, valid) and test. Empty lines and lines that start with # are left out.

    Raises:
        SplitError: the file is missing, of another form, empty, or has an identifier in two splits.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SplitError(f"cannot read the split file {path}: {error}. Name a text file.") from error
    pairs = _of_json(content, path) if content.lstrip().startswith("{") else _of_lines(content, path)
    splits: dict[str, Split] = {}
    for name, split in pairs:
        if splits.setdefault(name, split) is not split:
            raise SplitError(f"{path}: {name!r} is in {splits[name].value} and in {split.value}. Keep one of them.")
    if not splits:
        raise SplitError(f"{path} names nothing, expected {_Layout.LINES.value} or {_Layout.JSON.value}")
    return splits


def divide(records: Sequence[ConformerRecord], rule: AbstractSplitRule) -> dict[str, list[int]]:
    """Rows of every split, in order.

    Raises:
        SplitError: there are molecules, and the rule puts none of them anywhere.
    """
    rows: dict[str, list[int]] = {split.value: [] for split in Split}
    for row, record in enumerate(records):
        split = rule.assign(record)
        if split is not None:
            rows[split.value].append(row)
    if records and not any(rows.values()):
        example = records[0]
        raise SplitError(
            f"the split names none of the {len(records)} molecules. Use identifiers of the source such as "
            f"{example.source_id!r}, or SMILES such as {example.smiles!r}."
        )
    return rows


def scaffold(smiles: str) -> str:
    """Canonical SMILES of the Bemis-Murcko scaffold [Bemis1996] of the constitution, empty without rings."""
    mol = Chem.MolFromSmiles(constitution(smiles))
    return Chem.MolToSmiles(MurckoScaffold.GetScaffoldForMol(mol))


def _of_lines(content: str, path: Path) -> list[tuple[str, Split]]:
    pairs = []
    for number, line in enumerate(content.splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            split, tab, name = line.partition("\t")
            if not tab or not name.strip():
                raise SplitError(f"{path}, line {number}: got {line!r}, expected {_Layout.LINES.value}")
            pairs.append((name.strip(), _named(split.strip(), path)))
    return pairs


def _of_json(content: str, path: Path) -> list[tuple[str, Split]]:
    try:
        found = json.loads(content)
    except json.JSONDecodeError as error:
        raise SplitError(f"{path} is no valid JSON ({error}), expected {_Layout.JSON.value}") from error
    if not all(isinstance(names, list) for names in found.values()):
        raise SplitError(f"{path}: expected {_Layout.JSON.value}")
    return [(str(name), _named(split, path)) for split, names in found.items() for name in names]


def _named(text: str, path: Path) -> Split:
    split = _NAMES.get(text.lower())
    if split is None:
        raise SplitError(f"{path}: got split {text!r}, expected one of {', '.join(_NAMES)}")
    return split


def _canonical(name: str) -> str:
    try:
        return parse_smiles(name).smiles
    except MoleculeRefused:
        return ""
