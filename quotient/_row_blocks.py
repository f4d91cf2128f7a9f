"""Sums and products over the rows of clouds, several rows at a time: three columns are too few for vector units."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

_WIDTH: Final = 12


def _fold(array: Tensor) -> int:
    """How many rows ``[..., n, d]`` are taken together: a divisor of n."""
    rows, columns = array.shape[-2:]
    return next((k for k in (4, 3, 2) if k * columns <= _WIDTH and rows % k == 0), 1)


def _folded(array: Tensor, k: int) -> Tensor:
    return array.unflatten(-2, (-1, k)).flatten(-2)


def row_sum(array: Tensor) -> Tensor:
    """sum_n x_n of ``[..., n, d]``, shape ``[..., 1, d]``."""
    k = _fold(array)
    return _folded(array, k).sum(-2).unflatten(-1, (k, -1)).sum(-2, keepdim=True)


def row_products(left: Tensor, right: Tensor) -> Tensor:
    """x^T y of ``[..., n, d]``, shape ``[..., d, d]``."""
    k = _fold(left)
    wide = _folded(left, k).mT @ _folded(right, k)
    return wide.unflatten(-1, (k, -1)).unflatten(-3, (k, -1)).diagonal(dim1=-4, dim2=-2).sum(-1)


def less_rows(array: Tensor, row: Tensor) -> Tensor:
    """Rows less one row, x - m, for ``[..., n, d]`` and ``[..., 1, d]``."""
    k = _fold(array)
    return (_folded(array, k) - row.tile(k)).unflatten(-1, (k, -1)).flatten(-3, -2)


def less_affine(array: Tensor, left: Tensor, right: Tensor, row: Tensor) -> Tensor:
    """Rows v - x A - m for ``[..., n, d]``, matrices ``[..., d, d]`` and rows ``[..., 1, d]``."""
    k = _fold(array)
    eye = torch.eye(k, dtype=right.dtype, device=right.device)
    blocks = (eye[:, None, :, None] * right[..., None, :, None, :]).flatten(-4, -3).flatten(-2)
    wide = _folded(array, k) - _folded(left, k) @ blocks - row.tile(k)
    return wide.unflatten(-1, (k, -1)).flatten(-3, -2)
