"""The manifolds on which groups act, as an interface.

A total space knows its metric and its connection; nothing here knows about groups.
"""

from __future__ import annotations

import abc
from collections.abc import Callable

import torch
from torch import Tensor

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
