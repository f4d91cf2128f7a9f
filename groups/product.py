"""Groups whose elements are tuples: direct products, and what they share with semidirect ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups.errors import GroupError
from groups.group import Group


class AbstractProduct(Group):
    """A group that is the product manifold of its factors, with any multiplication that has the unit (e_1, ..., e_k).

    An element is the concatenation of the flattened factors, shape ``[..., total]``: complex where one factor is, and
    floating-point where elements of a finite factor are integers. The bases of the factors, one after the other, are
    the basis; they are orthogonal to each other.

    Args:
        factors: the groups, at least one.

    Raises:
        GroupError: without factors.
    """

    def __init__(self, *factors: Group) -> None:
        if not factors:
            raise GroupError(f"{type(self).__name__} needs at least one factor")
        self.factors = factors

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.factors))})"

    @property
    @override
    def dim(self) -> int:
        return sum(factor.dim for factor in self.factors)

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return (sum(self._sizes),)

    @property
    def _sizes(self) -> list[int]:
        return [math.prod(factor.shape) for factor in self.factors]

    @property
    @override
    def is_complex(self) -> bool:
        return any(factor.is_complex for factor in self.factors)

    @property
    @override
    def compact(self) -> bool:
        return all(factor.compact for factor in self.factors)

    @property
    @override
    def connected(self) -> bool:
        return all(factor.connected for factor in self.factors)

    @property
    @override
    def log_haar_volume(self) -> float:
        """Sum over the factors; a compact group of automorphisms preserves Haar measure."""
        return sum(factor.log_haar_volume for factor in self.factors)

    def split(self, element: Tensor) -> list[Tensor]:
        """The factors of an element, each of its own group's shape and dtype."""
        parts = []
        for factor, flat in zip(self.factors, element.split(self._sizes, -1), strict=True):
            part = flat.reshape((*flat.shape[:-1], *factor.shape))
            dtype = factor.identity(element).dtype
            part = part.real if part.is_complex() and not dtype.is_complex else part
            parts.append(part if dtype.is_floating_point or dtype.is_complex else part.round().to(dtype))
        return parts

    def join(self, parts: Sequence[Tensor]) -> Tensor:
        """Inverse of :meth:`split`; batch shapes are broadcast."""
        lead = [part.shape[: part.ndim - len(factor.shape)] for part, factor in zip(parts, self.factors, strict=True)]
        batch = torch.broadcast_shapes(*lead)
        flat = [
            part.reshape(*shape, size).expand(*batch, size)
            for part, shape, size in zip(parts, lead, self._sizes, strict=True)
        ]
        return torch.cat(flat, -1)

    @override
    def _make_basis(self) -> Tensor:
        blocks = []
        for number, factor in enumerate(self.factors):
            rows = [
                (f.basis if k == number else torch.zeros(factor.dim, *f.shape, dtype=f.basis.dtype))
                for k, f in enumerate(self.factors)
            ]
            blocks.append(self.join(rows))
        return torch.cat(blocks, 0)

    def split_coordinates(self, coordinates: Tensor) -> list[Tensor]:
        """The coordinates ``[..., dim of the factor]`` of each factor."""
        return list(coordinates.split([factor.dim for factor in self.factors], -1))

    @override
    def identity(self, like: Tensor) -> Tensor:
        return self.join([factor.identity(like) for factor in self.factors])

    @override
    def coordinates(self, algebra_element: Tensor) -> Tensor:
        parts = zip(self.factors, self.split(algebra_element), strict=True)
        return torch.cat([factor.coordinates(part) for factor, part in parts], -1)

    @override
    def random(self, batch_shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
        """Independent elements of the factors: Haar distributed where all factors are compact."""
        return self.join([factor.random(batch_shape, generator, like) for factor in self.factors])


@final
class DirectProduct(AbstractProduct):
    """G_1 x ... x G_k, multiplied factor by factor.

    Args:
        factors: the groups, at least one.

    Raises:
        GroupError: without factors.
    """

    @property
    @override
    def unimodular(self) -> bool:
        return all(factor.unimodular for factor in self.factors)

    @override
    def compose(self, first: Tensor, second: Tensor) -> Tensor:
        pairs = zip(self.factors, self.split(first), self.split(second), strict=True)
        return self.join([factor.compose(g, h) for factor, g, h in pairs])

    @override
    def inverse(self, element: Tensor) -> Tensor:
        return self.join([f.inverse(g) for f, g in zip(self.factors, self.split(element), strict=True)])

    @override
    def exp(self, coordinates: Tensor) -> Tensor:
        parts = zip(self.factors, self.split_coordinates(coordinates), strict=True)
        return self.join([factor.exp(part) for factor, part in parts])

    @override
    def bracket(self, first: Tensor, second: Tensor) -> Tensor:
        pairs = zip(self.factors, self.split(first), self.split(second), strict=True)
        return self.join([factor.bracket(a, b) for factor, a, b in pairs])
