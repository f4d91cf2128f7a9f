"""Rank-revealing orthonormal frames: the one piece of linear algebra under every projection.

Gram matrices square the condition number, so ranks and projections are never read off them where that could be seen.
Two routes give the same frame up to rounding and a rotation, and each item takes its own, whatever is beside it in the
batch. Where every vector provably stands far above rounding, twice the inverse Cholesky factor of the Gram matrix: a
few matrix products. Elsewhere modified Gram-Schmidt with pivoting and one re-orthogonalisation, in which a vector
counts as existing only where it stands above what rounding of the point's coordinates could have produced.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from quotient._certificate import RANK_TOLERANCE, certainly, certify, inverse_factor
from quotient._products import ArrayProduct, InnerProduct, combine, gram_matrix, overlaps


@dataclass(frozen=True)
class Frame:
    """Orthonormal vectors u_i = sum_a T_ia xi_a spanning the resolved part of span{xi_a}.

    Attributes:
        vectors: u, shape ``[..., m, *point_shape]``; rows that do not exist are zero.
        coefficients: T, real, shape ``[..., m, m]``; rows that do not exist are zero.
        kept: which rows exist, boolean, shape ``[..., m]``.
        log_residuals: log of the residual norm of each kept row in the order it was used, else 0, shape ``[..., m]``;
            their sum is ``0.5 * log det`` of the Gram matrix when every row exists.
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
    """Orthonormal frame of the resolved part of the span of a small set of vectors.

    Args:
        vectors: xi, shape ``[..., m, *point_shape]``, float64 or complex128.
        inner: real inner product of tangent vectors, broadcasting over the axis of vectors: ``[..., m]``.
        noise: size of the change of xi_a when coordinates move by the point's own magnitude, ``[..., m]``.
        resolution: relative precision of the coordinates of the point (machine epsilon of the input type).

    Returns:
        The frame. Differentiable, along the stratum where vectors are dropped. Cost O(m^2 * point size): a few matrix
        products, and some 10 m passes over the vectors for items that are not certified (for the whole batch where
        the metric depends on the point, or inside ``torch.func.vmap``). One value is read from the device.
    """
    if not noise.shape[-1]:
        return Frame(vectors, noise.new_zeros(*noise.shape, 0), noise.bool(), noise)
    fast, passed = _certified_frame(vectors, inner, noise, resolution)
    known = certainly(passed)
    if known:
        return fast
    if known is False and passed.ndim and isinstance(inner, ArrayProduct):
        rest = ~passed
        slow = _pivoted_frame(vectors[rest], inner, noise[rest], resolution)
        pairs = zip(_parts(fast), _parts(slow), strict=True)
        return Frame(*(first.index_put((rest,), second) for first, second in pairs))
    slow = _pivoted_frame(vectors, inner, noise, resolution)
    return Frame(
        *(
            torch.where(passed.reshape(passed.shape + (1,) * (first.ndim - passed.ndim)), first, second)
            for first, second in zip(_parts(fast), _parts(slow), strict=True)
        )
    )


def _parts(frame: Frame) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return frame.vectors, frame.coefficients, frame.kept, frame.log_residuals


def _certified_frame(vectors: Tensor, inner: InnerProduct, noise: Tensor, resolution: float) -> tuple[Frame, Tensor]:
    """Frame u = T xi with T lower triangular, and the items for which it is one, ``[...]`` [Yamamoto2015].

    The first factor may be held constant under differentiation: the frame does not depend on it.
    """
    point_axes = vectors.ndim - noise.ndim
    gram = gram_matrix(vectors, inner, point_axes)
    sizes = torch.diagonal(gram.detach(), dim1=-2, dim2=-1).clamp_min(0).sqrt()
    first, passed = certify(gram.detach(), sizes, noise, resolution)
    nearly = combine(first, vectors, point_axes)
    eye = torch.eye(noise.shape[-1], dtype=noise.dtype, device=noise.device)
    almost = torch.where(passed[..., None, None], gram_matrix(nearly, inner, point_axes), eye)
    second = inverse_factor(almost)
    coefficients = second @ first
    frame = Frame(
        vectors=combine(second, nearly, point_axes),
        coefficients=coefficients,
        kept=torch.ones_like(noise, dtype=torch.bool),
        log_residuals=-torch.diagonal(coefficients, dim1=-2, dim2=-1).log(),
    )
    return frame, passed


def _pivoted_frame(vectors: Tensor, inner: InnerProduct, noise: Tensor, resolution: float) -> Frame:
    """Pivoted, re-orthogonalised Gram-Schmidt.

    The pivot is the vector whose residual is largest *in units of its own rounding noise*, so exact directions
    (translations) go first and inexact ones are cleaned of them before they are used.
    """
    *batch, count = noise.shape
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

    def once(rest: Tensor) -> Tensor:
        weights = overlaps(frame.vectors, rest, inner, point_axes)
        return combine(weights.unsqueeze(-2), frame.vectors, point_axes).squeeze(-point_axes - 1)

    first = once(vector)
    return first + once(vector - first)


def log_pseudo_volume(frame: Frame, vectors: Tensor, inner: InnerProduct) -> Tensor:
    """0.5 log pdet of the Gram matrix of ``vectors``, on the rank that ``frame`` resolved, shape ``[...]``.

    With C_ia = <u_i, xi_a> the pseudo-determinant is det(C C^T) over the rows that exist. Where every vector exists it
    is read off the residuals, which are free of cancellation.
    """
    if certainly(frame.kept):
        return frame.log_residuals.sum(-1)
    point_axes = frame.vectors.ndim - frame.kept.ndim
    axis = -point_axes - 1
    components = torch.stack(
        [overlaps(frame.vectors, vector, inner, point_axes) for vector in vectors.unbind(axis)], -1
    )
    ones = torch.ones_like(components[..., 0])
    rows = orthonormal_frame(components, ArrayProduct(1), ones, 0.0)
    return torch.where(frame.kept.all(-1), frame.log_residuals.sum(-1), rows.log_residuals.sum(-1))
