"""Finite groups."""

from __future__ import annotations

import abc
import itertools
import math
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups.errors import GroupError
from groups.group import Group, element_dtype
from groups.sized import SizedGroup


class FiniteGroup(Group):
    """A finite group: no Lie algebra, orbits of isolated points, elements that can be listed."""

    @property
    @abc.abstractmethod
    def order(self) -> int:
        """Number of elements."""

    @abc.abstractmethod
    def elements(self, like: Tensor) -> Tensor:
        """All elements, shape ``[order, *shape]``, on the device of ``like``."""

    @property
    @override
    def dim(self) -> int:
        return 0

    @property
    @override
    def compact(self) -> bool:
        return True

    @property
    @override
    def unimodular(self) -> bool:
        return True

    @property
    @override
    def connected(self) -> bool:
        return self.order == 1

    @property
    @override
    def log_haar_volume(self) -> float:
        """Log of the number of elements: Haar measure counts them."""
        return math.log(self.order)

    @override
    def _make_basis(self) -> Tensor:
        return torch.zeros(0, *self.shape, dtype=torch.float64)

    @override
    def exp(self, coordinates: Tensor) -> Tensor:
        return self.identity(coordinates).expand(*coordinates.shape[:-1], *self.shape)

    @override
    def bracket(self, first: Tensor, second: Tensor) -> Tensor:
        return torch.zeros_like(first * second)

    @override
    def coordinates(self, algebra_element: Tensor) -> Tensor:
        batch = algebra_element.shape[: algebra_element.ndim - len(self.shape)]
        return torch.zeros(*batch, 0, dtype=element_dtype(algebra_element, is_complex=False))


@final
class SymmetricGroup(SizedGroup, FiniteGroup):
    """S_n; elements are index vectors ``[..., n]``, int64, where ``g[i]`` is the image of i.

    Args:
        n: at least 1.

    Raises:
        GroupError: when n < 1, or when more than 10! elements are to be listed.
    """

    @property
    @override
    def order(self) -> int:
        return math.factorial(self.n)

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return (self.n,)

    @override
    def elements(self, like: Tensor) -> Tensor:
        if self.n > 10:
            raise GroupError(f"S_{self.n} has {self.order} elements, too many to list: draw random ones")
        return torch.tensor(list(itertools.permutations(range(self.n))), dtype=torch.int64, device=like.device)

    @override
    def identity(self, like: Tensor) -> Tensor:
        return torch.arange(self.n, device=like.device)

    @override
    def compose(self, first: Tensor, second: Tensor) -> Tensor:
        first, second = torch.broadcast_tensors(first, second)
        return first.gather(-1, second)

    @override
    def inverse(self, element: Tensor) -> Tensor:
        return element.argsort(-1)

    @override
    def random(self, batch_shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
        keys = torch.rand(*batch_shape, self.n, generator=generator, dtype=torch.float64)
        return keys.argsort(-1).to(like.device)


@final
class CyclicGroup(SizedGroup, FiniteGroup):
    """Z_n; elements are residues ``[...]``, int64.

    Args:
        n: at least 1.

    Raises:
        GroupError: when n < 1.
    """

    @property
    @override
    def order(self) -> int:
        return self.n

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return ()

    @override
    def elements(self, like: Tensor) -> Tensor:
        return torch.arange(self.n, device=like.device)

    @override
    def identity(self, like: Tensor) -> Tensor:
        return torch.zeros((), dtype=torch.int64, device=like.device)

    @override
    def compose(self, first: Tensor, second: Tensor) -> Tensor:
        return (first + second) % self.n

    @override
    def inverse(self, element: Tensor) -> Tensor:
        return (-element) % self.n

    @override
    def random(self, batch_shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
        return torch.randint(0, self.n, batch_shape, generator=generator).to(like.device)
