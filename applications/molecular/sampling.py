"""A conformer model as a sampler: batches of molecules, seeds and step counts in, coordinates in Å out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from applications.molecular.batching import collate
from applications.molecular.chemistry import Molecule
from applications.molecular.features import MoleculeFeatures, featurize
from applications.molecular.generate import AbstractConformerSampler
from applications.molecular.model import ConformerModel, Coupling
from diffusion import Euler, Interpolant, ODESampler, Sampler, SamplerResult, SDESampler, uniform_grid
from quotient.noise import CounterNoise


@final
class SamplerKind(Enum):
    """Which process is simulated from the prior to the data."""

    ODE = "ode"
    """The probability-flow ODE on the quotient, Euler steps."""
    SDE = "sde"
    """The reverse SDE on the quotient, with the mean-curvature drift of its lift."""


@final
class SamplingError(ValueError):
    """Options that this model cannot be sampled with."""


@final
@dataclass(frozen=True, kw_only=True)
class SamplingSettings:
    """How the process is simulated.

    Attributes:
        steps: steps of the uniform grid in [0, 1].
        kind: ODE or SDE.
        noise_scale: of the SDE: scales the variance of its noise and the curvature drift together; 1 is
            exact.
    """

    steps: int = 50
    kind: SamplerKind = SamplerKind.ODE
    noise_scale: float = 1.0

    def sampler(self, interpolant: Interpolant) -> Sampler:
        """The discretised process for an interpolant."""
        grid = uniform_grid(self.steps)
        if self.kind is SamplerKind.ODE:
            return ODESampler(grid, method=Euler())
        return SDESampler(grid, interpolant, noise_scale=self.noise_scale)


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
        if settings.kind is SamplerKind.SDE and model.spec.coupling is not Coupling.INDEPENDENT:
            raise SamplingError(
                f"the model was trained with coupling {model.spec.coupling.value}, whose score is not known, "
                "so it has no SDE. Use --sampler ode, or a model trained with --coupling independent."
            )
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
