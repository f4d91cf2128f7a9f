"""Boltzmann reweighting: samples of a model made to stand for exp(-E / kT)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from diffusion.errors import DiffusionError


@final
@dataclass(frozen=True)
class BoltzmannWeights:
    """Importance weights of samples; see :func:`boltzmann_weights`.

    Attributes:
        weights: w_i, positive, with sum one, shape ``[n]``.
        log_partition: estimate of log of the integral of exp(-E / kT) over the slice of M.
    """

    weights: Tensor
    log_partition: Tensor

    @property
    def effective_sample_size(self) -> Tensor:
        """1 / sum w_i^2, between 1 and n [Kish1965]. When it is a small part of n, estimates are not to be trusted."""
        return 1 / (self.weights**2).sum()

    def mean(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Mean of a function on Q under the Boltzmann law, and its standard error, from values ``[n, ...]``.

        mean = sum w_i f_i,    error^2 = sum w_i^2 (f_i - mean)^2
        """
        w = self.weights.to(values.dtype).reshape(-1, *(1,) * (values.ndim - 1))
        mean = (w * values).sum(0)
        return mean, (w**2 * (values - mean) ** 2).sum(0).sqrt()

    def resample(self, count: int, generator: torch.Generator) -> Tensor:
        """Indices of ``count`` samples drawn by their weights, with replacement, shape ``[count]``."""
        return torch.multinomial(self.weights, count, replacement=True, generator=generator)


def boltzmann_weights(energy: Tensor, log_density: Tensor, *, temperature: float = 1.0) -> BoltzmannWeights:
    """Weights w_i proportional to exp(-E(x_i) / kT) / p(x_i) of samples x_i of a model [Noe2019].

    E is an invariant function on M, so exp(-E / kT) is a density with respect to the volume of the slice of M: p must
    be one too, as :func:`diffusion.log_likelihood` gives it, *not* the density q = p vol(orbit) on Q.

    Args:
        energy: E(x_i), shape ``[n]``.
        log_density: log p(x_i), shape ``[n]``.
        temperature: kT in the unit of the energy, positive.

    Raises:
        DiffusionError: for arguments that are not two vectors of one length, a temperature that is not positive, or
            values that leave no sample with a finite weight.
    """
    if energy.ndim != 1 or energy.shape != log_density.shape or len(energy) == 0:
        raise DiffusionError(
            f"energy and log_density must be vectors of one length, got shapes {tuple(energy.shape)} and "
            f"{tuple(log_density.shape)}"
        )
    if temperature <= 0:
        raise DiffusionError(f"temperature must be positive, got {temperature}")
    logs = -energy.double() / temperature - log_density.double()
    if bool(logs.isnan().any()) or not bool(logs.max().isfinite()):
        raise DiffusionError("no finite weight: drop the samples whose energy or density is not a number first")
    total = torch.logsumexp(logs, 0)
    return BoltzmannWeights(weights=(logs - total).exp(), log_partition=total - math.log(len(logs)))
