"""Rotations."""

from __future__ import annotations

import math
from functools import cached_property
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups._geomstats import MatrixLieGroup, algebra_basis, geomstats_so
from groups.classical import ClassicalGroup, haar_isometries
from groups.group import element_dtype


@final
class SpecialOrthogonal(ClassicalGroup):
    """SO(n), rotation matrices ``[..., n, n]``; unit-angle basis of geomstats' so(n).

    Args:
        n: at least 1.

    Raises:
        GroupError: when n < 1.
    """

    @property
    @override
    def dim(self) -> int:
        return self.n * (self.n - 1) // 2

    @override
    def _make_basis(self) -> Tensor:
        if self.n == 1:
            return torch.zeros(0, 1, 1, dtype=torch.float64)
        return algebra_basis(self.geomstats)

    @cached_property
    def geomstats(self) -> MatrixLieGroup:
        """The same group as a geomstats manifold."""
        return geomstats_so(self.n)

    @property
    @override
    def log_haar_volume(self) -> float:
        """Log volume in the metric of unit angles: the product of the volumes of the spheres S^1, ..., S^(n-1)."""
        return sum(math.log(2.0) + 0.5 * k * math.log(math.pi) - math.lgamma(0.5 * k) for k in range(2, self.n + 1))

    @override
    def random(self, batch_shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
        q = haar_isometries((*batch_shape, *self.shape), generator, torch.float64)
        first = torch.det(q).sign()[..., None, None] * q[..., :, :1]
        rotation = torch.cat([first, q[..., :, 1:]], -1)
        return rotation.to(dtype=element_dtype(like, is_complex=False), device=like.device)
