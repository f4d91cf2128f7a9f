"""Global phases of complex vectors."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups.action import GroupAction
from groups.unitary import Unitary


@final
class PhaseAction(GroupAction):
    """U(1) acting on C^n by z -> e^{i theta} z; elements are 1 x 1 unitary matrices."""

    group = Unitary(1)
    linear = True

    @override
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return g[..., 0] * x

    @override
    def nearest_element(self, point: Tensor, base_point: Tensor) -> Tensor:
        overlap = (point.conj() * base_point).sum(-1)
        size = overlap.abs()
        phase = torch.where(
            size > 0, overlap / torch.where(size > 0, size, torch.ones_like(size)), torch.ones_like(overlap)
        )
        return phase[..., None, None]
