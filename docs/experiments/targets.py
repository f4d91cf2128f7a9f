"""The flexible molecules whose ensembles are learned, and their frames on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
import torch
from chains import ChainOptions, sample_ensemble
from laws import Array, Torsion
from rdkit import Chem

from applications.molecular.batching import FeatureBatch, collate
from applications.molecular.features import Hydrogens, MoleculeFeatures, featurize
from applications.molecular.training_draws import random_rotations
from diffusion.training import AbstractBatches, TrainingBatch

CHAINS, FRAMES = 200, 40


@final
@dataclass(frozen=True)
class Molecule:
    """A molecule and the torsions that describe its shape; atoms are the heavy ones, in the order of the SMILES."""

    name: str
    smiles: str
    torsions: tuple[Torsion, ...]


MOLECULES = (
    Molecule("pentane", "CCCCC", (Torsion((0, 1, 2, 3)), Torsion((1, 2, 3, 4)))),
    Molecule(
        "alanine dipeptide",
        "CC(=O)N[C@@H](C)C(=O)NC",
        (Torsion((1, 3, 4, 6), (-120.0, 0.0, 120.0)), Torsion((3, 4, 6, 8), (-90.0, 30.0, 120.0))),
    ),
    Molecule(
        "cyclodecane",
        "C1CCCCCCCCC1",
        tuple(Torsion(tuple((i + k) % 10 for k in range(4))) for i in range(10)),  # type: ignore[arg-type]
    ),
)


@final
@dataclass(frozen=True)
class Target:
    """An ensemble, cut in two halves of independent chains.

    Attributes:
        molecule: what it is of.
        features: static inputs of the networks.
        training: frames of the first half, [frames, n, 3] in Å, centred.
        reference: frames of the second.
        scale: Å per model unit.
    """

    molecule: Molecule
    features: MoleculeFeatures
    training: Array
    reference: Array
    scale: float

    @classmethod
    def open(cls, molecule: Molecule, work: Path, *, chains: int = CHAINS, frames: int = FRAMES) -> Target:
        """Read the ensemble from ``work``, or make it first."""
        path = work / f"{molecule.name.replace(' ', '-')}-{chains}x{frames}.npz"
        if not path.exists():
            _, made = sample_ensemble(molecule.smiles, chains=chains, frames=frames, seed=0, options=ChainOptions())
            path.parent.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix(".part")
            with part.open("wb") as stream:
                np.savez_compressed(stream, positions=made.astype(np.float32))
            part.replace(path)
        features = featurize(Chem.MolFromSmiles(molecule.smiles), hydrogens=Hydrogens.PLACED)
        x = np.load(path)["positions"].astype(np.float64)[:, :, features.atom_index.numpy()]
        x = x - x.mean(axis=2, keepdims=True)
        half = len(x) // 2
        training, reference = (part.reshape(-1, *x.shape[2:]) for part in (x[:half], x[half:]))
        return cls(molecule, features, training, reference, round(float(np.sqrt((training**2).mean())), 4))

    def batch(self, size: int) -> FeatureBatch:
        """The features, ``size`` times."""
        return collate([self.features] * size, scale=self.scale)


@final
class EnsembleBatches(AbstractBatches):
    """Batches of frames of one ensemble in random orientations; late times are drawn more often.

    Args:
        target: the ensemble.
        size: frames in a batch.
        seed: of the stream.
        time_power: times are Beta(time_power, 1).
    """

    def __init__(self, target: Target, *, size: int, seed: int, time_power: float = 1.9) -> None:
        self._points = torch.from_numpy(target.training / target.scale).float()
        self._condition = target.batch(size)
        self._size, self._seed, self._power = size, seed, time_power

    def at(self, step: int, *, rank: int = 0, world_size: int = 1) -> TrainingBatch:
        """The batch of a step (see `AbstractBatches.at`)."""
        rng = np.random.default_rng([self._seed, step, rank, world_size])
        points = self._points[torch.from_numpy(rng.integers(len(self._points), size=self._size))]
        return TrainingBatch(
            points=points @ random_rotations(rng, self._size).mT,
            t=torch.from_numpy(rng.random(self._size) ** (1.0 / self._power)).float(),
            seeds=torch.from_numpy(rng.integers(2**62, size=self._size)),
            condition=self._condition,
        )
