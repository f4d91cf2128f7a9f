"""What a network of backbones is: a velocity field on padded chains that may recall a prediction."""

from __future__ import annotations

import abc

from torch import Tensor
from typing_extensions import override

from applications.molecular.proteins.batching import BackboneBatch
from diffusion import AbstractRecallingNetwork


class AbstractBackboneNetwork(AbstractRecallingNetwork):
    """Velocity F(x_t, t; chain, recalled) of the linear interpolant x_t = (1 - t) x0 + t x1, in model units.

    The denoiser it stands for is D = x_t + (1 - t) F. Implementations respect padding exactly: the output is zero
    there, and does not change with the amount of padding up to rounding.
    """

    @override
    @abc.abstractmethod
    def forward(self, x: Tensor, t: Tensor, condition: BackboneBatch, recalled: Tensor) -> Tensor:
        """Evaluate the velocity.

        Args:
            x: CA coordinates, zero at padding, shape (B, N, 3).
            t: Times in [0, 1], shape (B,).
            condition: Static inputs of the same chains.
            recalled: An earlier prediction of the data point, zero where there is none, shape (B, N, 3).

        Returns:
            Velocity, zero at padding, shape (B, N, 3).
        """
