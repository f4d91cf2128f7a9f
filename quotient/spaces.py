"""Flat total spaces: tangent vectors are arrays of the shape of a point, the connection is the ordinary derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups import directional_derivative
from quotient.embedded import EmbeddedSpace
from quotient.shaped import ShapedSpace


class FlatSpace(EmbeddedSpace):
    """A linear space of arrays with the constant metric <u, v> = sum Re(conj(u) v)."""

    @property
    @override
    def flat(self) -> bool:
        return True

    @override
    def to_tangent(self, vector: Tensor, base_point: Tensor) -> Tensor:
        return vector

    @override
    def exp(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        return base_point + tangent_vec

    @override
    def log(self, point: Tensor, base_point: Tensor) -> Tensor:
        return self.to_tangent(point - base_point, base_point)

    @override
    def covariant_derivative(self, field: Callable[[Tensor], Tensor], direction: Tensor, base_point: Tensor) -> Tensor:
        return directional_derivative(field, base_point, direction)[1]

    @override
    def curvature(self, first: Tensor, second: Tensor, third: Tensor, base_point: Tensor) -> Tensor:
        return torch.zeros_like(first + second + third + base_point)

    @override
    def random_point(self, batch_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        return self.normal_array(batch_shape, generator)


class _ComplexArrays(ShapedSpace, FlatSpace):
    """All complex arrays of one shape, as a real space of twice as many dimensions as entries."""

    @property
    @override
    def dim(self) -> int:
        return 2 * super().dim

    @property
    @override
    def is_complex(self) -> bool:
        return True


@final
class Euclidean(ShapedSpace, FlatSpace):
    """R^n with its standard metric; points ``[..., n]``.

    Args:
        dim: n.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(dim)


@final
class ComplexEuclidean(_ComplexArrays):
    """C^n as a real space of dimension 2n, <u, v> = Re sum conj(u) v; points ``[..., n]``, complex.

    Args:
        dim: n, the complex dimension.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(dim)


@final
class Matrices(ShapedSpace, FlatSpace):
    """Real matrices with the Frobenius metric; points ``[..., rows, columns]``.

    Args:
        rows: number of rows.
        columns: number of columns.
    """

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__(rows, columns)


@final
class ComplexMatrices(_ComplexArrays):
    """Complex matrices as a real space, <U, V> = Re tr(U^* V); points ``[..., rows, columns]``, complex.

    Args:
        rows: number of rows.
        columns: number of columns.
    """

    def __init__(self, rows: int, columns: int) -> None:
        super().__init__(rows, columns)
