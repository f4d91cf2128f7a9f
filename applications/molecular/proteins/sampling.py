"""A model of backbones as a sampler: chains, seeds and step counts in, CA coordinates in Å out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from applications.molecular.proteins.batching import BackboneFeatures, collate
from applications.molecular.proteins.model import BackboneModel
from applications.molecular.sampling_settings import SamplingSettings
from diffusion import SamplerResult
from quotient.noise import CounterNoise


@final
class BackboneSampler:
    """Samples a `BackboneModel`.

    Args:
        model: The model.
        settings: Steps and process.

    Raises:
        SamplingError: The SDE was asked of a model trained with aligned pairs, whose score is not known.
    """

    def __init__(self, model: BackboneModel, settings: SamplingSettings) -> None:
        settings.check(model.spec.coupling)
        self._model = model
        self._settings = settings
        self._device = next(model.network.parameters()).device

    def sample(self, chains: Sequence[BackboneFeatures], seeds: Sequence[int]) -> list[NDArray[np.float64]]:
        """Centred coordinates in Å, [n, 3] each; they depend on chain and seed, and by rounding only on the batch."""
        return self._unpadded(self._run(chains, seeds, keep_trajectory=False).x, chains)

    def trajectories(self, chains: Sequence[BackboneFeatures], seeds: Sequence[int]) -> list[NDArray[np.float64]]:
        """Coordinates in Å at all times, [steps + 1, n, 3] for each chain; the last are those of `sample`."""
        frames = self._run(chains, seeds, keep_trajectory=True).trajectory
        assert frames is not None
        return self._unpadded(frames.transpose(0, 1), chains)

    def _run(self, chains: Sequence[BackboneFeatures], seeds: Sequence[int], *, keep_trajectory: bool) -> SamplerResult:
        batch = collate(chains, scale=self._model.scale).to(self._device)
        diffusion = self._model.diffusion
        noise = CounterNoise(torch.tensor(seeds, dtype=torch.int64, device=self._device))
        like = torch.zeros(batch.size, batch.n_residues, 3, device=self._device)
        sampler = self._settings.sampler(diffusion.path(batch))
        with torch.no_grad():
            return diffusion.sample(sampler, like, noise, condition=batch, keep_trajectory=keep_trajectory)

    def _unpadded(self, x: Tensor, chains: Sequence[BackboneFeatures]) -> list[NDArray[np.float64]]:
        positions = (x * self._model.scale).double().cpu().numpy()
        return [positions[i, ..., : chain.n_residues, :] for i, chain in enumerate(chains)]
