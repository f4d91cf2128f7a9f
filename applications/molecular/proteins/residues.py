"""Residues of a chain over several models, from tables of atoms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from applications.molecular.proteins.structure_parsing import BACKBONE, BackboneAtoms

_CA = BACKBONE.index("CA")


@final
@dataclass(frozen=True)
class Residue:
    """What identifies a residue of a chain, and its kind.

    Attributes:
        number: of the file.
        insertion: code, empty without one.
        name: of the component, for instance MSE.
        hetero: True for HETATM.
    """

    number: int
    insertion: str
    name: str
    hetero: bool

    @property
    def key(self) -> tuple[int, str]:
        """What is the same in all models."""
        return self.number, self.insertion


@final
@dataclass(frozen=True)
class Placed:
    """A residue of one model.

    Attributes:
        residue: which one.
        entries: its N, CA, C and O as places in the table of the model, -1 where missing.
    """

    residue: Residue
    entries: tuple[int, ...]


@final
class ChainModels:
    """The residues with a CA atom of one chain, model by model.

    Args:
        tables: the atoms of every model.
        models: for every model the residues of the chain by key.
    """

    def __init__(self, tables: Sequence[BackboneAtoms], models: Sequence[dict[tuple[int, str], Placed]]) -> None:
        self._tables = tables
        self._models = models

    @property
    def n_models(self) -> int:
        """K."""
        return len(self._models)

    @property
    def n_seen(self) -> int:
        """Number of residues that at least one model has."""
        return len({key for model in self._models for key in model})

    def common(self) -> list[Residue]:
        """Residues that all models have, in the order of the first."""
        first, *others = self._models
        return [placed.residue for key, placed in first.items() if all(key in other for other in others)]

    def positions(self, residues: Sequence[Residue]) -> NDArray[np.float64]:
        """Backbone atoms of residues in the unit of the file, NaN where missing, [K, L, 4, 3]."""
        found = []
        for table, model in zip(self._tables, self._models, strict=True):
            entries = np.array([model[residue.key].entries for residue in residues])
            found.append(np.where((entries >= 0)[..., None], table.position[entries], np.nan))
        return np.array(found)

    def rows(self, residues: Sequence[Residue]) -> NDArray[np.int64]:
        """Places of backbone atoms among all atoms of the first model, -1 where missing, [L, 4]."""
        entries = np.array([self._models[0][residue.key].entries for residue in residues])
        return np.where(entries >= 0, np.array(self._tables[0].row)[entries], -1)


def chains_of(models: Sequence[BackboneAtoms]) -> dict[str, ChainModels]:
    """Residues of every chain with a CA atom in some model, in the order of the file.

    A chain that a model lacks has no residue that all models have.
    """
    found = [_residues(model) for model in models]
    identifiers = dict.fromkeys(identifier for model in found for identifier in model)
    return {
        identifier: ChainModels(models, [model.get(identifier, {}) for model in found]) for identifier in identifiers
    }


def _residues(atoms: BackboneAtoms) -> dict[str, dict[tuple[int, str], Placed]]:
    groups: dict[tuple[str, int, str], list[int]] = {}
    for entry, key in enumerate(zip(atoms.chain, atoms.number, atoms.insertion, strict=True)):
        groups.setdefault(key, []).append(entry)
    chains: dict[str, dict[tuple[int, str], Placed]] = {}
    for (chain, number, insertion), group in groups.items():
        traced = [entry for entry in group if atoms.atom[entry] == _CA]
        if not traced:
            continue
        # the CA atom decides for its residue, so that no two atoms come from different locations
        chosen = max(traced, key=lambda entry: (atoms.occupancy[entry], -entry))
        backbone = [-1] * len(BACKBONE)
        for entry in reversed(group):
            if atoms.location[entry] in ("", atoms.location[chosen]) and atoms.residue[entry] == atoms.residue[chosen]:
                backbone[atoms.atom[entry]] = entry
        backbone[_CA] = chosen
        residue = Residue(number, insertion, atoms.residue[chosen], atoms.hetero[chosen])
        chains.setdefault(chain, {})[number, insertion] = Placed(residue, tuple(backbone))
    return chains
