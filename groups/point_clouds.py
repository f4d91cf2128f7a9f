"""Rotations, translations and rigid motions of point clouds ``[..., n_points, d]``: rows are points, x -> x R^T + t."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups.action import GroupAction
from groups.euclidean import SpecialEuclidean, Translations
from groups.kabsch import best_rotation
from groups.orthogonal import SpecialOrthogonal


def _keep(array: Tensor, mask: Tensor | None) -> Tensor:
    return array if mask is None else torch.where(mask.unsqueeze(-1), array, torch.zeros_like(array))


def _centroid(x: Tensor, mask: Tensor | None) -> Tensor:
    if mask is None:
        return x.mean(-2, keepdim=True)
    return _keep(x, mask).sum(-2, keepdim=True) / mask.sum(-1).clamp_min(1)[..., None, None]


def _center(x: Tensor, mask: Tensor | None) -> Tensor:
    once = _keep(x - _centroid(x, mask), mask)
    return _keep(once - _centroid(once, mask), mask)


@final
class RotationAction(GroupAction):
    """SO(d) rotating point clouds about the origin, x -> x R^T.

    Args:
        dim: d.
        mask: True for real points, shape ``[..., n_points]``; padding is mapped to zero.
    """

    linear = True
    point_ndim = 2
    reads_mask = True

    def __init__(self, dim: int, *, mask: Tensor | None = None) -> None:
        self.group = SpecialOrthogonal(dim)
        self.mask = mask

    @override
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return _keep(x @ g.mT, self.mask)

    @override
    def infinitesimal(self, x: Tensor) -> Tensor:
        return torch.einsum("...nj,aij->a...ni", _keep(x, self.mask), self.group.basis_like(x))

    @override
    def nearest_element(self, point: Tensor, base_point: Tensor) -> Tensor:
        return best_rotation(_keep(point, self.mask), _keep(base_point, self.mask))


@final
class TranslationAction(GroupAction):
    """R^d translating point clouds, x -> x + t.

    Args:
        dim: d.
        mask: True for real points, shape ``[..., n_points]``; padding is mapped to zero.
    """

    point_ndim = 2
    reads_mask = True

    def __init__(self, dim: int, *, mask: Tensor | None = None) -> None:
        self.group = Translations(dim)
        self.mask = mask

    @override
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return _keep(x + g.unsqueeze(-2), self.mask)

    @override
    def center(self, x: Tensor) -> Tensor:
        return _center(x, self.mask)

    @override
    def nearest_element(self, point: Tensor, base_point: Tensor) -> Tensor:
        return (_centroid(base_point, self.mask) - _centroid(point, self.mask)).squeeze(-2)


@final
class RigidMotionAction(GroupAction):
    """SE(d) moving point clouds, x -> x R^T + t; reflections are not in the group.

    Args:
        dim: d.
        mask: True for real points, shape ``[..., n_points]``; padding is mapped to zero.
    """

    point_ndim = 2
    reads_mask = True

    def __init__(self, dim: int, *, mask: Tensor | None = None) -> None:
        self._rigid = SpecialEuclidean(dim)
        self.group = self._rigid
        self.mask = mask

    @override
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        group = self._rigid
        return _keep(x @ group.rotation(g).mT + group.translation(g).unsqueeze(-2), self.mask)

    @override
    def center(self, x: Tensor) -> Tensor:
        return _center(x, self.mask)

    @override
    def nearest_element(self, point: Tensor, base_point: Tensor) -> Tensor:
        rotation = best_rotation(_center(point, self.mask), _center(base_point, self.mask))
        moved = _centroid(point, self.mask) @ rotation.mT
        return self._rigid.assemble(rotation, (_centroid(base_point, self.mask) - moved).squeeze(-2))
