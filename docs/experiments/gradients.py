"""How much the gradient of one batch varies at given weights."""

from __future__ import annotations

import torch

from diffusion.training import AbstractBatches, QuotientTrainingModule


def gradient_variance(module: QuotientTrainingModule, batches: AbstractBatches, *, count: int) -> float:
    """Trace of the covariance of the gradient of a batch, at the weights that were reached."""
    parameters = list(module.network.parameters())
    gradients = []
    for k in range(count):
        loss = module.losses(batches.at(2**41 + k)).mean()
        gradients.append(
            torch.cat(
                [g.flatten() for g in torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)]
            )
        )
    return float(torch.stack(gradients).double().var(0).sum())
