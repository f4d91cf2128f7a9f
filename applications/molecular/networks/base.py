"""What a conformer network is: a velocity field on padded point clouds, conditioned on molecular features."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from applications.molecular.batching import FeatureBatch


class AbstractConformerNetwork(nn.Module, ABC):
    """Velocity F(x_t, t; features) of the linear interpolant x_t = (1 - t) x0 + t x1, in model units.

    The denoiser it stands for is D = x_t + (1 - t) F. Implementations respect padding exactly (the output is
    zero there, and does not change with the amount of padding up to rounding) and commute with permutations
    of atoms.
    """

    @abstractmethod
    def forward(self, x_t: Tensor, t: Tensor, features: FeatureBatch) -> Tensor:
        """Evaluate the velocity.

        Args:
            x_t: Coordinates, zero at padding, shape (B, N, 3).
            t: Times in [0, 1], shape (B,).
            features: Static inputs of the same molecules.

        Returns:
            Velocity, zero at padding, shape (B, N, 3).
        """
