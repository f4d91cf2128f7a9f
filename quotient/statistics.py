"""Geodesics, Frechet means and energy distances on Q, through alignment along orbits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from quotient.orbit_space import AlignmentKind, OrbitSpace


def quotient_geodesic(quotient: OrbitSpace, initial_point: Tensor, end_point: Tensor, ts: Tensor) -> Tensor:
    """Horizontal geodesic from ``initial_point`` to the orbit of ``end_point``: the lift of a geodesic of Q.

    It is the shortest one where the alignment of the two is global, and has constant speed.

    Args:
        quotient: Q.
        initial_point: x, shape ``[..., *point_shape]``.
        end_point: y, same shape.
        ts: times, 0 at x and 1 at y, shape ``[n_times]``.

    Returns:
        exp_x(t log_x(A_x(y))), shape ``[n_times, ..., *point_shape]``.
    """
    space = quotient.total_space
    here = quotient.center(initial_point)
    velocity = space.log(quotient.align(quotient.center(end_point), here).point, here)
    return torch.stack([space.exp(t * velocity, here) for t in ts.to(velocity.real.dtype).unbind(0)])


@final
@dataclass(frozen=True)
class FrechetMean:
    """A mean of points of Q.

    Attributes:
        point: the mean, shape ``[..., *point_shape]``.
        variance: weighted mean of the squared distances to it, shape ``[...]``.
        gradient_norm: length of the mean of the logarithms at it, zero at a stationary point, shape ``[...]``.
        converged: whether that is below the tolerance, boolean, shape ``[...]``.
        kind: whether the alignments were global.
    """

    point: Tensor
    variance: Tensor
    gradient_norm: Tensor
    converged: Tensor
    kind: AlignmentKind


def frechet_mean(
    quotient: OrbitSpace,
    points: Tensor,
    *,
    weights: Tensor | None = None,
    initial_point: Tensor | None = None,
    max_iterations: int = 128,
    tolerance: float = 1e-9,
) -> FrechetMean:
    """A point of Q that minimises the weighted sum of squared distances, by alternating alignment and averaging.

    m <- exp_m(sum_k w_k log_m(A_m(x_k))), a descent that ends in a stationary point: a Frechet mean in a region where
    it is unique, else a local one. On clouds modulo rigid motions this is generalised Procrustes analysis [Gower1975].

    Args:
        quotient: Q.
        points: x_k along the first axis, shape ``[n, ..., *point_shape]``.
        weights: w_k, not negative, shape ``[n]``; normalised here; equal ones by default.
        initial_point: where to start; the first point by default.
        max_iterations: the most iterations taken.
        tolerance: of the step length, relative to the root mean square distance.

    Raises:
        ValueError: without points, or with weights that are negative or sum to zero.
    """
    if not len(points):
        raise ValueError("a Frechet mean needs at least one point, got none")
    weights = points.real.new_ones(len(points)) if weights is None else weights
    if weights.shape != points.shape[:1] or bool((weights < 0).any()) or float(weights.sum()) <= 0:
        raise ValueError(f"weights must be {len(points)} numbers, not negative and not all zero, got {weights}")
    share = (weights / weights.sum()).reshape(-1, *(1,) * (points.ndim - 1))
    data = quotient.center(points)
    mean = data[0] if initial_point is None else quotient.center(initial_point)
    step, size, variance, kind = _towards_mean(quotient, data, share, mean)
    for _ in range(max_iterations):
        if bool((size <= tolerance * variance.sqrt()).all()):
            break
        mean = quotient.total_space.exp(step, mean)
        step, size, variance, kind = _towards_mean(quotient, data, share, mean)
    return FrechetMean(mean, variance, size, size <= tolerance * variance.sqrt(), kind)


def _towards_mean(
    quotient: OrbitSpace, data: Tensor, share: Tensor, mean: Tensor
) -> tuple[Tensor, Tensor, Tensor, AlignmentKind]:
    """The mean logarithm at a point, its length, the mean squared distance, and the kind of the alignments."""
    space = quotient.total_space
    foot = mean.unsqueeze(0).expand_as(data).contiguous()
    aligned = quotient.align(data, foot)
    logs = space.log(aligned.point, foot)
    step = (share * logs).sum(0)
    squares = space.inner_product(logs, logs, foot)
    variance = (share.reshape(-1, *(1,) * (squares.ndim - 1)) * squares).sum(0)
    return step, space.norm(step, mean), variance, aligned.kind


def pairwise_distances(quotient: OrbitSpace, first: Tensor, second: Tensor) -> Tensor:
    """All distances on Q between two sets of points, ``[n, *point_shape]`` and ``[m, *point_shape]``: ``[n, m]``.

    Cost n m alignments, batched.
    """
    n, m = len(first), len(second)
    a = first.unsqueeze(1).expand(n, m, *first.shape[1:])
    b = second.unsqueeze(0).expand(n, m, *second.shape[1:])
    return quotient.dist(a.contiguous(), b.contiguous())


def energy_distance(quotient: OrbitSpace, first: Tensor, second: Tensor) -> Tensor:
    """Unbiased estimate of 2 E d(X, Y) - E d(X, X') - E d(Y, Y'), with the distance of Q [Szekely2013].

    Zero in expectation where both samples have one law on Q; it may be negative. Positive for different laws where the
    distance is of negative type, as it is on Euclidean spaces.

    Args:
        quotient: Q.
        first: sample of X, shape ``[n, *point_shape]``, n >= 2.
        second: sample of Y, shape ``[m, *point_shape]``, m >= 2.

    Raises:
        ValueError: for a sample of fewer than two points.
    """
    n, m = len(first), len(second)
    if min(n, m) < 2:
        raise ValueError(f"an energy distance needs samples of at least two points, got {n} and {m}")
    across = pairwise_distances(quotient, first, second).mean()
    within = (pairwise_distances(quotient, x, x) for x in (first, second))
    inside = [(d.sum() - d.diagonal().sum()) / (len(d) * (len(d) - 1)) for d in within]
    return 2 * across - inside[0] - inside[1]
