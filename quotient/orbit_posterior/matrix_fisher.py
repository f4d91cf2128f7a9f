"""Rotations of space on clouds and matrices: matrix Fisher."""

from __future__ import annotations

import abc
from typing import final

from torch import Tensor
from typing_extensions import override

from quotient.orbit_posterior._cumulants import expectation, log_partition, log_partition_and_expectation
from quotient.orbit_posterior.base import ActionOrbitPosterior
from quotient.orbit_posterior.rotation_family import ProperSVD, RotationFamily, scaled_log_partition


def _real(matrix: Tensor) -> Tensor:
    return matrix.real if matrix.is_complex() else matrix


class RotationOrbitPosterior(ActionOrbitPosterior):
    """SO(3) acting linearly through its matrices: <y, R x> = tr(F^T R) with F bilinear in y and x.

    R follows the matrix Fisher law exp tr(F^T R) dR, see :class:`RotationFamily`: the mean is E[R] applied to x. Exact
    to about 1e-14 at every concentration, at equal and opposite singular values and for det F < 0. Three derivatives of
    log Z, two of the mean. As F grows, E[R] tends to the rotation of Kabsch.

    Args:
        action: SO(3) acting as :meth:`_turn` does.
    """

    _family = RotationFamily()

    @abc.abstractmethod
    def _cross(self, dual: Tensor, point: Tensor) -> Tensor:
        """F, shape ``[..., 3, 3]``."""

    @abc.abstractmethod
    def _turn(self, matrix: Tensor, point: Tensor) -> Tensor:
        """The point R x, extended linearly to all matrices R."""

    @override
    def _log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        return log_partition(self._family, self._cross(dual, point))

    @override
    def _mean(self, dual: Tensor, point: Tensor) -> Tensor:
        return self._turn(expectation(self._family, self._cross(dual, point)), point)

    @override
    def _both(self, dual: Tensor, point: Tensor) -> tuple[Tensor, Tensor]:
        log_normalizer, mean = log_partition_and_expectation(self._family, self._cross(dual, point))
        return log_normalizer, self._turn(mean, point)

    @override
    def _scaled_log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        return scaled_log_partition(ProperSVD.of(self._cross(dual, point)))


@final
class RowRotationPosterior(RotationOrbitPosterior):
    """Rotations of the rows of clouds ``[..., n, 3]``, x -> x R^T: F = y^T x = sum_i y_i x_i^T, mean = x E[R]^T."""

    @override
    def _cross(self, dual: Tensor, point: Tensor) -> Tensor:
        return _real(dual.mH @ point)

    @override
    def _turn(self, matrix: Tensor, point: Tensor) -> Tensor:
        return point @ matrix.mT.to(point.dtype)


@final
class ColumnRotationPosterior(RotationOrbitPosterior):
    """Rotations of the columns of matrices ``[..., 3, k]``, X -> R X: F = Y X^T, mean = E[R] X."""

    @override
    def _cross(self, dual: Tensor, point: Tensor) -> Tensor:
        return _real(dual.conj() @ point.mT)

    @override
    def _turn(self, matrix: Tensor, point: Tensor) -> Tensor:
        return matrix.to(point.dtype) @ point
