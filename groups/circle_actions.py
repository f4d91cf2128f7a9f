"""Circles and tori acting by phases."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups.action import GroupAction
from groups.errors import ActionError
from groups.quaternions import UnitQuaternions, quaternion_product
from groups.torus import Torus


@final
class WeightedCircleAction(GroupAction):
    """U(1) on C^n with integer weights, z_k -> e^{i w_k theta} z_k; elements are angles ``[..., 1]``.

    Args:
        weights: w_k, integers that are not all zero. The action is free away from zero only for weights +-1.

    Raises:
        ActionError: when the weights are not integers, or all zero.
    """

    linear = True
    group = Torus(1)

    def __init__(self, weights: Sequence[int]) -> None:
        if not any(weights) or any(weight != int(weight) for weight in weights):
            raise ActionError(f"weights must be integers, not all zero, got {list(weights)}")
        self.weights = tuple(weights)

    @override
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        weights = torch.tensor(self.weights, dtype=g.dtype, device=g.device)
        angles = g * weights
        return torch.complex(torch.cos(angles), torch.sin(angles)) * x


@final
class QuaternionPhaseAction(GroupAction):
    """Unit quaternions on H^n, q_k -> g q_k; points are ``[..., n, 4]``, quaternions (w, x, y, z)."""

    linear = True
    point_ndim = 2
    group = UnitQuaternions()

    @override
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return quaternion_product(g.unsqueeze(-2), x)


@final
class PeriodicTranslationAction(GroupAction):
    """Translations of a periodic system: fractional coordinates ``[..., n_points, d]`` modulo 1, x -> x + g / 2 pi.

    The group is the torus of translations modulo the lattice; elements are angles ``[..., d]``. There is no global
    centre of mass on a torus.

    Args:
        dim: d.
    """

    point_ndim = 2

    def __init__(self, dim: int) -> None:
        self.group = Torus(dim)

    @override
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.remainder(x + g.unsqueeze(-2) / (2 * math.pi), 1.0)

    @override
    def difference(self, first: Tensor, second: Tensor) -> Tensor:
        return torch.remainder(first - second + 0.5, 1.0) - 0.5
