"""Total spaces: the manifolds on which groups act.

A total space knows its metric and its connection; nothing here knows about groups. The spaces of this module are flat,
so tangent vectors are arrays of the shape of a point and the connection is the ordinary derivative.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups import directional_derivative
from quotient.errors import PointShapeError


class TotalSpace(abc.ABC):
    """A Riemannian manifold M whose points are tensors ``[..., *shape]``.

    Tangent vectors are ambient arrays of the same shape. The metric is real also on complex arrays, <u, v> = Re u* v.
    """

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of one point."""

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """Real dimension of M."""

    @property
    @abc.abstractmethod
    def flat(self) -> bool:
        """Claim: M is an open set of a linear space with a constant metric."""

    @abc.abstractmethod
    def metric(self, first: Tensor, second: Tensor, base_point: Tensor) -> Tensor:
        """Riemannian inner product of arrays that vanish on padding; any further leading axes broadcast."""

    def inner_product(self, first: Tensor, second: Tensor, base_point: Tensor) -> Tensor:
        """Riemannian inner product <first, second> at ``base_point``, real, ``[...]``; padding is not looked at."""
        return self.metric(self.keep(first), self.keep(second), base_point)

    @property
    def batch_shape(self) -> tuple[int, ...]:
        """Batch shape that the space itself has, because its padding differs between items. A documented hook."""
        return ()

    def keep(self, array: Tensor) -> Tensor:
        """Zero the padding of an array ``[..., *shape]``. A documented hook of spaces with padding."""
        return array

    @abc.abstractmethod
    def to_tangent(self, vector: Tensor, base_point: Tensor) -> Tensor:
        """Orthogonal projection of an ambient array on the tangent space at ``base_point``."""

    @abc.abstractmethod
    def exp(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        """Riemannian exponential: the end of the geodesic with this initial velocity."""

    @abc.abstractmethod
    def gradient(self, differential: Tensor, base_point: Tensor) -> Tensor:
        """Riemannian gradient from an ambient differential (what ``torch.autograd`` returns)."""

    @abc.abstractmethod
    def covariant_derivative(self, field: Callable[[Tensor], Tensor], direction: Tensor, base_point: Tensor) -> Tensor:
        """Levi-Civita derivative of a vector field along ``direction`` at ``base_point``."""

    @abc.abstractmethod
    def random_point(self, batch_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Random points in double precision, ``[*batch_shape, *shape]``, of a law with full support."""

    def degrees_of_freedom(self, like: Tensor) -> Tensor:
        """Number of real coordinates a norm sums over, padding excluded; dtype and device of ``like``, broadcasts.

        A documented hook of spaces with padding.
        """
        real = like.real if like.is_complex() else like
        return torch.tensor(float(self.dim), dtype=real.dtype, device=like.device)

    def norm(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        """Length sqrt<v, v>, shape ``[...]``; its gradient at zero is zero."""
        square = self.inner_product(tangent_vec, tangent_vec, base_point)
        positive = ~(square <= 0)
        return torch.where(positive, torch.where(positive, square, torch.ones_like(square)).sqrt(), square * 0)

    def check_point(self, point: Tensor) -> None:
        """Refuse a tensor that cannot be a point.

        Raises:
            PointShapeError: when the trailing axes are not ``shape``, or the dtype is neither floating nor complex.
        """
        rank = len(self.shape)
        if tuple(point.shape[point.ndim - rank :]) != self.shape or point.ndim < rank:
            raise PointShapeError(
                f"points of {self!r} have shape [..., {', '.join(map(str, self.shape))}], got {tuple(point.shape)}"
            )
        if not (point.is_floating_point() or point.is_complex()):
            raise PointShapeError(f"points must be floating or complex, got {point.dtype}: convert with .double()")


class FlatSpace(TotalSpace):
    """A linear space of arrays with the constant metric <u, v> = sum Re(conj(u) v)."""

    @property
    @override
    def flat(self) -> bool:
        return True

    @override
    def metric(self, first: Tensor, second: Tensor, base_point: Tensor) -> Tensor:
        product = (first.conj() * second).real if first.is_complex() or second.is_complex() else first * second
        return product.sum(tuple(range(-len(self.shape), 0)))

    @override
    def to_tangent(self, vector: Tensor, base_point: Tensor) -> Tensor:
        return vector

    @override
    def exp(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        return base_point + tangent_vec

    @override
    def gradient(self, differential: Tensor, base_point: Tensor) -> Tensor:
        return self.to_tangent(differential, base_point)

    @property
    def is_complex(self) -> bool:
        """Whether points are complex arrays. A documented hook."""
        return False

    @override
    def check_point(self, point: Tensor) -> None:
        super().check_point(point)
        if point.is_complex() != self.is_complex:
            kind, cure = ("complex", ".cdouble()") if self.is_complex else ("real", "a complex space of this shape")
            raise PointShapeError(f"points of {self!r} are {kind}, got {point.dtype}: use {cure}")

    @override
    def random_point(self, batch_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        dtype = torch.complex128 if self.is_complex else torch.float64
        return torch.randn(*batch_shape, *self.shape, generator=generator, dtype=dtype)

    @override
    def covariant_derivative(self, field: Callable[[Tensor], Tensor], direction: Tensor, base_point: Tensor) -> Tensor:
        return directional_derivative(field, base_point, direction)[1]


@final
class Euclidean(FlatSpace):
    """R^n with its standard metric; points ``[..., n]``.

    Args:
        dim: n.
    """

    def __init__(self, dim: int) -> None:
        self._shape = (dim,)

    def __repr__(self) -> str:
        return f"Euclidean({self._shape[0]})"

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return self._shape

    @property
    @override
    def dim(self) -> int:
        return self._shape[0]


@final
class ComplexEuclidean(FlatSpace):
    """C^n as a real space of dimension 2n, <u, v> = Re sum conj(u) v; points ``[..., n]``, complex.

    Args:
        dim: n, the complex dimension.
    """

    def __init__(self, dim: int) -> None:
        self._shape = (dim,)

    def __repr__(self) -> str:
        return f"ComplexEuclidean({self._shape[0]})"

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return self._shape

    @property
    @override
    def dim(self) -> int:
        return 2 * self._shape[0]

    @property
    @override
    def is_complex(self) -> bool:
        return True


@final
class Matrices(FlatSpace):
    """Real matrices with the Frobenius metric; points ``[..., rows, columns]``.

    Args:
        rows: number of rows.
        columns: number of columns.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self._shape = (rows, columns)

    def __repr__(self) -> str:
        return f"Matrices({self._shape[0]}, {self._shape[1]})"

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return self._shape

    @property
    @override
    def dim(self) -> int:
        return math.prod(self._shape)


@final
class ComplexMatrices(FlatSpace):
    """Complex matrices as a real space, <U, V> = Re tr(U^* V); points ``[..., rows, columns]``, complex.

    Args:
        rows: number of rows.
        columns: number of columns.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self._shape = (rows, columns)

    def __repr__(self) -> str:
        return f"ComplexMatrices({self._shape[0]}, {self._shape[1]})"

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return self._shape

    @property
    @override
    def dim(self) -> int:
        return 2 * math.prod(self._shape)

    @property
    @override
    def is_complex(self) -> bool:
        return True


@final
class PointClouds(FlatSpace):
    """Clouds of ``n_points`` points in R^d, one point a row, some rows of which may be padding.

    Args:
        n_points: number of rows, padding included.
        dim: d, the dimension of the space the points live in.
        mask: True for real points, shape ``[..., n_points]``, broadcast against batches; None when all are real.
            Tangent vectors vanish on padding and padding is never looked at.

    Raises:
        PointShapeError: when the mask is not boolean or its last axis is not ``n_points``.
    """

    def __init__(self, n_points: int, dim: int, *, mask: Tensor | None = None) -> None:
        if n_points < 1 or dim < 1:
            raise PointShapeError(f"clouds need at least one row and one dimension, got {n_points} and {dim}")
        if mask is not None and (mask.dtype != torch.bool or mask.shape[-1:] != (n_points,)):
            raise PointShapeError(
                f"mask must be boolean of shape [..., {n_points}], got {mask.dtype} of shape {tuple(mask.shape)}"
            )
        self._shape = (n_points, dim)
        self.mask = mask

    def __repr__(self) -> str:
        masked = "" if self.mask is None else f", mask={list(self.mask.shape)}"
        return f"PointClouds({self._shape[0]}, {self._shape[1]}{masked})"

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return self._shape

    @property
    @override
    def dim(self) -> int:
        return math.prod(self._shape)

    def count(self, like: Tensor) -> Tensor:
        """Number of real points, with the dtype and device of ``like``, shape broadcasting against batches."""
        if self.mask is None:
            return torch.tensor(float(self._shape[0]), dtype=like.dtype, device=like.device)
        return self.mask.sum(-1).to(dtype=like.dtype, device=like.device)

    @override
    def degrees_of_freedom(self, like: Tensor) -> Tensor:
        return self._shape[1] * self.count(like)

    @property
    @override
    def batch_shape(self) -> tuple[int, ...]:
        return () if self.mask is None else tuple(self.mask.shape[:-1])

    @override
    def keep(self, array: Tensor) -> Tensor:
        """Zero the padded rows of ``array [..., n_points, d]``, also where they hold NaN."""
        return array if self.mask is None else torch.where(self.mask.unsqueeze(-1), array, torch.zeros_like(array))

    def centroid(self, point: Tensor) -> Tensor:
        """Mean of the real points, shape ``[..., 1, d]``; zero when there are none."""
        total = self.keep(point).sum(-2, keepdim=True)
        return total / self.count(point).clamp_min(1)[..., None, None]

    def center(self, point: Tensor) -> Tensor:
        """Subtract the centroid from the real points and zero the padding; exact to rounding at any offset."""
        once = self.keep(point - self.centroid(point))
        return self.keep(once - self.centroid(once))

    @override
    def to_tangent(self, vector: Tensor, base_point: Tensor) -> Tensor:
        return self.keep(vector)
