"""A conformer model as a sampler: batches of molecules, seeds and step counts in, coordinates in Å out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from applications.molecular.batching import collate
from applications.molecular.chemistry import Molecule
from applications.molecular.features import MoleculeFeatures, featurize
from applications.molecular.generate import AbstractConformerSampler
from applications.molecular.model import ConformerModel
from applications.molecular.sampling_settings import SamplingSettings
from diffusion import SamplerResult
from quotient.noise import CounterNoise


@final
class ModelSampler(AbstractConformerSampler):
    """Samples a `ConformerModel`.

    Args:
        model: the model.
        settings: steps and process.

    Raises:
        SamplingError: the SDE was asked of a model trained with aligned pairs, whose score is not known.
    """

    def __init__(self, model: ConformerModel, settings: SamplingSettings) -> None:
        settings.check(model.spec.coupling)
        self._model = model
        self._settings = settings
        self._device = next(model.network.parameters()).device

    def describe(self, molecule: Molecule) -> MoleculeFeatures:
        """Features of the molecule, computed once."""
        return featurize(molecule.full, hydrogens=self._model.hydrogens)

    def modelled_atoms(self, description: MoleculeFeatures) -> NDArray[np.int64]:
        """Atoms the model generates: all of them, or the heavy ones."""
        return description.atom_index.numpy()

    def sample(self, descriptions: Sequence[MoleculeFeatures], seeds: Sequence[int]) -> list[NDArray[np.float64]]:
        """Coordinates in Å; each depends on its molecule, its seed and, by rounding only, on the batch."""
        positions = self._run(descriptions, seeds, keep_trajectory=False).x
        return self._unpadded(positions, descriptions)

    def trajectories(self, descriptions: Sequence[MoleculeFeatures], seeds: Sequence[int]) -> list[NDArray[np.float64]]:
        """Coordinates in Å at all times, [steps + 1, m, 3] for each description; the last are those of `sample`."""
        frames = self._run(descriptions, seeds, keep_trajectory=True).trajectory
        assert frames is not None
        return self._unpadded(frames.transpose(0, 1), descriptions)

    def _run(
        self, descriptions: Sequence[MoleculeFeatures], seeds: Sequence[int], *, keep_trajectory: bool
    ) -> SamplerResult:
        batch = collate(descriptions, scale=self._model.scale).to(self._device)
        diffusion = self._model.diffusion
        noise = CounterNoise(torch.tensor(seeds, dtype=torch.int64, device=self._device))
        like = torch.zeros(batch.size, batch.n_atoms, 3, device=self._device)
        sampler = self._settings.sampler(diffusion.path(batch))
        with torch.no_grad():
            return diffusion.sample(sampler, like, noise, condition=batch, keep_trajectory=keep_trajectory)

    def _unpadded(self, x: Tensor, descriptions: Sequence[MoleculeFeatures]) -> list[NDArray[np.float64]]:
        positions = (x * self._model.scale).double().cpu().numpy()
        return [positions[i, ..., : d.n_atoms, :] for i, d in enumerate(descriptions)]
