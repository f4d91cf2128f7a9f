"""Clouds of points in a periodic cell."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups import directional_derivative
from quotient.errors import PointShapeError
from quotient.shaped import ShapedSpace


@final
class PeriodicClouds(ShapedSpace):
    """N points in a periodic cell, in fractional coordinates s ``[..., n_points, d]`` modulo 1: the torus T^(N d).

    With L the matrix whose columns are the edges of the cell, positions are L s and the metric is
    <u, v> = sum_a (L u_a) . (L v_a). Locally flat, but not a linear space: coordinates wrap around.

    Args:
        n_points: N.
        lattice: L, shape ``[d, d]``.

    Raises:
        PointShapeError: when the lattice is not an invertible square matrix.
    """

    def __init__(self, n_points: int, lattice: Tensor) -> None:
        if lattice.ndim != 2 or lattice.shape[0] != lattice.shape[1] or float(torch.linalg.det(lattice.double())) == 0:
            raise PointShapeError(f"a lattice is an invertible square matrix, got one of shape {tuple(lattice.shape)}")
        self.lattice = lattice.double()
        super().__init__(n_points, lattice.shape[0])

    def __repr__(self) -> str:
        return f"PeriodicClouds({self.shape[0]}, lattice={list(self.lattice.shape)})"

    @property
    @override
    def flat(self) -> bool:
        return False

    def _lattice(self, like: Tensor) -> Tensor:
        return self.lattice.to(like)

    @override
    def metric(self, first: Tensor, second: Tensor, base_point: Tensor) -> Tensor:
        edges = self._lattice(first)
        return ((first @ edges.mT) * (second @ edges.mT)).sum((-2, -1))

    @override
    def to_tangent(self, vector: Tensor, base_point: Tensor) -> Tensor:
        return vector

    @override
    def exp(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        return torch.remainder(base_point + tangent_vec, 1.0)

    @override
    def log(self, point: Tensor, base_point: Tensor) -> Tensor:
        """The shortest displacement in the minimum-image convention, each fractional coordinate in [-1/2, 1/2].

        It is the shortest one when the cell is orthogonal; in skewed cells only for displacements shorter than half the
        smallest distance between opposite faces.
        """
        return torch.remainder(point - base_point + 0.5, 1.0) - 0.5

    @override
    def gradient(self, differential: Tensor, base_point: Tensor) -> Tensor:
        edges = self._lattice(differential)
        return differential @ torch.linalg.inv(edges.mT @ edges)

    @override
    def covariant_derivative(self, field: Callable[[Tensor], Tensor], direction: Tensor, base_point: Tensor) -> Tensor:
        return directional_derivative(field, base_point, direction)[1]

    @override
    def curvature(self, first: Tensor, second: Tensor, third: Tensor, base_point: Tensor) -> Tensor:
        return torch.zeros_like(first + second + third + base_point)

    @override
    def parseval_frame(self, base_point: Tensor) -> Tensor:
        rows = torch.eye(self.dim, dtype=base_point.dtype, device=base_point.device)
        rows = rows.reshape(-1, *(1,) * (base_point.ndim - 2), *self.shape)
        return self.white_noise(rows, base_point).expand(-1, *base_point.shape)

    @override
    def white_noise(self, normal: Tensor, base_point: Tensor) -> Tensor:
        return normal @ torch.linalg.inv(self._lattice(normal)).mT

    @override
    def random_point(self, batch_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Uniformly distributed clouds."""
        return torch.rand(*batch_shape, *self.shape, generator=generator, dtype=torch.float64)
