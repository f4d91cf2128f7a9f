"""Unit quaternions."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups.compact import CompactConnectedGroup
from groups.group import element_dtype


def quaternion_product(first: Tensor, second: Tensor) -> Tensor:
    """Hamilton's product of quaternions (w, x, y, z), shape ``[..., 4]``."""
    a, b, c, d = torch.broadcast_tensors(first, second)[0].unbind(-1)
    e, f, g, h = torch.broadcast_tensors(first, second)[1].unbind(-1)
    return torch.stack(
        [
            a * e - b * f - c * g - d * h,
            a * f + b * e + c * h - d * g,
            a * g - b * h + c * e + d * f,
            a * h + b * g - c * f + d * e,
        ],
        -1,
    )


@final
class UnitQuaternions(CompactConnectedGroup):
    """Sp(1), quaternions (w, x, y, z) of length one, ``[..., 4]``; the double cover of SO(3), isomorphic to SU(2).

    The basis i, j, k has unit length on the sphere S^3.
    """

    def __repr__(self) -> str:
        return "UnitQuaternions()"

    @property
    @override
    def dim(self) -> int:
        return 3

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return (4,)

    @property
    @override
    def log_haar_volume(self) -> float:
        """Log volume of S^3, 2 pi^2."""
        return math.log(2 * math.pi**2)

    @override
    def _make_basis(self) -> Tensor:
        return torch.eye(4, dtype=torch.float64)[1:]

    @override
    def identity(self, like: Tensor) -> Tensor:
        return torch.eye(4, dtype=element_dtype(like, is_complex=False), device=like.device)[0]

    @override
    def compose(self, first: Tensor, second: Tensor) -> Tensor:
        return quaternion_product(first, second)

    @override
    def inverse(self, element: Tensor) -> Tensor:
        return torch.cat([element[..., :1], -element[..., 1:]], -1)

    @override
    def exp(self, coordinates: Tensor) -> Tensor:
        square = (coordinates**2).sum(-1, keepdim=True)
        small = square < 1e-8
        angle = torch.where(small, torch.ones_like(square), square).sqrt()
        # the series keeps value and derivative right where sin(a) / a is 0 / 0
        sinc = torch.where(small, 1 - square / 6, torch.sin(angle) / angle)
        cosine = torch.where(small, 1 - square / 2, torch.cos(angle))
        return torch.cat([cosine, sinc * coordinates], -1)

    @override
    def bracket(self, first: Tensor, second: Tensor) -> Tensor:
        return quaternion_product(first, second) - quaternion_product(second, first)

    @override
    def coordinates(self, algebra_element: Tensor) -> Tensor:
        return algebra_element[..., 1:]

    @override
    def random(self, batch_shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
        gaussian = torch.randn(*batch_shape, 4, generator=generator, dtype=torch.float64)
        unit = gaussian / gaussian.norm(dim=-1, keepdim=True)
        return unit.to(dtype=element_dtype(like, is_complex=False), device=like.device)
