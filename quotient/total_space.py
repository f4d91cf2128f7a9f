"""The manifolds on which groups act, as an interface.

A total space knows its metric and its connection; nothing here knows about groups.
"""

from __future__ import annotations

import abc
from collections.abc import Callable

import torch
from torch import Tensor

from quotient.errors import GeometryError, PointShapeError

Field = Callable[[Tensor], Tensor]


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

    def log(self, point: Tensor, base_point: Tensor) -> Tensor:
        """Riemannian logarithm: the initial velocity of the shortest geodesic from ``base_point`` to ``point``.

        A documented hook. Not defined on the cut locus, where some shortest geodesic is returned or NaN.

        Raises:
            GeometryError: where no logarithm is known.
        """
        del point, base_point
        raise GeometryError(
            f"{self!r} has no logarithm, so distances and alignments are not known on it: define log(point, base_point)"
        )

    @property
    def chordal(self) -> bool:
        """Claim: geodesic distance is an increasing function of the distance of arrays, as on spheres."""
        return self.flat

    @abc.abstractmethod
    def gradient(self, differential: Tensor, base_point: Tensor) -> Tensor:
        """Riemannian gradient from an ambient differential (what ``torch.autograd`` returns)."""

    @abc.abstractmethod
    def covariant_derivative(self, field: Callable[[Tensor], Tensor], direction: Tensor, base_point: Tensor) -> Tensor:
        """Levi-Civita derivative of a vector field along ``direction`` at ``base_point``."""

    @abc.abstractmethod
    def parseval_frame(self, base_point: Tensor) -> Tensor:
        """Tangent vectors e_j with sum_j <v, e_j> e_j = v for every tangent v, ``[n, ..., *shape]``, n >= dim."""

    @abc.abstractmethod
    def white_noise(self, normal: Tensor, base_point: Tensor) -> Tensor:
        """The tangent vector sum_j z_j e_j of standard normal z in an orthonormal basis e_j of T_xM.

        Args:
            normal: standard normal array, shape ``[..., *shape]``.
            base_point: x.
        """

    def curvature(self, first: Tensor, second: Tensor, third: Tensor, base_point: Tensor) -> Tensor:
        """R(u, v) w = nabla_u nabla_v w - nabla_v nabla_u w - nabla_[u, v] w, ``[..., *shape]``.

        The sign is that of textbooks, in which <R(u, v) v, u> is positive on spheres. By differentiating projected
        constant fields; a documented hook.
        """

        def extend(vector: Tensor) -> Field:
            return lambda y: self.to_tangent(vector, y)

        u, v, w = extend(first), extend(second), extend(third)

        def along(field: Field, direction: Field) -> Field:
            return lambda y: self.covariant_derivative(field, direction(y), y)

        bracket = along(v, u)(base_point) - along(u, v)(base_point)
        return (
            along(along(w, v), u)(base_point)
            - along(along(w, u), v)(base_point)
            - self.covariant_derivative(w, bracket, base_point)
        )

    def sectional_curvature(self, first: Tensor, second: Tensor, base_point: Tensor) -> Tensor:
        """K(u, v) = <R(u, v) v, u> / (|u|^2 |v|^2 - <u, v>^2), shape ``[...]``; NaN for parallel u and v."""
        numerator = self.inner_product(self.curvature(first, second, second, base_point), first, base_point)
        return numerator / self.squared_area(first, second, base_point)

    def squared_area(self, first: Tensor, second: Tensor, base_point: Tensor) -> Tensor:
        """|u|^2 |v|^2 - <u, v>^2, shape ``[...]``; NaN where that is lost in rounding, u and v being parallel."""
        inner = self.inner_product
        product = inner(first, second, base_point)
        sides = inner(first, first, base_point) * inner(second, second, base_point)
        area = sides - product * product
        return torch.where(area > 64 * torch.finfo(area.dtype).eps * sides, area, torch.full_like(area, torch.nan))

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
