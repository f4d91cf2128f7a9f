"""Inner products of stacks of vectors, as matrix products where the metric allows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from quotient.embedded import EmbeddedSpace
from quotient.total_space import TotalSpace

InnerProduct = Callable[[Tensor, Tensor], Tensor]


@final
@dataclass(frozen=True)
class ArrayProduct:
    """The inner product sum Re(conj(u) v) of arrays, the same at every point.

    Attributes:
        point_axes: number of trailing axes that are summed.
    """

    point_axes: int

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        product = (first.conj() * second).real if first.is_complex() or second.is_complex() else first * second
        return product.sum(tuple(range(-self.point_axes, 0)))


def inner_at(space: TotalSpace, point: Tensor) -> InnerProduct:
    """The metric of M at a point, for vectors stacked along an axis before those of the point."""
    rank = len(space.shape)
    if type(space).metric is EmbeddedSpace.metric:
        return ArrayProduct(rank)
    lifted = point.unsqueeze(-rank - 1)
    return lambda first, second: space.metric(first, second, lifted)


def real_rows(array: Tensor, point_axes: int) -> Tensor:
    """Points as vectors of real coordinates, ``[..., n]`` from ``[..., *point_shape]``."""
    wide = torch.view_as_real(array) if array.is_complex() else array
    return wide.flatten(array.ndim - point_axes) if point_axes or array.is_complex() else wide.unsqueeze(-1)


def gram_matrix(vectors: Tensor, inner: InnerProduct, point_axes: int) -> Tensor:
    """G_ab = <v_a, v_b> of vectors stacked along the axis before the point, ``[..., m, m]``.

    Row by row where the metric depends on the point: an array ``[..., m, m, *point_shape]`` is never formed.
    """
    if isinstance(inner, ArrayProduct):
        rows = real_rows(vectors, point_axes)
        return rows @ rows.mT
    axis = -point_axes - 1
    lines = [inner(vectors, vector.unsqueeze(axis)) for vector in vectors.unbind(axis)]
    return torch.stack(lines, -2)


def overlaps(vectors: Tensor, vector: Tensor, inner: InnerProduct, point_axes: int) -> Tensor:
    """<v_a, w> of ``vectors [..., m, *point_shape]`` with one vector ``[..., *point_shape]``, shape ``[..., m]``."""
    if isinstance(inner, ArrayProduct):
        rows = real_rows(vectors, point_axes)
        return (real_rows(vector, point_axes).unsqueeze(-2) @ rows.mT).squeeze(-2)
    return inner(vectors, vector.unsqueeze(-point_axes - 1))


def combine(weights: Tensor, vectors: Tensor, point_axes: int) -> Tensor:
    """sum_a W_ia v_a for real ``weights [..., k, m]``, shape ``[..., k, *point_shape]``."""
    mixed = weights @ real_rows(vectors, point_axes)
    shape = vectors.shape[vectors.ndim - point_axes :]
    if vectors.is_complex():
        return torch.view_as_complex(mixed.unflatten(-1, (*shape, 2)))
    return mixed.unflatten(-1, shape)
