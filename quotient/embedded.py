"""Submanifolds of spaces of arrays, with the metric induced from them."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from typing_extensions import override

from groups import directional_derivative
from quotient.errors import PointShapeError
from quotient.total_space import TotalSpace


class EmbeddedSpace(TotalSpace):
    """A submanifold M of the arrays of one shape with the induced metric <u, v> = sum Re(conj(u) v).

    Everything follows from the orthogonal projection ``to_tangent`` of arrays on T_xM, written Pi_x: the gradient is
    Pi_x of the differential, the Levi-Civita derivative of a field X is Pi_x D_u X, and the second fundamental form of
    the embedding is (1 - Pi_x) D_u(Pi v) (the Gauss formula).
    """

    @property
    def is_complex(self) -> bool:
        """Whether points are complex arrays. A documented hook."""
        return False

    @override
    def metric(self, first: Tensor, second: Tensor, base_point: Tensor) -> Tensor:
        product = (first.conj() * second).real if first.is_complex() or second.is_complex() else first * second
        return product.sum(tuple(range(-len(self.shape), 0)))

    @override
    def gradient(self, differential: Tensor, base_point: Tensor) -> Tensor:
        return self.to_tangent(differential, base_point)

    @override
    def covariant_derivative(self, field: Callable[[Tensor], Tensor], direction: Tensor, base_point: Tensor) -> Tensor:
        return self.to_tangent(directional_derivative(field, base_point, direction)[1], base_point)

    @override
    def parseval_frame(self, base_point: Tensor) -> Tensor:
        frame = self.to_tangent(self.array_basis(base_point), base_point)
        return frame.expand(torch.broadcast_shapes(frame.shape, base_point.shape))

    @override
    def white_noise(self, normal: Tensor, base_point: Tensor) -> Tensor:
        return self.to_tangent(normal, base_point)

    @override
    def curvature(self, first: Tensor, second: Tensor, third: Tensor, base_point: Tensor) -> Tensor:
        """R(u, v) w = S_n(v, w) u - S_n(u, w) v with n(v, w) = (1 - Pi) D_v(Pi w) and S_n u = Pi D_u(Pi n) (Gauss)."""
        u, v, w = (self.to_tangent(vector, base_point) for vector in (first, second, third))

        def shape_operator(normal: Tensor, along: Tensor) -> Tensor:
            # the field (1 - Pi) n extends n, and its derivative is that of -Pi n
            return self.to_tangent(
                directional_derivative(lambda y: self.to_tangent(normal, y), base_point, along)[1], base_point
            )

        def bend(one: Tensor, other: Tensor) -> Tensor:
            change = directional_derivative(lambda y: self.to_tangent(other, y), base_point, one)[1]
            return change - self.to_tangent(change, base_point)

        return shape_operator(bend(v, w), u) - shape_operator(bend(u, w), v)

    def array_basis(self, like: Tensor) -> Tensor:
        """Orthonormal basis of the arrays as a real space, ``[n, 1..., *shape]``, dtype and device of ``like``."""
        eye = torch.eye(math.prod(self.shape), dtype=like.dtype, device=like.device)
        basis = torch.cat([eye, 1j * eye]) if self.is_complex else eye
        return basis.reshape(-1, *(1,) * (like.ndim - len(self.shape)), *self.shape)

    @override
    def check_point(self, point: Tensor) -> None:
        super().check_point(point)
        if point.is_complex() != self.is_complex:
            kind, cure = ("complex", ".cdouble()") if self.is_complex else ("real", "a complex space of this shape")
            raise PointShapeError(f"points of {self!r} are {kind}, got {point.dtype}: use {cure}")

    def normal_array(self, batch_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Standard normal arrays in double precision, ``[*batch_shape, *shape]``."""
        dtype = torch.complex128 if self.is_complex else torch.float64
        return torch.randn(*batch_shape, *self.shape, generator=generator, dtype=dtype)
