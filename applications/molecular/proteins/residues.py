"""Residues of a chain over several models, from tables of atoms."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
class ChainModels:
    """The residues with a CA atom of one chain, model by model.

    Args:
        models: for every model its residues by key, each with its backbone atoms [4, 3], NaN where missing.
    """

    def __init__(self, models: Sequence[dict[tuple[int, str], tuple[Residue, NDArray[np.float64]]]]) -> None:
        self._models = models
        self._common = [residue for key, (residue, _) in models[0].items() if all(key in other for other in models[1:])]

    @property
    def n_models(self) -> int:
        """K."""
        return len(self._models)

    @property
    def n_seen(self) -> int:
        """Number of residues that at least one model has."""
        return len({key for model in self._models for key in model})

    @property
    def n_common(self) -> int:
        """Number of residues that all models have."""
        return len(self._common)

    def common(self) -> list[Residue]:
        """Residues that all models have, in the order of the first."""
        return list(self._common)

    def positions(self, residues: Iterable[Residue]) -> NDArray[np.float64]:
        """Backbone atoms of residues in the unit of the file, NaN where missing, [K, L, 4, 3]."""
        keys = [residue.key for residue in residues]
        return np.array([[model[key][1] for key in keys] for model in self._models]).reshape(
            len(self._models), len(keys), len(BACKBONE), 3
        )


def chains_of(models: Sequence[BackboneAtoms]) -> dict[str, ChainModels]:
    """Residues of every chain with a CA atom in some model, in the order of the file.

    A chain that a model lacks has no residue that all models have.
    """
    found = [_residues(model) for model in models]
    identifiers = dict.fromkeys(identifier for model in found for identifier in model)
    return {identifier: ChainModels([model.get(identifier, {}) for model in found]) for identifier in identifiers}


def _residues(atoms: BackboneAtoms) -> dict[str, dict[tuple[int, str], tuple[Residue, NDArray[np.float64]]]]:
    rows: dict[tuple[str, int, str], list[int]] = {}
    for row, key in enumerate(zip(atoms.chain, atoms.number, atoms.insertion, strict=True)):
        rows.setdefault(key, []).append(row)
    chains: dict[str, dict[tuple[int, str], tuple[Residue, NDArray[np.float64]]]] = {}
    for (chain, number, insertion), group in rows.items():
        traced = [row for row in group if atoms.atom[row] == _CA]
        if not traced:
            continue
        # the first of the highest; a calpha decides for its residue, so that no atom comes from another location
        chosen = max(traced, key=lambda row: (atoms.occupancy[row], -row))
        backbone = np.full((len(BACKBONE), 3), np.nan)
        for row in reversed(group):
            if atoms.location[row] in ("", atoms.location[chosen]) and atoms.residue[row] == atoms.residue[chosen]:
                backbone[atoms.atom[row]] = atoms.position[row]
        backbone[_CA] = atoms.position[chosen]
        residue = Residue(number, insertion, atoms.residue[chosen], atoms.hetero[chosen])
        chains.setdefault(chain, {})[number, insertion] = (residue, backbone)
    return chains
