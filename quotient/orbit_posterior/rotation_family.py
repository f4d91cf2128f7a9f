"""The matrix Fisher family on SO(3): log-partition function and cumulants [Lee2018]."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from quotient.orbit_posterior._cumulants import LogPartition
from quotient.orbit_posterior._tilted_dirichlet import tilted_dirichlet

_QUATERNION_POWERS = (0.5,) * 4


@final
@dataclass(frozen=True)
class ProperSVD:
    """F = U diag(s) V^T with U, V in SO(3) and s_1 >= s_2 >= |s_3|; s_3 has the sign of det F.

    Attributes:
        left: U, shape ``[..., 3, 3]``.
        values: s, shape ``[..., 3]``.
        right: V^T, shape ``[..., 3, 3]``.
        finite: whether F is finite; elsewhere this is the decomposition of the identity, ``[...]``.
    """

    left: Tensor
    values: Tensor
    right: Tensor
    finite: Tensor

    @classmethod
    def of(cls, matrix: Tensor) -> ProperSVD:
        """Decompose matrices ``[..., 3, 3]``, in float64."""
        finite = matrix.isfinite().all(-1).all(-1)
        eye = torch.eye(3, dtype=matrix.dtype, device=matrix.device)
        left, values, right = torch.linalg.svd(torch.where(finite[..., None, None], matrix, eye))
        ones = torch.ones_like(values[..., :2])
        first = torch.cat([ones, torch.det(left).sign().unsqueeze(-1)], -1)
        second = torch.cat([ones, torch.det(right).sign().unsqueeze(-1)], -1)
        return cls(left * first.unsqueeze(-2), values * first * second, second.unsqueeze(-1) * right, finite)

    def rotate_back(self, matrix: Tensor) -> Tensor:
        """U M V^T, NaN where F was not finite."""
        moved = self.left @ matrix @ self.right
        return torch.where(self.finite[..., None, None], moved, torch.full_like(moved, torch.nan))

    def rotate(self, matrix: Tensor) -> Tensor:
        """U^T M V."""
        return self.left.mT @ matrix @ self.right.mT


def quaternion_gaps(values: Tensor) -> Tensor:
    """d_a with tr(diag(s) R(q)) = tr(diag s) - sum_a d_a q_a^2, shape ``[..., 4]``; d_0 = 0."""
    s1, s2, s3 = values.unbind(-1)
    pairs = 2 * torch.stack([s2 + s3, s1 + s3, s1 + s2], -1)
    return torch.cat([torch.zeros_like(pairs[..., :1]), pairs.clamp_min(0)], -1)


def _monomials(degree: int) -> list[tuple[int, ...]]:
    return [n for n in itertools.product(range(degree + 1), repeat=4) if sum(n) == degree]


@cache
def _moment_index(degree: int) -> NDArray[np.int64]:
    """For each index of the tensor E[q_a q_b ...] of rank 2 degree, its monomial in q_a^2; the last one is zero."""
    place = {n: number for number, n in enumerate(_monomials(degree))}
    entries = []
    for index in itertools.product(range(4), repeat=2 * degree):
        counts = [index.count(axis) for axis in range(4)]
        odd = any(count % 2 for count in counts)
        entries.append(len(place) if odd else place[tuple(count // 2 for count in counts)])
    return np.array(entries)


@cache
def _rotation_forms() -> NDArray[np.float64]:
    """K with R_ij(q) - delta_ij |q|^2 = sum_ab K_ijab q_a q_b, float64, shape ``[3, 3, 4, 4]``."""
    forms = np.zeros((3, 3, 4, 4))
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        forms[i, i, j + 1, j + 1] = forms[i, i, k + 1, k + 1] = -2.0
        for row, column, sign in ((i, j, -1.0), (j, i, 1.0)):
            forms[row, column, i + 1, j + 1] = forms[row, column, j + 1, i + 1] = 1.0
            forms[row, column, 0, k + 1] = forms[row, column, k + 1, 0] = sign
    return forms


def _moment_tensors(values: Tensor, degrees: tuple[int, ...]) -> list[Tensor]:
    """E[q_a q_b], E[q_a q_b q_c q_d], ... of the given half degrees under exp tr(diag(s) R(q))."""
    asked = [_monomials(degree) for degree in degrees]
    _, moments = tilted_dirichlet(quaternion_gaps(values), _QUATERNION_POWERS, list(itertools.chain(*asked)))
    tensors = []
    for degree, part in zip(degrees, moments.split([len(monomials) for monomials in asked], -1), strict=True):
        table = torch.cat([part, torch.zeros_like(part[..., :1])], -1)
        index = torch.from_numpy(_moment_index(degree)).to(table.device)
        tensors.append(table[..., index].reshape(*table.shape[:-1], *(4,) * (2 * degree)))
    return tensors


@final
class RotationFamily(LogPartition):
    """phi(F) = log int exp tr(F^T R) dR over SO(3), for F ``[..., 3, 3]`` in float64.

    In the frame of the proper singular value decomposition and in unit quaternions q the exponent is
    tr S - sum_a d_a q_a^2, so that the q_a^2 follow a tilted Dirichlet law whose moments of degree one, two and three
    are the mean, covariance and third cumulant of R, each with a small relative error. Cumulants are those of R - 1,
    which is small at high concentration in that frame. Nothing is divided by differences of singular values.
    """

    event_ndim = 2

    @override
    def value(self, theta: Tensor) -> Tensor:
        frame = ProperSVD.of(theta)
        return frame.values.sum(-1) + scaled_log_partition(frame)

    @override
    def first(self, theta: Tensor) -> Tensor:
        frame = ProperSVD.of(theta)
        return frame.rotate_back(torch.diag_embed(principal_mean(frame.values)))

    @override
    def value_and_first(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        frame = ProperSVD.of(theta)
        scaled, mean = _scaled_and_mean(frame.values)
        value = frame.values.sum(-1) + torch.where(frame.finite, scaled, torch.full_like(scaled, torch.nan))
        return value, frame.rotate_back(torch.diag_embed(mean))

    @override
    def second(self, theta: Tensor, direction: Tensor) -> Tensor:
        frame = ProperSVD.of(theta)
        square, fourth = _moment_tensors(frame.values, (1, 2))
        forms = torch.from_numpy(_rotation_forms()).to(theta.device)
        form = torch.einsum("...ij,ijab->...ab", frame.rotate(direction), forms)
        joint = torch.einsum("...abcd,...cd->...ab", fourth, form)
        mean = (square * form).sum((-2, -1))[..., None, None]
        return frame.rotate_back(torch.einsum("...ab,ijab->...ij", joint - mean * square, forms))

    @override
    def third(self, theta: Tensor, direction: Tensor, other: Tensor) -> Tensor:
        frame = ProperSVD.of(theta)
        square, fourth, sixth = _moment_tensors(frame.values, (1, 2, 3))
        forms = torch.from_numpy(_rotation_forms()).to(theta.device)
        first, second = (
            torch.einsum("...ij,ijab->...ab", frame.rotate(matrix), forms) for matrix in (direction, other)
        )
        along, across = (torch.einsum("...abcd,...cd->...ab", fourth, form) for form in (first, second))
        mean, mean_other = ((square * form).sum((-2, -1))[..., None, None] for form in (first, second))
        product = (along * second).sum((-2, -1))[..., None, None]
        joint = torch.einsum("...abcdef,...cd,...ef->...ab", sixth, first, second)
        cumulant = joint - mean * across - mean_other * along + (2 * mean * mean_other - product) * square
        return frame.rotate_back(torch.einsum("...ab,ijab->...ij", cumulant, forms))


def principal_mean(values: Tensor) -> Tensor:
    """Diagonal of E[R] for F = diag(s), s_1 >= s_2 >= |s_3|, shape ``[..., 3]``; other entries vanish."""
    return _scaled_and_mean(values)[1]


def _scaled_and_mean(values: Tensor) -> tuple[Tensor, Tensor]:
    """Log of the normaliser over its largest integrand, and the diagonal of E[R], for finite F = diag(s)."""
    scaled, moments = tilted_dirichlet(
        quaternion_gaps(values), _QUATERNION_POWERS, [(0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)]
    )
    return scaled, 1 - 2 * (moments.sum(-1, keepdim=True) - moments)


def scaled_log_partition(frame: ProperSVD) -> Tensor:
    """log(c(s) exp(-tr S)) = phi(F) - max_R tr(F^T R), shape ``[...]``."""
    scaled = tilted_dirichlet(quaternion_gaps(frame.values), _QUATERNION_POWERS, [])[0]
    return torch.where(frame.finite, scaled, torch.full_like(scaled, torch.nan))
