"""Tori."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups.compact import CompactConnectedGroup
from groups.errors import GroupError
from groups.group import element_dtype


@final
class Torus(CompactConnectedGroup):
    """T^n = (R / 2 pi Z)^n; elements are angles ``[..., n]``, and actions must have period 2 pi in each.

    Args:
        n: at least 1.

    Raises:
        GroupError: when n < 1.
    """

    def __init__(self, n: int) -> None:
        if n < 1:
            raise GroupError(f"a torus needs n >= 1, got {n}")
        self.n = n

    def __repr__(self) -> str:
        return f"Torus({self.n})"

    @property
    @override
    def dim(self) -> int:
        return self.n

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return (self.n,)

    @property
    @override
    def is_complex(self) -> bool:
        return False

    @property
    @override
    def log_haar_volume(self) -> float:
        """N log 2 pi."""
        return self.n * math.log(2 * math.pi)

    @override
    def _make_basis(self) -> Tensor:
        return torch.eye(self.n, dtype=torch.float64)

    @override
    def identity(self, like: Tensor) -> Tensor:
        return torch.zeros(self.n, dtype=element_dtype(like, is_complex=False), device=like.device)

    @override
    def compose(self, first: Tensor, second: Tensor) -> Tensor:
        return torch.remainder(first + second, 2 * math.pi)

    @override
    def inverse(self, element: Tensor) -> Tensor:
        return torch.remainder(-element, 2 * math.pi)

    @override
    def exp(self, coordinates: Tensor) -> Tensor:
        return torch.remainder(coordinates, 2 * math.pi)

    @override
    def bracket(self, first: Tensor, second: Tensor) -> Tensor:
        return torch.zeros_like(first * second)

    @override
    def coordinates(self, algebra_element: Tensor) -> Tensor:
        return algebra_element

    @override
    def random(self, batch_shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
        angles = 2 * math.pi * torch.rand(*batch_shape, self.n, generator=generator, dtype=torch.float64)
        return angles.to(dtype=element_dtype(like, is_complex=False), device=like.device)
