"""Diagnostics of Markov chains."""

from __future__ import annotations

import torch
from torch import Tensor


def chain_diagnostics(draws: Tensor) -> tuple[Tensor, Tensor]:
    """Split R-hat and effective sample size of several chains [Gelman2013].

    Each chain is cut in two. With W the mean variance within the halves and B/n that of their means,
    R-hat = ((1 - 1/n) + (B/n) / W)^(1/2). The effective size is that of batch means of length about sqrt(n): the total
    variance over the variance of batch means, times the number of batches, at most the number of draws.

    Args:
        draws: shape ``[draws, chains, ...]``, at least 8 draws.

    Returns:
        Both of shape ``[...]``; R-hat is 1 and the size that of the sample for quantities that do not vary.
    """
    count = len(draws) // 2
    halves = torch.cat([draws[:count], draws[count : 2 * count]], 1)
    within = halves.var(0).mean(0)
    between = halves.mean(0).var(0)
    still = within <= 0
    safe = torch.where(still, torch.ones_like(within), within)
    stuck = torch.where(between > 0, torch.full_like(within, torch.inf), torch.ones_like(within))
    r_hat = torch.where(still, stuck, ((1 - 1 / count) + between / safe).sqrt())
    length = max(2, int(len(draws) ** 0.5))
    batches = len(draws) // length
    means = draws[: batches * length].unflatten(0, (batches, length)).mean(1)
    number = batches * draws.shape[1]
    total, spread = draws.var((0, 1)), means.var((0, 1))
    size = float(len(draws) * draws.shape[1])
    constant = spread <= 0
    effective = number * total / torch.where(constant, torch.ones_like(spread), spread)
    return r_hat, torch.where(constant, torch.full_like(total, size), effective.clamp_max(size))
