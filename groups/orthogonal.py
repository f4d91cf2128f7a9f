"""Rotations."""

from __future__ import annotations

import math
from functools import cached_property
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups._geomstats import MatrixLieGroup, algebra_basis, geomstats_so
from groups.compact import CompactConnectedGroup
from groups.errors import GroupError
from groups.group import AbstractMatrixGroup, element_dtype


@final
class SpecialOrthogonal(AbstractMatrixGroup, CompactConnectedGroup):
    """SO(n), rotation matrices ``[..., n, n]``; unit-angle basis of geomstats' so(n).

    Args:
        n: at least 1.

    Raises:
        GroupError: when n < 1.
    """

    def __init__(self, n: int) -> None:
        if n < 1:
            raise GroupError(f"SO(n) needs n >= 1, got {n}")
        self.n = n

    def __repr__(self) -> str:
        return f"SpecialOrthogonal({self.n})"

    @property
    @override
    def dim(self) -> int:
        return self.n * (self.n - 1) // 2

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return (self.n, self.n)

    @property
    @override
    def is_complex(self) -> bool:
        return False

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
    def inverse(self, element: Tensor) -> Tensor:
        return element.mT

    @override
    def random(self, batch_shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
        gaussian = torch.randn(*batch_shape, *self.shape, generator=generator, dtype=torch.float64)
        q, r = torch.linalg.qr(gaussian)
        q = q * torch.diagonal(r, dim1=-2, dim2=-1).sign().unsqueeze(-2)
        first = torch.det(q).sign()[..., None, None] * q[..., :, :1]
        rotation = torch.cat([first, q[..., :, 1:]], -1)
        return rotation.to(dtype=element_dtype(like, is_complex=False), device=like.device)
