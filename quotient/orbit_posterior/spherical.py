"""Groups that are spheres, and groups that move vectors on spheres: von Mises and von Mises-Fisher."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups import GroupAction
from quotient.errors import PointShapeError
from quotient.orbit_posterior._arrays import inner, orbit_points, widen
from quotient.orbit_posterior._cumulants import expectation, log_partition, log_partition_and_expectation
from quotient.orbit_posterior.base import ActionOrbitPosterior
from quotient.orbit_posterior.sphere_family import SphereFamily


@final
class SphericalOrbitPosterior(ActionOrbitPosterior):
    """g x = f(x) + sum_a u_a c_a(x), where u is uniform on the unit sphere S^(n-1) when g is Haar distributed.

    So it is for SO(2) and U(1) (n = 2: von Mises) and for unit quaternions and SU(2) (n = 4: von Mises-Fisher on S^3).
    With theta_a = <y, c_a(x)> and kappa = |theta|,

        log Z = <y, f> + log E exp(kappa u_1),    mean = f + A(kappa) / kappa sum_a theta_a c_a(x).

    Exact to about 1e-15 at every concentration. Three derivatives of log Z, two of the mean.

    Args:
        action: the action.
        frame: group elements g_a with g_a x = f(x) + c_a(x), for instance 1 and i for U(1), ``[n, *group.shape]``.
        antipode: the element that maps f + c to f - c; None where f = 0.
    """

    def __init__(self, action: GroupAction, frame: Tensor, antipode: Tensor | None = None) -> None:
        super().__init__(action)
        self._frame = frame
        self._antipode = antipode
        self._family = SphereFamily(len(frame))

    def _parts(self, point: Tensor) -> tuple[Tensor, Tensor]:
        """f(x), ``[..., *point_shape]``, and c_a(x), ``[n, ..., *point_shape]``."""
        moved = orbit_points(self.action, self._frame.to(point.device), point, point)[0]
        if self._antipode is None:
            return torch.zeros_like(point), moved
        fixed = (point + self.action.act(self._antipode.to(point.device), point)) / 2
        return fixed, moved - fixed

    def _parameters(self, dual: Tensor, point: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """f, c and theta, ``[n, ...]``."""
        fixed, moved = self._parts(point)
        return fixed, moved, inner(dual, moved, self.action.point_ndim)

    @override
    def _log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        fixed, _, theta = self._parameters(dual, point)
        return inner(dual, fixed, self.action.point_ndim) + log_partition(self._family, (theta**2).sum(0))

    @override
    def _mean(self, dual: Tensor, point: Tensor) -> Tensor:
        fixed, moved, theta = self._parameters(dual, point)
        mean = 2 * expectation(self._family, (theta**2).sum(0)) * theta
        return fixed + (widen(mean, self.action.point_ndim) * moved).sum(0)

    @override
    def _scaled_log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        return self._family.scaled(self._parameters(dual, point)[2].norm(dim=0))


@final
class TransitiveOrbitPosterior(ActionOrbitPosterior):
    """A group that moves vectors x to every vector of the same length: von Mises-Fisher, kappa = |y| |x|.

    SO(n) and O(n) on R^n, U(n) and SU(n) on C^n, a real space of dimension 2 n.

        log Z = log E exp(kappa u_1),    mean = A(kappa) / kappa |x|^2 y

    Exact to about 1e-15 at every concentration. Three derivatives of log Z, two of the mean.

    Args:
        action: the action on vectors, of real dimension 2 at least.

    Raises:
        PointShapeError: at use, when the points are complex and the group is not, or the other way round: rotations do
            not move a complex vector to every other one.
    """

    def __init__(self, action: GroupAction) -> None:
        super().__init__(action)
        group = action.group
        self._family = SphereFamily((2 if group.is_complex else 1) * group.shape[0])

    def _square(self, dual: Tensor, point: Tensor) -> Tensor:
        """kappa^2."""
        kind = "complex" if self.action.group.is_complex else "real"
        for vector in (dual, point):
            if vector.is_complex() != self.action.group.is_complex:
                raise PointShapeError(
                    f"vectors of {self.action.group!r} must be {kind}, got {vector.dtype}: write a complex vector as "
                    "the columns of its parts (LeftMultiplication)"
                )
        return inner(dual, dual, 1) * inner(point, point, 1)

    @override
    def _log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        return log_partition(self._family, self._square(dual, point))

    @override
    def _mean(self, dual: Tensor, point: Tensor) -> Tensor:
        factor = 2 * expectation(self._family, self._square(dual, point)) * inner(point, point, 1)
        return factor.unsqueeze(-1) * dual

    @override
    def _both(self, dual: Tensor, point: Tensor) -> tuple[Tensor, Tensor]:
        log_normalizer, mean = log_partition_and_expectation(self._family, self._square(dual, point))
        return log_normalizer, (2 * mean * inner(point, point, 1)).unsqueeze(-1) * dual

    @override
    def _scaled_log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        return self._family.scaled(self._square(dual, point).sqrt())
