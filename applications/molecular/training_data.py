"""Training batches of conformers: molecules of like size together, all a function of (seed, step)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from torch import Tensor

from applications.molecular.batching import collate
from applications.molecular.features import MoleculeFeatures
from diffusion.data_parallel import Share
from diffusion.training import AbstractBatches, TrainingBatch

_SEED_LIMIT = 2**62


@final
@dataclass(frozen=True, kw_only=True)
class Example:
    """One molecule of a training set.

    Attributes:
        features: Its static inputs.
        positions: Centred conformers of its modelled atoms in model units, shape (K, n, 3).
    """

    features: MoleculeFeatures
    positions: Tensor


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
    """

    pair_budget: int = 12_000
    max_molecules: int = 64
    uniform_fraction: float = 0.02
    time_power: float = 1.9
    seed: int = 0


def random_rotations(rng: np.random.Generator, size: int) -> Tensor:
    """Haar-distributed rotations from normalised Gaussian quaternions, shape (size, 3, 3), float32."""
    q = torch.from_numpy(rng.standard_normal((size, 4)))
    w, x, y, z = (q / q.norm(dim=-1, keepdim=True)).unbind(-1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, dim=-1).reshape(size, 3, 3).float()


@final
class ConformerBatches(AbstractBatches):
    """Batches of rotated conformers, grouped by size so that little is padded.

    Molecules are sorted by their number of atoms and cut into groups; a step draws a group, such that every
    molecule is drawn equally often, then molecules of it without replacement, one conformer of each
    uniformly, a rotation, a time and a noise seed. All of this is drawn for the batch of all processes, as a function
    of (seed, step); a process then takes its share of the molecules.

    Args:
        examples: The molecules; at least one.
        config: Composition of batches.
        scale: Å per model unit.
        group_size: Molecules in a group.
    """

    def __init__(
        self, examples: Sequence[Example], *, config: BatchConfig, scale: float, group_size: int = 256
    ) -> None:
        self._examples = sorted(examples, key=lambda e: e.features.n_atoms)
        self._config = config
        self._scale = scale
        starts = range(0, len(self._examples), group_size)
        self._groups = [np.arange(s, min(s + group_size, len(self._examples))) for s in starts]
        self._sizes = [self._batch_size(group) for group in self._groups]
        weights = np.array([len(g) / b for g, b in zip(self._groups, self._sizes, strict=True)])
        self._weights = weights / weights.sum()

    def _batch_size(self, group: np.ndarray) -> int:
        largest = max(self._examples[i].features.n_atoms for i in group)
        budget = self._config.pair_budget // largest**2
        return max(1, min(budget, self._config.max_molecules, len(group)))

    def at(self, step: int, *, rank: int = 0, world_size: int = 1) -> TrainingBatch:
        """Build the batch of a step (see `AbstractBatches.at`)."""
        config = self._config
        rng = np.random.default_rng([config.seed, step, 0, 1])
        number = int(rng.choice(len(self._groups), p=self._weights))
        chosen = rng.choice(self._groups[number], size=self._sizes[number], replace=False)
        pool = [self._examples[i] for i in chosen]
        conformers = [int(rng.integers(example.positions.shape[0])) for example in pool]
        turns = random_rotations(rng, len(pool))
        late = rng.random(len(pool)) ** (1.0 / config.time_power)
        t = np.where(rng.random(len(pool)) < config.uniform_fraction, rng.random(len(pool)), late)
        seeds = rng.integers(_SEED_LIMIT, size=len(pool))
        share = Share.of(len(pool), rank=rank, world_size=world_size)
        rows = list(share.items)
        batch = collate([pool[i].features for i in rows], scale=self._scale)
        points = torch.zeros(len(rows), batch.n_atoms, 3)
        for row, i in enumerate(rows):
            points[row, : pool[i].features.n_atoms] = pool[i].positions[conformers[i]]
        return TrainingBatch(
            points=points @ turns[rows].mT,
            t=torch.from_numpy(t[rows]).float(),
            seeds=torch.from_numpy(seeds[rows]),
            condition=batch,
            weight=share.weight,
        )
