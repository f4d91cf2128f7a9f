"""Training batches of conformers: molecules of like size together, all a function of (seed, step)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from applications.molecular.batching import collate
from applications.molecular.draws import Draw
from applications.molecular.features import MoleculeFeatures
from applications.molecular.size_groups import size_groups
from applications.molecular.training_draws import noise_seeds, random_rotations, random_times
from diffusion.data_parallel import Share
from diffusion.training import AbstractBatches, TrainingBatch


@final
@dataclass(frozen=True, kw_only=True)
class Example:
    """One molecule of a training set.

    Attributes:
        features: Its static inputs.
        positions: Centred conformers of its modelled atoms in model units, shape (K, n, 3).
        energies: Of the conformers in kcal/mol, NaN where unknown, shape (K,); None if none is known.
    """

    features: MoleculeFeatures
    positions: Tensor
    energies: np.ndarray | None = None

    @property
    def n_conformers(self) -> int:
        """K."""
        return self.positions.shape[0]

    def weights(self, draw: Draw) -> np.ndarray:
        """Probabilities of its conformers, shape (K,)."""
        return draw.weights(np.full(self.n_conformers, np.nan) if self.energies is None else self.energies)


@final
@dataclass(frozen=True, kw_only=True)
class BatchConfig:
    """How batches are composed.

    Attributes:
        pair_budget: A batch of molecules of n atoms holds about pair_budget / n^2 of them.
        max_molecules: Largest number of molecules in a batch.
        uniform_fraction: Share of times drawn uniformly; the others follow Beta(time_power, 1).
        time_power: Exponent of the Beta law: above one, late times are drawn more often.
        seed: Seed of the stream.
        draw: Law of the conformers.
    """

    pair_budget: int = 12_000
    max_molecules: int = 64
    uniform_fraction: float = 0.02
    time_power: float = 1.9
    seed: int = 0
    draw: Draw = Draw.UNIFORM


@final
class ConformerBatches(AbstractBatches):
    """Batches of rotated conformers, grouped by size so that little is padded.

    Molecules are sorted by their number of atoms and cut into groups (see `size_groups`); a step draws a group, then
    items of it without replacement, such that every item is drawn equally often. An item is a molecule, one conformer
    of which is drawn by its weight, or a conformer (see `Draw`). Each gets a random rotation, a time and a noise seed.
    All of this is drawn for the batch of all processes, as a function of (seed, step); a process then takes its share
    of the items.

    Args:
        examples: The molecules; at least one.
        config: Composition of batches.
        scale: Å per model unit.
        group_size: Number of molecules at which a group ends.

    Raises:
        MissingEnergyError: If conformers are weighed by energies that are not known.
    """

    def __init__(
        self, examples: Sequence[Example], *, config: BatchConfig, scale: float, group_size: int = 256
    ) -> None:
        self._examples = sorted(examples, key=lambda e: e.features.n_atoms)
        self._config = config
        self._scale = scale
        self._weights_of = [e.weights(config.draw).cumsum() for e in self._examples]
        atoms = [e.features.n_atoms for e in self._examples]
        cuts = [np.array(g) for g in size_groups(atoms, batch_size=self._largest_batch, most=group_size)]
        if config.draw is Draw.ALL:
            self._groups = [np.repeat(g, [self._examples[i].n_conformers for i in g]) for g in cuts]
        else:
            self._groups = cuts
        self._sizes = [self._batch_size(group) for group in self._groups]
        weights = np.array([len(g) / b for g, b in zip(self._groups, self._sizes, strict=True)])
        self._group_weights = weights / weights.sum()

    def _batch_size(self, group: np.ndarray) -> int:
        return min(self._largest_batch(max(self._examples[i].features.n_atoms for i in group)), len(group))

    def _largest_batch(self, n_atoms: int) -> int:
        return max(1, min(self._config.pair_budget // n_atoms**2, self._config.max_molecules))

    def _draw(self, rng: np.random.Generator) -> list[tuple[Example, int]]:
        """The molecules of a batch, each with the number of a conformer."""
        number = int(rng.choice(len(self._groups), p=self._group_weights))
        group = self._groups[number]
        if self._config.draw is Draw.ALL:
            rows = rng.choice(len(group), size=self._sizes[number], replace=False)
            return [(self._examples[group[row]], int(row - np.searchsorted(group, group[row]))) for row in rows]
        chosen = rng.choice(group, size=self._sizes[number], replace=False)
        pool = [self._examples[i] for i in chosen]
        if self._config.draw is Draw.UNIFORM:
            return [(example, int(rng.integers(example.n_conformers))) for example in pool]
        places = [np.searchsorted(self._weights_of[i], rng.random(), side="right") for i in chosen]
        return [(example, min(int(k), example.n_conformers - 1)) for example, k in zip(pool, places, strict=True)]

    def at(self, step: int, *, rank: int = 0, world_size: int = 1) -> TrainingBatch:
        """Build the share of a process in the batch of a step (see `AbstractBatches.at`)."""
        config = self._config
        rng = np.random.default_rng([config.seed, step, 0, 1])
        pool = self._draw(rng)
        turns = random_rotations(rng, len(pool))
        t = random_times(rng, len(pool), uniform_fraction=config.uniform_fraction, power=config.time_power)
        seeds = noise_seeds(rng, len(pool))
        share = Share.of(len(pool), rank=rank, world_size=world_size)
        rows = list(share.items)
        batch = collate([pool[i][0].features for i in rows], scale=self._scale)
        points = torch.zeros(len(rows), batch.n_atoms, 3)
        for row, i in enumerate(rows):
            example, conformer = pool[i]
            points[row, : example.features.n_atoms] = example.positions[conformer]
        return TrainingBatch(
            points=points @ turns[rows].mT,
            t=t[rows],
            seeds=seeds[rows],
            condition=batch,
            weight=share.weight,
        )
