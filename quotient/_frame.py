"""Rank-revealing orthonormal frames: the one piece of linear algebra under every projection.

Gram matrices square the condition number, so ranks and projections are never read off them. A set of vectors is
orthonormalised by modified Gram-Schmidt with pivoting and one re-orthogonalisation, in the metric at the base point.
A vector counts as existing only where it stands above what rounding of the point's coordinates could have produced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

#: A direction is resolved when its residual exceeds this many units of rounding noise.
RANK_TOLERANCE = 16.0

InnerProduct = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Frame:
    """Orthonormal vectors u_i = sum_a T_ia xi_a spanning the resolved part of span{xi_a}.

    Attributes:
        vectors: u, shape ``[..., m, *point_shape]``; rows that do not exist are zero.
        coefficients: T, real, shape ``[..., m, m]``; rows that do not exist are zero.
        kept: which rows exist, boolean, shape ``[..., m]``.
        log_residuals: log of the residual norm at each kept pivot, else 0, shape ``[..., m]``; their sum is
            ``0.5 * log det`` of the Gram matrix when every row exists.
    """

    vectors: Tensor
    coefficients: Tensor
    kept: Tensor
    log_residuals: Tensor

    @property
    def rank(self) -> Tensor:
        """Number of rows that exist, shape ``[...]``."""
        return self.kept.sum(-1)


def _expand(scalars: Tensor, point_axes: int) -> Tensor:
    """Append point axes to ``scalars [..., m]`` so that they multiply ``[..., m, *point_shape]``."""
    return scalars.reshape(scalars.shape + (1,) * point_axes)


def orthonormal_frame(vectors: Tensor, inner: InnerProduct, noise: Tensor, resolution: float) -> Frame:
    """Pivoted, re-orthogonalised Gram-Schmidt of a small set of vectors.

    The pivot is the vector whose residual is largest *in units of its own rounding noise*, so exact directions
    (translations) go first and inexact ones are cleaned of them before they are used.

    Args:
        vectors: xi, shape ``[..., m, *point_shape]``, float64 or complex128.
        inner: real inner product of tangent vectors, broadcasting over the axis of vectors: ``[..., m]``.
        noise: size of the change of xi_a when coordinates move by the point's own magnitude, ``[..., m]``.
        resolution: relative precision of the coordinates of the point (machine epsilon of the input type).

    Returns:
        The frame. Cost O(m^2 * point size); differentiable, along the stratum where vectors are dropped.
    """
    *batch, count = noise.shape
    if not count:
        return Frame(vectors, noise.new_zeros(*batch, 0, 0), noise.bool(), noise)
    exact = torch.finfo(noise.dtype).eps
    norms = inner(vectors, vectors).detach().clamp_min(0).sqrt()
    unit = torch.maximum(noise.detach(), exact * norms)
    unit = torch.where(unit > 0, unit, torch.ones_like(unit))

    residual = vectors
    coefficients = torch.eye(count, dtype=noise.dtype, device=noise.device).expand(*batch, count, count)
    point_axes = vectors.ndim - noise.ndim
    frame: list[Tensor] = []
    rows: list[Tensor] = []
    kept: list[Tensor] = []
    logs: list[Tensor] = []
    free = torch.ones_like(unit, dtype=torch.bool)
    for _ in range(count):
        size = inner(residual, residual).detach().clamp_min(0).sqrt() / unit
        pivot = torch.where(free, size, -torch.ones_like(size)).argmax(-1, keepdim=True)
        free = free.scatter(-1, pivot, False)
        index = pivot.reshape(pivot.shape + (1,) * point_axes)
        w = residual.gather(len(batch), index.expand(*batch, 1, *vectors.shape[len(batch) + 1 :]))
        t = coefficients.gather(-2, pivot.unsqueeze(-1).expand(*batch, 1, count))
        for u, row in zip(frame, rows, strict=True):
            overlap = inner(u, w)
            w = w - _expand(overlap, point_axes) * u
            t = t - overlap.unsqueeze(-1) * row
        square = inner(w, w)
        # negated, so that a residual that is not a number counts as existing and is passed on instead of hidden
        alive = ~(square.detach().clamp_min(0).sqrt() <= RANK_TOLERANCE * resolution * unit.gather(-1, pivot))
        length = torch.where(alive, square, torch.ones_like(square)).sqrt()
        u = torch.where(_expand(alive, point_axes), w / _expand(length, point_axes), torch.zeros_like(w))
        row = torch.where(alive.unsqueeze(-1), t / length.unsqueeze(-1), torch.zeros_like(t))
        overlap = inner(u, residual)
        residual = residual - _expand(overlap, point_axes) * u
        coefficients = coefficients - overlap.unsqueeze(-1) * row
        frame.append(u)
        rows.append(row)
        kept.append(alive)
        logs.append(torch.where(alive, length.log(), torch.zeros_like(length)))
    axis = len(batch)
    return Frame(
        vectors=torch.cat(frame, axis),
        coefficients=torch.cat(rows, -2),
        kept=torch.cat(kept, -1),
        log_residuals=torch.cat(logs, -1),
    )


def project(frame: Frame, vector: Tensor, inner: InnerProduct) -> Tensor:
    """Orthogonal projection ``sum_i u_i <u_i, v>`` of ``vector [..., *point_shape]`` on the span of the frame."""
    point_axes = frame.vectors.ndim - frame.kept.ndim
    lifted = vector.unsqueeze(-point_axes - 1)
    once = (_expand(inner(frame.vectors, lifted), point_axes) * frame.vectors).sum(-point_axes - 1)
    rest = (vector - once).unsqueeze(-point_axes - 1)
    return once + (_expand(inner(frame.vectors, rest), point_axes) * frame.vectors).sum(-point_axes - 1)


def dot(first: Tensor, second: Tensor) -> Tensor:
    """Inner product of real vectors over the last axis."""
    return (first * second).sum(-1)


def log_pseudo_volume(frame: Frame, vectors: Tensor, inner: InnerProduct) -> Tensor:
    """0.5 log pdet of the Gram matrix of ``vectors``, on the rank that ``frame`` resolved, shape ``[...]``.

    With C_ia = <u_i, xi_a> the pseudo-determinant is det(C C^T) over the rows that exist. Where every vector exists it
    is read off the pivots, which are free of cancellation.
    """
    point_axes = frame.vectors.ndim - frame.kept.ndim
    axis = -point_axes - 1
    if not frame.kept.shape[-1]:
        return frame.log_residuals.sum(-1)
    components = inner(frame.vectors.unsqueeze(axis), vectors.unsqueeze(axis - 1))
    ones = torch.ones_like(components[..., 0])
    rows = orthonormal_frame(components, dot, ones, 0.0)
    return torch.where(frame.kept.all(-1), frame.log_residuals.sum(-1), rows.log_residuals.sum(-1))
