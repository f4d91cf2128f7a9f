"""Groups of vectors and of angles, written additively."""

from __future__ import annotations

import abc

import torch
from torch import Tensor
from typing_extensions import override

from groups.group import element_dtype
from groups.sized import SizedGroup


class AdditiveGroup(SizedGroup):
    """R^n modulo a lattice, or R^n itself; elements are vectors ``[..., n]``, the basis is the standard one.

    Args:
        n: at least 1.
    """

    @abc.abstractmethod
    def _reduce(self, element: Tensor) -> Tensor:
        """The representative of a class of vectors."""

    @property
    @override
    def dim(self) -> int:
        return self.n

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return (self.n,)

    @override
    def _make_basis(self) -> Tensor:
        return torch.eye(self.n, dtype=torch.float64)

    @override
    def identity(self, like: Tensor) -> Tensor:
        return torch.zeros(self.n, dtype=element_dtype(like, is_complex=False), device=like.device)

    @override
    def compose(self, first: Tensor, second: Tensor) -> Tensor:
        return self._reduce(first + second)

    @override
    def inverse(self, element: Tensor) -> Tensor:
        return self._reduce(-element)

    @override
    def exp(self, coordinates: Tensor) -> Tensor:
        return self._reduce(coordinates)

    @override
    def bracket(self, first: Tensor, second: Tensor) -> Tensor:
        return torch.zeros_like(first * second)

    @override
    def coordinates(self, algebra_element: Tensor) -> Tensor:
        return algebra_element
