"""Clouds of points, some of which may be padding."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from quotient.errors import PointShapeError
from quotient.shaped import ShapedSpace
from quotient.spaces import FlatSpace


@final
class PointClouds(ShapedSpace, FlatSpace):
    """Clouds of ``n_points`` points in R^d, one point a row, some rows of which may be padding.

    Args:
        n_points: number of rows, padding included.
        dim: d, the dimension of the space the points live in.
        mask: True for real points, shape ``[..., n_points]``, broadcast against batches; None when all are real.
            Tangent vectors vanish on padding and padding is never looked at.

    Raises:
        PointShapeError: when the mask is not boolean or its last axis is not ``n_points``.
    """

    def __init__(self, n_points: int, dim: int, *, mask: Tensor | None = None) -> None:
        if n_points < 1 or dim < 1:
            raise PointShapeError(f"clouds need at least one row and one dimension, got {n_points} and {dim}")
        if mask is not None and (mask.dtype != torch.bool or mask.shape[-1:] != (n_points,)):
            raise PointShapeError(
                f"mask must be boolean of shape [..., {n_points}], got {mask.dtype} of shape {tuple(mask.shape)}"
            )
        super().__init__(n_points, dim)
        self.mask = mask

    def __repr__(self) -> str:
        masked = "" if self.mask is None else f", mask={list(self.mask.shape)}"
        return f"PointClouds({self.shape[0]}, {self.shape[1]}{masked})"

    def count(self, like: Tensor) -> Tensor:
        """Number of real points, with the dtype and device of ``like``, shape broadcasting against batches."""
        if self.mask is None:
            return torch.tensor(float(self.shape[0]), dtype=like.dtype, device=like.device)
        return self.mask.sum(-1).to(dtype=like.dtype, device=like.device)

    @override
    def degrees_of_freedom(self, like: Tensor) -> Tensor:
        return self.shape[1] * self.count(like)

    @property
    @override
    def batch_shape(self) -> tuple[int, ...]:
        return () if self.mask is None else tuple(self.mask.shape[:-1])

    @override
    def keep(self, array: Tensor) -> Tensor:
        """Zero the padded rows of ``array [..., n_points, d]``, also where they hold NaN."""
        return array if self.mask is None else torch.where(self.mask.unsqueeze(-1), array, torch.zeros_like(array))

    def centroid(self, point: Tensor) -> Tensor:
        """Mean of the real points, shape ``[..., 1, d]``; zero when there are none."""
        total = self.keep(point).sum(-2, keepdim=True)
        return total / self.count(point).clamp_min(1)[..., None, None]

    def center(self, point: Tensor) -> Tensor:
        """Subtract the centroid from the real points and zero the padding; exact to rounding at any offset."""
        once = self.keep(point - self.centroid(point))
        return self.keep(once - self.centroid(once))

    @override
    def to_tangent(self, vector: Tensor, base_point: Tensor) -> Tensor:
        return self.keep(vector)
