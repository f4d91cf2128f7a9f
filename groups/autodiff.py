"""Forward-mode differentiation with a fixed return type."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def directional_derivative(
    function: Callable[[Tensor], Tensor], point: Tensor, direction: Tensor
) -> tuple[Tensor, Tensor]:
    """Value of ``function`` at ``point`` and its derivative along ``direction``, by one forward pass.

    Both are broadcast and made contiguous first: forward differentiation refuses expanded tensors.
    """
    at, along = (tensor.contiguous() for tensor in torch.broadcast_tensors(point, direction))
    value, derivative, *_ = torch.func.jvp(function, (at,), (along.to(at.dtype),))
    return value, derivative
