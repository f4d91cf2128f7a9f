"""How much vector fields move when the coordinates of a point move by rounding."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from groups import directional_derivative
from quotient.total_space import TotalSpace

_GOLDEN_ANGLE = math.pi * (3.0 - math.sqrt(5.0))


def generic_pattern(space: TotalSpace, like: Tensor, count: int) -> Tensor:
    """Fixed arrays ``[count, *point_shape]`` in general position, entries of size about one, dtype and device of like.

    Phases grow quadratically: with phases that grow linearly, rows would be linear functions of two of them.
    """
    index = torch.arange(count * math.prod(space.shape), dtype=torch.float64, device=like.device)
    angle = 1.0 + _GOLDEN_ANGLE * index * index
    pattern = torch.polar(torch.ones_like(angle), angle) if like.is_complex() else math.sqrt(2.0) * torch.cos(angle)
    return pattern.reshape(count, *space.shape)


def reach(space: TotalSpace, point: Tensor) -> Tensor:
    """Size of the largest coordinate of a point, shape ``[...]``; held constant under differentiation."""
    return point.detach().abs().amax(tuple(range(-len(space.shape), 0)))


def rounding_direction(space: TotalSpace, point: Tensor) -> Tensor:
    """A fixed direction without symmetry, every coordinate of the size of the largest coordinate of the point."""
    size = reach(space, point).reshape(point.shape[: point.ndim - len(space.shape)] + (1,) * len(space.shape))
    return space.to_tangent(size * generic_pattern(space, point, 1)[0], point)


def rounding_noise(space: TotalSpace, fields: Callable[[Tensor], Tensor], point: Tensor) -> tuple[Tensor, Tensor]:
    """Vector fields at a point, and the size of their derivative along :func:`rounding_direction`.

    Args:
        space: M.
        fields: maps points ``[..., *point_shape]`` to vectors ``[..., m, *point_shape]``.
        point: x in double precision.

    Returns:
        The vectors, and the noise ``[..., m]`` for :func:`quotient._frame.orthonormal_frame`.
    """
    values, change = directional_derivative(fields, point, rounding_direction(space, point))
    lifted = point.unsqueeze(-len(space.shape) - 1)
    return values, space.metric(change.detach(), change.detach(), lifted).clamp_min(0).sqrt()
