"""The quotient of a manifold by a group of isometries, as an interface."""

from __future__ import annotations

import abc
import enum
from dataclasses import dataclass

import torch
from torch import Tensor
from typing_extensions import override

from quotient.submersion import RiemannianSubmersion


class AlignmentKind(enum.Enum):
    """What is known of an alignment."""

    GLOBAL = "global"
    """The nearest point of the orbit."""
    STATIONARY = "stationary"
    """A critical point of the distance along the orbit, the best of those found; not proven nearest."""


@dataclass(frozen=True)
class Alignment:
    """A point moved along its orbit towards another one.

    Attributes:
        point: the moved point, shape ``[..., *point_shape]``.
        kind: whether it is the nearest point of the orbit or a stationary one.
    """

    point: Tensor
    kind: AlignmentKind


@dataclass(frozen=True)
class Stratum:
    """Where points stand in the stratification of M by orbit dimension.

    Attributes:
        orbit_dimension: dimension of the orbit at the precision of the point's dtype, integer, shape ``[...]``.
        regular: whether that is the dimension of a principal orbit, boolean, shape ``[...]``.
    """

    orbit_dimension: Tensor
    regular: Tensor


class OrbitSpace(RiemannianSubmersion):
    """Q = M/G for a group G acting on M by isometries.

    Everything is defined on singular orbits too: the vertical space is the tangent space of the orbit that is there.
    """

    @property
    @abc.abstractmethod
    def principal_orbit_dimension(self) -> Tensor:
        """Dimension of the orbit of a generic point, integer; a batch of them where padding differs between items."""

    @abc.abstractmethod
    def generators(self, base_point: Tensor) -> Tensor:
        """xi_a(x) = d/dt|_0 exp(t e_a) x for the basis e_a of the Lie algebra, ``[..., group dim, *point_shape]``."""

    @abc.abstractmethod
    def gram(self, base_point: Tensor) -> Tensor:
        """K_ab = <xi_a, xi_b>, shape ``[..., group dim, group dim]``."""

    @abc.abstractmethod
    def orbit_dimension(self, base_point: Tensor) -> Tensor:
        """Dimension of the orbit through x at the precision of its dtype, integer, shape ``[...]``."""

    @abc.abstractmethod
    def log_orbit_volume(self, base_point: Tensor) -> Tensor:
        """Log volume of the orbit through x, up to a constant on each stratum, shape ``[...]``.

        The basis of the Lie algebra is taken as orthonormal (unit-angle rotations, unit translations):
        log vol = 0.5 log pdet K - log vol(stabiliser), both in that inner product.
        """

    @override
    @abc.abstractmethod
    def center(self, point: Tensor) -> Tensor:
        """Representative of the orbit in the slice where probability densities live.

        The identity for compact groups. Non-compact normal parts (translations) carry no probability density, so
        priors and samplers work on the slice; the group element used depends on the point alone.
        """

    def slice_dimension(self, like: Tensor) -> Tensor:
        """Dimension of the slice, the trace of the linear map ``center`` of a flat M, real, shape ``[...]``."""
        origin = torch.zeros_like(like)
        frame = self.total_space.parseval_frame(origin).contiguous()
        return self.total_space.inner_product(self.center(frame), frame, origin).sum(0)

    @abc.abstractmethod
    def align(self, point: Tensor, base_point: Tensor) -> Alignment:
        """Move ``point`` along its orbit towards the nearest point to ``base_point``; once differentiable in both."""

    def dist(self, point_a: Tensor, point_b: Tensor) -> Tensor:
        """Quotient distance: between ``point_b`` and ``point_a`` aligned to it, shape ``[...]``.

        This is the distance of Q where the alignment is global, and an upper bound where it is stationary.
        """
        aligned = self.align(point_a, point_b).point
        return self.total_space.norm(self.total_space.log(aligned, point_b), point_b)

    def stratum(self, base_point: Tensor) -> Stratum:
        """Orbit dimension and regularity of each point."""
        dimension = self.orbit_dimension(base_point)
        return Stratum(orbit_dimension=dimension, regular=dimension == self.principal_orbit_dimension)
