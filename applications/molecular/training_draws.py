"""What is drawn for the items of a training batch beside the data: rotations, times and seeds of their noise."""

from __future__ import annotations

from typing import Final

import numpy as np
import torch
from torch import Tensor

_SEED_LIMIT: Final = 2**62


def random_rotations(rng: np.random.Generator, size: int) -> Tensor:
    """Haar-distributed rotations from normalised Gaussian quaternions, shape (size, 3, 3), float32."""
    q = torch.from_numpy(rng.standard_normal((size, 4)))
    w, x, y, z = (q / q.norm(dim=-1, keepdim=True)).unbind(-1)
    rows = [
        1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y),
        2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x),
        2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y),
    ]  # fmt: skip
    return torch.stack(rows, dim=-1).reshape(size, 3, 3).float()


def random_times(rng: np.random.Generator, size: int, *, uniform_fraction: float, power: float) -> Tensor:
    """Times in [0, 1], shape (size,), float32.

    Args:
        rng: Source.
        size: How many.
        uniform_fraction: Share of times drawn uniformly; the others follow Beta(power, 1).
        power: Exponent of the Beta law: above one, late times are drawn more often.
    """
    late = rng.random(size) ** (1.0 / power)
    times = np.where(rng.random(size) < uniform_fraction, rng.random(size), late)
    return torch.from_numpy(times).float()


def noise_seeds(rng: np.random.Generator, size: int) -> Tensor:
    """Seeds of the noise of each item, shape (size,), int64."""
    return torch.from_numpy(rng.integers(_SEED_LIMIT, size=size))
