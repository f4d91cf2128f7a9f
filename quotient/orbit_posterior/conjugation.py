"""Unitary conjugation of Hermitian matrices."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor
from torch.autograd import forward_ad
from typing_extensions import override

from groups import GroupAction
from quotient.orbit_posterior.base import ActionOrbitPosterior
from quotient.orbit_posterior.errors import OrbitPosteriorError
from quotient.orbit_posterior.hciz import log_hciz, scaled_log_hciz

#: Eigenvalues closer than this, in units of the other matrix, take the limit of the difference quotient.
_CLOSE = 3e-5


def _slope(first: Tensor, second: Tensor) -> Tensor:
    """D log Z / d a, differentiable."""
    return torch.func.grad(lambda a: log_hciz(a, second).sum())(first)


@final
class _Spectrum:
    """Eigenvalues of a Hermitian matrix as functions of it, to second order at the matrix.

    Attributes:
        vectors: U with A = U diag(a) U^*, constant.
        values: a in descending order; differentiable, with U held fixed.
        turned: U^* (A - const A) U, zero with a derivative.
        fixed: whether no derivative passes through A.
    """

    def __init__(self, matrix: Tensor) -> None:
        fixed = matrix.detach()
        finite = fixed.isfinite().all(-1).all(-1)[..., None, None]
        values, vectors = torch.linalg.eigh(torch.where(finite, fixed, torch.zeros_like(fixed)))
        self.vectors = vectors.flip(-1)
        moved = self.vectors.mH @ (matrix - fixed) @ self.vectors
        self.turned = moved
        self.values = values.flip(-1) + moved.diagonal(dim1=-2, dim2=-1).real
        self.fixed = not (matrix.requires_grad or is_functorch_wrapped_tensor(matrix) or forward_ad._current_level >= 0)

    def quotients(self, other: Tensor) -> Tensor:
        """(m_i - m_j) / (a_i - a_j) off the diagonal, zero on it, for m = d log Z / d a; constant, ``[..., n, n]``.

        Where eigenvalues are close it is the limit, the second derivative of log Z along e_i - e_j. Left out, and zero,
        where nothing is differentiated.
        """
        if self.fixed:
            return torch.zeros_like(self.turned.real)
        values, other = self.values.detach(), other.detach()
        slopes, pull, *_ = torch.func.vjp(lambda a: _slope(a, other), values)
        size = values.shape[-1]
        eye = torch.eye(size, dtype=values.dtype, device=values.device)
        hessian = torch.stack([pull(eye[i].expand_as(slopes))[0] for i in range(size)], -2)
        curvature = hessian.diagonal(dim1=-2, dim2=-1)
        limit = (curvature.unsqueeze(-1) + curvature.unsqueeze(-2)) / 2 - hessian
        gap = values.unsqueeze(-1) - values.unsqueeze(-2)
        spread = (other[..., 0] - other[..., -1])[..., None, None]
        close = gap.abs() * spread < _CLOSE
        quotient = (slopes.unsqueeze(-1) - slopes.unsqueeze(-2)) / torch.where(close, torch.ones_like(gap), gap)
        return torch.where(close, limit, quotient) * (1 - eye)


@final
class UnitaryConjugationPosterior(ActionOrbitPosterior):
    """U(n) or SU(n), n >= 2, on Hermitian matrices by X -> g X g^*.

    log Z depends on the eigenvalues a of Y and b of X alone, see :func:`scaled_log_hciz`; with Y = U diag(a) U^*,
    mean = U diag(d log Z / d a) U^*. Exact at equal eigenvalues too. Two derivatives of log Z, one of the mean: turning
    eigenvectors enters through (m_i - m_j) / (a_i - a_j), or its limit. Points must be Hermitian: only the Hermitian
    part of the dual point is looked at. For n > 3 an item takes milliseconds and torch.vmap is refused.

    Args:
        action: conjugation by unitary matrices.

    Raises:
        OrbitPosteriorError: for elements that are not square matrices of size two or more.
    """

    def __init__(self, action: GroupAction) -> None:
        super().__init__(action)
        shape = action.group.shape
        if len(shape) != 2 or shape[0] != shape[1] or shape[0] < 2:
            raise OrbitPosteriorError(
                f"conjugation by {action.group!r}: expected n x n unitary matrices with n >= 2, got elements of shape "
                f"{shape}: one phase leaves every number where it is"
            )

    @staticmethod
    def _spectra(dual: Tensor, point: Tensor) -> tuple[_Spectrum, _Spectrum]:
        return _Spectrum((dual + dual.mH) / 2), _Spectrum((point + point.mH) / 2)

    @override
    def _log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        first, second = self._spectra(dual, point)
        turning = [
            (side.quotients(other.values) * (side.turned.conj() * side.turned).real).sum((-2, -1)) / 2
            for side, other in ((first, second), (second, first))
        ]
        return log_hciz(first.values, second.values) + turning[0] + turning[1]

    @override
    def _mean(self, dual: Tensor, point: Tensor) -> Tensor:
        first, second = self._spectra(dual, point)
        inside = torch.diag_embed(_slope(first.values, second.values)) + (first.quotients(second.values) * first.turned)
        return first.vectors @ inside.to(first.vectors.dtype) @ first.vectors.mH

    @override
    def _scaled_log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        first, second = self._spectra(dual, point)
        return scaled_log_hciz(first.values, second.values)
