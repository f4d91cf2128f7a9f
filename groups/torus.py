"""Tori."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups.additive import AdditiveGroup
from groups.compact import CompactConnectedGroup
from groups.group import element_dtype


@final
class Torus(AdditiveGroup, CompactConnectedGroup):
    """T^n = (R / 2 pi Z)^n; elements are angles ``[..., n]``, and actions must have period 2 pi in each.

    Args:
        n: at least 1.

    Raises:
        GroupError: when n < 1.
    """

    @property
    @override
    def log_haar_volume(self) -> float:
        """N log 2 pi."""
        return self.n * math.log(2 * math.pi)

    @override
    def _reduce(self, element: Tensor) -> Tensor:
        return torch.remainder(element, 2 * math.pi)

    @override
    def random(self, batch_shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
        angles = 2 * math.pi * torch.rand(*batch_shape, self.n, generator=generator, dtype=torch.float64)
        return angles.to(dtype=element_dtype(like, is_complex=False), device=like.device)
