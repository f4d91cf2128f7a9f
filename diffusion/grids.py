"""Time grids of samplers: increasing tensors from 0 (prior) to 1 (data)."""

from __future__ import annotations

import torch
from torch import Tensor

from diffusion.errors import TimeGridError


def uniform_grid(n_steps: int) -> Tensor:
    """n_steps equal steps from 0 to 1, float64, shape ``[n_steps + 1]``.

    Raises:
        TimeGridError: when ``n_steps`` is less than 1.
    """
    if n_steps < 1:
        raise TimeGridError(f"a time grid needs at least one step, got {n_steps}")
    return torch.linspace(0.0, 1.0, n_steps + 1, dtype=torch.float64)


def power_grid(n_steps: int, power: float) -> Tensor:
    """t_k = 1 - (1 - k / n)^power: steps that shrink towards the data for power > 1, float64, ``[n_steps + 1]``.

    Raises:
        TimeGridError: when ``n_steps`` is less than 1 or ``power`` is not positive.
    """
    if power <= 0:
        raise TimeGridError(f"the power of a time grid must be positive, got {power}")
    return 1.0 - (1.0 - uniform_grid(n_steps)) ** power


def check_grid(grid: Tensor) -> Tensor:
    """Return a valid grid in float64.

    Raises:
        TimeGridError: when it is not one-dimensional, strictly increasing, inside [0, 1] and of at least two times.
    """
    valid = (
        grid.ndim == 1
        and len(grid) >= 2
        and bool((grid.diff() > 0).all())
        and float(grid[0]) >= 0.0
        and float(grid[-1]) <= 1.0
    )
    if not valid:
        raise TimeGridError(f"a time grid must increase strictly inside [0, 1], got {grid}")
    return grid.to(torch.float64)
