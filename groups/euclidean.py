"""Translations and rigid motions."""

from __future__ import annotations

from functools import cached_property
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups._geomstats import MatrixLieGroup, algebra_basis, geomstats_se
from groups.additive import AdditiveGroup
from groups.group import AbstractMatrixGroup, element_dtype
from groups.orthogonal import SpecialOrthogonal
from groups.sized import SizedGroup


@final
class Translations(AdditiveGroup):
    """The additive group R^n; elements are displacement vectors ``[..., n]``.

    Args:
        n: at least 1.

    Raises:
        GroupError: when n < 1.
    """

    @property
    @override
    def compact(self) -> bool:
        return False

    @property
    @override
    def unimodular(self) -> bool:
        return True

    @property
    @override
    def connected(self) -> bool:
        return True

    @override
    def _reduce(self, element: Tensor) -> Tensor:
        return element

    @override
    def random(self, batch_shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
        """Standard normal displacements."""
        gaussian = torch.randn(*batch_shape, self.n, generator=generator, dtype=torch.float64)
        return gaussian.to(dtype=element_dtype(like, is_complex=False), device=like.device)


@final
class SpecialEuclidean(SizedGroup, AbstractMatrixGroup):
    """SE(n), rigid motions x -> R x + t as homogeneous matrices ``[..., n + 1, n + 1]``.

    The basis is geomstats': unit-angle rotations first, unit translations last.

    Args:
        n: at least 1.

    Raises:
        GroupError: when n < 1.
    """

    def __init__(self, n: int) -> None:
        super().__init__(n)
        self.rotations = SpecialOrthogonal(n)

    @property
    @override
    def dim(self) -> int:
        return self.rotations.dim + self.n

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return (self.n + 1, self.n + 1)

    @property
    @override
    def compact(self) -> bool:
        return False

    @property
    @override
    def unimodular(self) -> bool:
        return True

    @property
    @override
    def connected(self) -> bool:
        return True

    @override
    def _make_basis(self) -> Tensor:
        if self.n == 1:
            return torch.tensor([[[0.0, 1.0], [0.0, 0.0]]], dtype=torch.float64)
        return algebra_basis(self.geomstats)

    @cached_property
    def geomstats(self) -> MatrixLieGroup:
        """The same group as a geomstats manifold."""
        return geomstats_se(self.n)

    def rotation(self, element: Tensor) -> Tensor:
        """The rotation R of a rigid motion, shape ``[..., n, n]``."""
        return element[..., : self.n, : self.n]

    def translation(self, element: Tensor) -> Tensor:
        """The translation t of a rigid motion, shape ``[..., n]``."""
        return element[..., : self.n, self.n]

    def assemble(self, rotation: Tensor, translation: Tensor) -> Tensor:
        """The rigid motion x -> R x + t, shape ``[..., n + 1, n + 1]``."""
        batch = torch.broadcast_shapes(rotation.shape[:-2], translation.shape[:-1])
        top = torch.cat([rotation.expand(*batch, -1, -1), translation.expand(*batch, -1).unsqueeze(-1)], -1)
        bottom = torch.zeros_like(top[..., :1, :])
        bottom[..., -1] = 1.0
        return torch.cat([top, bottom], -2)

    @override
    def inverse(self, element: Tensor) -> Tensor:
        back = self.rotation(element).mT
        return self.assemble(back, -(back @ self.translation(element).unsqueeze(-1)).squeeze(-1))

    @override
    def random(self, batch_shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
        """A Haar rotation followed by a standard normal translation."""
        rotation = self.rotations.random(batch_shape, generator, like)
        return self.assemble(rotation, Translations(self.n).random(batch_shape, generator, like))
