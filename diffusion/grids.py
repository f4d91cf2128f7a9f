"""Time grids of samplers: increasing tensors from 0 (prior) to 1 (data)."""

from __future__ import annotations

import torch
from torch import Tensor

from diffusion.errors import TimeGridError
from diffusion.schedules import Schedule


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


def logarithmic_grid(n_steps: int, *, smallest: float = 1e-3) -> Tensor:
    """Times whose distances 1 - t to the data fall geometrically from 1 to ``smallest``, then t = 1.

    Args:
        n_steps: number of steps, at least 2.
        smallest: 1 - t before the last step, between 0 and 1.

    Raises:
        TimeGridError: for fewer than two steps, or ``smallest`` outside (0, 1).
    """
    if n_steps < 2 or not 0.0 < smallest < 1.0:
        raise TimeGridError(f"a logarithmic grid needs two steps and 0 < smallest < 1, got {n_steps} and {smallest}")
    powers = torch.linspace(0.0, 1.0, n_steps, dtype=torch.float64)
    return torch.cat([1.0 - smallest**powers, torch.ones(1, dtype=torch.float64)])


def noise_level_grid(
    n_steps: int, schedule: Schedule, *, rho: float = 7.0, smallest: float = 2e-3, largest: float = 80.0
) -> Tensor:
    """Times at which the noise over signal sigma = a / beta falls, linearly in sigma^(1/rho), then t = 1 [Karras2022].

    Args:
        n_steps: number of steps, at least 2.
        schedule: whose a^2 = alpha^2 + gamma^2; sigma must fall in t.
        rho: how steps crowd towards small noise.
        smallest: last noise level before the data.
        largest: first noise level; time 0 takes its place.

    Raises:
        TimeGridError: for fewer than two steps, or noise levels in the wrong order.
    """
    if n_steps < 2 or not 0.0 < smallest < largest or rho <= 0:
        raise TimeGridError(f"needs two steps and 0 < smallest < largest, got {n_steps}, {smallest}, {largest}")
    share = torch.linspace(0.0, 1.0, n_steps, dtype=torch.float64)
    levels = (largest ** (1 / rho) + share * (smallest ** (1 / rho) - largest ** (1 / rho))) ** rho
    low, high = torch.zeros_like(levels), torch.ones_like(levels)
    for _ in range(60):
        middle = 0.5 * (low + high)
        a = (schedule.alpha(middle) ** 2 + schedule.gamma_squared(middle)).sqrt()
        above = a > levels * schedule.beta(middle)
        low, high = torch.where(above, middle, low), torch.where(above, high, middle)
    times = torch.cat([torch.zeros(1, dtype=torch.float64), low[1:], torch.ones(1, dtype=torch.float64)])
    return times[torch.cat([torch.ones(1, dtype=torch.bool), times.diff() > 0])]


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
