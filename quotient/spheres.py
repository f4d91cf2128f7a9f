"""Unit spheres of flat spaces: real and complex spheres, and Kendall's pre-shapes."""

from __future__ import annotations

import abc
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from quotient.embedded import EmbeddedSpace
from quotient.linear_subspaces import CenteredClouds
from quotient.spaces import ComplexEuclidean, Euclidean, FlatSpace


class UnitSphere(EmbeddedSpace):
    """The unit sphere {x : |x| = 1} of a flat space, with the metric induced from it; geodesics are great circles.

        exp_x(v) = cos|v| x + sin|v| v / |v|,     log_x(y) = theta (y - <x, y> x) / sin theta,  cos theta = <x, y>

    The angle is taken as 2 atan2(|y - x|, |y + x|), which keeps its digits near 0 and near pi. At antipodes, where
    every direction is shortest, the logarithm is not a number.

    Args:
        flat: the space around it.
    """

    def __init__(self, flat: FlatSpace) -> None:
        self._around = flat

    @override
    @abc.abstractmethod
    def __repr__(self) -> str: ...

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return self._around.shape

    @property
    @override
    def dim(self) -> int:
        return self._around.dim - 1

    @property
    @override
    def flat(self) -> bool:
        return False

    @property
    @override
    def chordal(self) -> bool:
        return True

    @property
    @override
    def is_complex(self) -> bool:
        return self._around.is_complex

    def _expand(self, scalar: Tensor) -> Tensor:
        return scalar.reshape(scalar.shape + (1,) * len(self.shape))

    @override
    def to_tangent(self, vector: Tensor, base_point: Tensor) -> Tensor:
        inside = self._around.to_tangent(vector, base_point)
        square = self.metric(base_point, base_point, base_point)
        return inside - self._expand(self.metric(base_point, inside, base_point) / square) * base_point

    @override
    def exp(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        length = self._expand(self.norm(tangent_vec, base_point))
        point = torch.cos(length) * base_point + torch.sinc(length / torch.pi) * tangent_vec
        return self.projection(point)

    @override
    def log(self, point: Tensor, base_point: Tensor) -> Tensor:
        direction = self.to_tangent(point - base_point, base_point)
        apart, together = (self.norm(chord, base_point) for chord in (point - base_point, point + base_point))
        angle = self._expand(2 * torch.atan2(apart, together))
        return direction / torch.sinc(angle / torch.pi)

    def projection(self, array: Tensor) -> Tensor:
        """The nearest point of the sphere, x / |x|."""
        inside = self._around.to_tangent(array, array)
        return inside / self._expand(self.norm(inside, inside))

    @override
    def random_point(self, batch_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Uniformly distributed points."""
        return self.projection(self.normal_array(batch_shape, generator))


@final
class Hypersphere(UnitSphere):
    """S^n in R^(n+1); points ``[..., n + 1]``.

    Args:
        dim: n.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(Euclidean(dim + 1))

    def __repr__(self) -> str:
        return f"Hypersphere({self.dim})"


@final
class ComplexHypersphere(UnitSphere):
    """S^(2n-1) in C^n, the pure states of an n-level quantum system; points ``[..., n]``, complex.

    Args:
        dim: n, the complex dimension around it.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(ComplexEuclidean(dim))

    def __repr__(self) -> str:
        return f"ComplexHypersphere({self.shape[0]})"


@final
class PreShapes(UnitSphere):
    """Kendall's pre-shape space: centred clouds of unit size, a sphere of dimension (N - 1) d - 1 [Kendall1984].

    Its quotient by rotations is Kendall's shape space, clouds modulo rigid motions and scale.

    Args:
        n_points: N.
        dim: d.
    """

    def __init__(self, n_points: int, dim: int) -> None:
        super().__init__(CenteredClouds(n_points, dim))

    def __repr__(self) -> str:
        return f"PreShapes({self.shape[0]}, {self.shape[1]})"
