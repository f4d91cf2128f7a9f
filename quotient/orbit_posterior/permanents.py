"""Permanents of positive matrices, from their logarithms."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@cache
def _layers(n: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """For k = 1, ..., n: of each set S of k rows, the members i, and the places of S - {i} among the sets before."""
    layers = []
    before: dict[tuple[int, ...], int] = {(): 0}
    for size in range(1, n + 1):
        sets = list(itertools.combinations(range(n), size))
        smaller = [[before[tuple(j for j in chosen if j != i)] for i in chosen] for chosen in sets]
        layers.append((np.array(sets), np.array(smaller)))
        before = {chosen: place for place, chosen in enumerate(sets)}
    return layers


def _forward(logits: Tensor, add: Callable[[Tensor, int], Tensor] = torch.logsumexp) -> list[Tensor]:
    """Log-sums over the ways to give the first k columns to each set of k rows, k = 0, ..., n."""
    sums = [torch.zeros_like(logits[..., 0, :1])]
    for column, layer in enumerate(_layers(logits.shape[-1])):
        members, smaller = (torch.from_numpy(index).to(logits.device) for index in layer)
        terms = sums[-1][..., smaller] + logits[..., column][..., members]
        sums.append(add(terms, -1))
    return sums


def log_permanent(logits: Tensor) -> Tensor:
    """Log sum_g exp sum_j L_{g(j) j} over all permutations g, shape ``[...]``.

    Column by column over the sets of rows already used. All terms are positive, so nothing cancels, as it does in
    Ryser's formula [Ryser1963]: the relative error of the permanent is a few times n roundings at every scale.

    Args:
        logits: L, shape ``[..., n, n]``.

    Returns:
        The log-permanent of exp L; differentiable to any order. Cost O(n 2^n).
    """
    return _forward(logits)[-1].squeeze(-1)


def best_sum(logits: Tensor) -> Tensor:
    """max_g sum_j L_{g(j) j} over all permutations g, shape ``[...]``, by the same recursion with maxima."""
    return _forward(logits, torch.amax)[-1].squeeze(-1)


def assignment_marginals(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Log-permanent and P_ij, the share of permutations with g(j) = i, weighed by exp sum_j L_{g(j) j}.

    By the same recursion from both ends: P_ij sums over the sets S of j rows without i the share of the permutations
    that give the columns before j to S, j to i, and the others to the rest. Rows and columns of P sum to one.

    Args:
        logits: L, shape ``[..., n, n]``.

    Returns:
        The log-permanent, shape ``[...]``, and P, shape ``[..., n, n]``; differentiable to any order. Cost O(n 2^n).
    """
    n = logits.shape[-1]
    forward = _forward(logits)
    log_sum = forward[-1].squeeze(-1)
    # of the columns after j in reverse order: the rows left over for them, indexed by their complement
    backward = torch.zeros_like(log_sum).unsqueeze(-1)
    columns = []
    for column in reversed(range(n)):
        members, smaller = (torch.from_numpy(index).to(logits.device) for index in _layers(n)[column])
        given = logits[..., column][..., members]
        after = backward.unsqueeze(-1) + given
        shares = torch.exp(forward[column][..., smaller] + after - log_sum[..., None, None])
        hits = torch.nn.functional.one_hot(members, n).to(logits.dtype)
        columns.append(torch.einsum("...sk,skn->...n", shares, hits))
        backward = _collect(after, smaller, forward[column].shape[-1])
    return log_sum, torch.stack(columns[::-1], -1)


def _collect(terms: Tensor, places: Tensor, count: int) -> Tensor:
    """Log-sums of ``terms [..., s, k]`` over the entries with the same place, shape ``[..., count]``."""
    order = torch.argsort(places.flatten(), stable=True)
    grouped = terms.flatten(-2)[..., order].unflatten(-1, (count, -1))
    return torch.logsumexp(grouped, -1)
