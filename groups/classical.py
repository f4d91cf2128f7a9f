"""Compact groups of n x n matrices whose inverse is the adjoint."""

from __future__ import annotations

import torch
from torch import Tensor
from typing_extensions import override

from groups.compact import CompactConnectedGroup
from groups.group import AbstractMatrixGroup
from groups.sized import SizedGroup


class ClassicalGroup(SizedGroup, AbstractMatrixGroup, CompactConnectedGroup):
    """Rotations or unitary matrices ``[..., n, n]``.

    Args:
        n: at least 1.
    """

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return (self.n, self.n)

    @override
    def inverse(self, element: Tensor) -> Tensor:
        return element.mH


def haar_isometries(shape: tuple[int, ...], generator: torch.Generator, dtype: torch.dtype) -> Tensor:
    """Haar distributed orthogonal or unitary matrices of the given shape ``[..., n, n]``.

    The Q of a Gaussian matrix with the diagonal of R made positive: the factorisation is then unique, and Q has the law
    that is invariant from both sides. Q alone, with the signs that the algorithm leaves, is not Haar distributed.
    """
    q, r = torch.linalg.qr(torch.randn(shape, generator=generator, dtype=dtype))
    diagonal = torch.diagonal(r, dim1=-2, dim2=-1)
    return q * (diagonal / diagonal.abs()).unsqueeze(-2)
