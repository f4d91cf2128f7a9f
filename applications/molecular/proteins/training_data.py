"""Training batches of backbones: random crops, or whole chains of like length, all a function of (seed, step)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from applications.molecular.proteins.batching import BackboneFeatures, collate
from applications.molecular.proteins.chains import BackboneChain
from applications.molecular.size_groups import size_groups
from applications.molecular.training_draws import noise_seeds, random_rotations, random_times
from diffusion.data_parallel import Share
from diffusion.training import AbstractBatches, TrainingBatch

_SCALE_STEPS = 64


@final
class BackboneDataError(ValueError):
    """Chains that nothing can be learned from as asked."""


@final
@dataclass(frozen=True, kw_only=True)
class BackboneBatchConfig:
    """How batches are composed.

    Attributes:
        min_residues: Shortest crop, and shortest chain that is used.
        max_residues: Longest crop.
        whole: Whether chains are taken whole, whatever their length. Those in several models always are.
        pair_budget: A batch of crops of n residues holds about pair_budget / n^2 of them.
        max_chains: Largest number of items in a batch.
        self_conditioned: Share of the items that see a prediction.
        uniform_fraction: Share of times drawn uniformly; the others follow Beta(time_power, 1).
        time_power: Exponent of the Beta law: above one, late times are drawn more often.
        seed: Seed of the stream.

    Raises:
        BackboneDataError: If the lengths are in the wrong order, or no chain has the shortest.
    """

    min_residues: int = 40
    max_residues: int = 128
    whole: bool = False
    pair_budget: int = 65_536
    max_chains: int = 64
    self_conditioned: float = 0.5
    uniform_fraction: float = 0.02
    time_power: float = 1.9
    seed: int = 0

    def __post_init__(self) -> None:
        if not 2 <= self.min_residues <= self.max_residues:
            raise BackboneDataError(
                f"got crops of {self.min_residues} to {self.max_residues} residues, expected at least 2 and the "
                "shortest first"
            )

    def batch_size(self, n_residues: int) -> int:
        """Items of a batch whose longest has so many residues."""
        return max(1, min(self.pair_budget // n_residues**2, self.max_chains))


@final
@dataclass(frozen=True)
class _Item:
    """Residues start, ..., start + length - 1 of a model of a chain."""

    chain: int
    model: int
    start: int
    length: int


@final
class BackboneBatches(AbstractBatches):
    """Batches of rotated backbones.

    Chains in one model are cropped: a step draws a length, uniformly, then chains that are at least so long and a place
    in each, uniformly, so that nothing is padded. Chains in several models, and all chains if the configuration says
    so, are taken whole: they are sorted by length and cut into groups (see `size_groups`); a step draws a group, then
    models from it without replacement. Steps of both kinds are in proportion to the numbers of chains. Each item gets
    a random rotation, a time, a noise seed and perhaps the mark that it sees a prediction. All of this is drawn for the
    batch of all processes, as a function of (seed, step); a process then takes its share of the items.

    Args:
        chains: Training chains.
        config: Composition of batches.
        scale: Å per model unit.
        group_size: Number of models at which a group of whole chains ends.

    Raises:
        BackboneDataError: If no chain is as long as the shortest crop.
    """

    def __init__(
        self, chains: Sequence[BackboneChain], *, config: BackboneBatchConfig, scale: float, group_size: int = 256
    ) -> None:
        self._config = config
        self._scale = scale
        used = sorted((c for c in chains if c.n_residues >= config.min_residues), key=lambda c: c.n_residues)
        if not used:
            longest = max((c.n_residues for c in chains), default=0)
            raise BackboneDataError(
                f"got chains of at most {longest} residues, expected one of {config.min_residues}: prepare other data, "
                "or lower the shortest length"
            )
        self._features = [BackboneFeatures(residue_index=c.residue_index, sequence=c.sequence) for c in used]
        self._positions = [torch.from_numpy(np.array(c.positions)) / scale for c in used]
        whole = [i for i, c in enumerate(used) if config.whole or c.n_models > 1]
        self._cropped = np.array([i for i in range(len(used)) if i not in set(whole)], dtype=np.int64)
        self._models = [(i, k) for i in whole for k in range(used[i].n_models)]
        lengths = [used[i].n_residues for i, _ in self._models]
        self._groups = size_groups(lengths, batch_size=config.batch_size, most=group_size) if lengths else []
        self._sizes = [min(config.batch_size(lengths[g.stop - 1]), len(g)) for g in self._groups]
        weights = np.array([len(g) / b for g, b in zip(self._groups, self._sizes, strict=True)])
        self._group_weights = weights / weights.sum()
        self._whole_share = len(whole) / len(used)

    def _draw(self, rng: np.random.Generator) -> list[_Item]:
        if rng.random() < self._whole_share:
            number = int(rng.choice(len(self._groups), p=self._group_weights))
            group = self._groups[number]
            rows = group.start + rng.choice(len(group), size=self._sizes[number], replace=False)
            chosen = [self._models[row] for row in rows]
            return [_Item(i, k, 0, self._features[i].n_residues) for i, k in chosen]
        config = self._config
        lengths = np.array([self._features[i].n_residues for i in self._cropped])
        length = int(rng.integers(config.min_residues, min(config.max_residues, int(lengths.max())) + 1))
        chains = rng.choice(self._cropped[lengths >= length], size=config.batch_size(length))
        return [_Item(i, 0, int(rng.integers(self._features[i].n_residues - length + 1)), length) for i in chains]

    def at(self, step: int, *, rank: int = 0, world_size: int = 1) -> TrainingBatch:
        """Build the share of a process in the batch of a step (see `AbstractBatches.at`)."""
        config = self._config
        rng = np.random.default_rng([config.seed, step, 0, 2])
        pool = self._draw(rng)
        turns = random_rotations(rng, len(pool))
        t = random_times(rng, len(pool), uniform_fraction=config.uniform_fraction, power=config.time_power)
        seeds = noise_seeds(rng, len(pool))
        marks = torch.from_numpy(rng.random(len(pool)) < config.self_conditioned)
        share = Share.of(len(pool), rank=rank, world_size=world_size)
        rows = list(share.items)
        items = [pool[i] for i in rows]
        batch = collate(
            [self._features[item.chain].crop(item.start, item.length) for item in items],
            scale=self._scale,
            self_conditioned=marks[rows],
        )
        points = torch.zeros(len(rows), batch.n_residues, 3)
        for row, item in enumerate(items):
            points[row, : item.length] = self._centred(item)
        return TrainingBatch(
            points=points @ turns[rows].mT, t=t[rows], seeds=seeds[rows], condition=batch, weight=share.weight
        )

    def _centred(self, item: _Item) -> Tensor:
        positions = self._positions[item.chain][item.model, item.start : item.start + item.length]
        return positions - positions.double().mean(dim=0).float()


def coordinate_scale(chains: Sequence[BackboneChain], config: BackboneBatchConfig) -> float:
    """Root mean square of the centred coordinates of batches of the stream in Å, rounded to 1e-4."""
    stream = BackboneBatches(chains, config=config, scale=1.0)
    squares, count = 0.0, 0
    for step in range(_SCALE_STEPS):
        batch = stream.at(step)
        squares += float(batch.points.double().square().sum()) / len(batch.points)
        count += 3 * int(batch.condition.lengths.sum()) / len(batch.points)
    return round((squares / count) ** 0.5, 4)
