"""Arrays of orbit posteriors: double precision, padding, inner products."""

from __future__ import annotations

import torch
from torch import Tensor

from groups import GroupAction
from quotient.errors import PointShapeError
from quotient.submersion import upcast


def prepare(action: GroupAction, dual: Tensor, point: Tensor) -> tuple[Tensor, Tensor]:
    """Dual point and point in double precision, with one batch shape and zeros in the padding.

    Raises:
        PointShapeError: when the trailing axes differ.
    """
    rank = action.point_ndim
    if dual.ndim < rank or point.ndim < rank or dual.shape[dual.ndim - rank :] != point.shape[point.ndim - rank :]:
        raise PointShapeError(
            f"{type(action).__name__}: dual {tuple(dual.shape)} and point {tuple(point.shape)} must have the same last "
            f"{rank} axes: those of one point"
        )
    pair = torch.broadcast_tensors(upcast(dual), upcast(point))
    if action.mask is not None:
        real = action.mask.unsqueeze(-1)
        pair = tuple(torch.where(real, array, torch.zeros_like(array)) for array in pair)
    return pair[0], pair[1]


def result_dtype(dual: Tensor, point: Tensor) -> tuple[torch.dtype, torch.dtype]:
    """Dtype of means, and the real dtype of the same precision."""
    dtype = torch.result_type(dual, point)
    return dtype, dtype.to_real() if dtype.is_complex else dtype


def inner(dual: Tensor, point: Tensor, rank: int) -> Tensor:
    """<y, x> = Re sum conj(y) x over the last ``rank`` axes."""
    product = (dual.conj() * point).real if dual.is_complex() or point.is_complex() else dual * point
    return product.sum(tuple(range(-rank, 0))) if rank else product


def widen(values: Tensor, rank: int) -> Tensor:
    """``values`` with ``rank`` further axes of length one."""
    return values.reshape((*values.shape, *(1,) * rank))


def orbit_points(action: GroupAction, elements: Tensor, dual: Tensor, point: Tensor) -> tuple[Tensor, Tensor]:
    """The points g x of the elements ``[k, *group.shape]``, ``[k, ..., *point_shape]``, and <y, g x>, ``[k, ...]``."""
    rank = action.point_ndim
    batch = (1,) * (point.ndim - rank)
    moved = action.act(elements.reshape((len(elements), *batch, *elements.shape[1:])), point)
    return moved, inner(dual, moved, rank)
