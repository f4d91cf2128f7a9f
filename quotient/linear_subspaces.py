"""Linear subspaces of arrays: Hermitian and symmetric matrices, centred clouds."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from quotient.shaped import ShapedSpace
from quotient.spaces import FlatSpace


class LinearSubspace(FlatSpace):
    """A linear subspace of the arrays of one shape, given by the orthogonal projection ``to_tangent`` on it."""

    @override
    def random_point(self, batch_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        normal = self.normal_array(batch_shape, generator)
        return self.to_tangent(normal, normal)


class _SquareMatrices(LinearSubspace):
    """Square matrices that equal their adjoint.

    Args:
        n: number of rows.
    """

    def __init__(self, n: int) -> None:
        self.n = n

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.n})"

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return (self.n, self.n)

    @override
    def to_tangent(self, vector: Tensor, base_point: Tensor) -> Tensor:
        return 0.5 * (vector + vector.mH)


@final
class SymmetricMatrices(_SquareMatrices):
    """Real symmetric n x n matrices with the Frobenius metric tr(U V)."""

    @property
    @override
    def dim(self) -> int:
        return self.n * (self.n + 1) // 2


@final
class HermitianMatrices(_SquareMatrices):
    """Hermitian n x n matrices as a real space of dimension n^2, with the metric Re tr(U V)."""

    @property
    @override
    def dim(self) -> int:
        return self.n * self.n

    @property
    @override
    def is_complex(self) -> bool:
        return True


@final
class CenteredClouds(ShapedSpace, LinearSubspace):
    """Clouds of ``n_points`` points in R^d whose centroid is the origin.

    Args:
        n_points: number of points.
        dim: d.
    """

    def __init__(self, n_points: int, dim: int) -> None:
        super().__init__(n_points, dim)

    @property
    @override
    def dim(self) -> int:
        n_points, dim = self.shape
        return (n_points - 1) * dim

    @override
    def to_tangent(self, vector: Tensor, base_point: Tensor) -> Tensor:
        return vector - vector.mean(-2, keepdim=True)
