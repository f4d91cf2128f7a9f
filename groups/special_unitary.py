"""Unitary matrices of determinant one."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups.classical import ClassicalGroup
from groups.group import element_dtype
from groups.unitary import Unitary


@final
class SpecialUnitary(ClassicalGroup):
    """SU(n), complex matrices ``[..., n, n]``.

    The basis is orthonormal for Re tr(A^* B), which is Ad-invariant: n - 1 diagonal elements, then those of
    :class:`groups.Unitary` off the diagonal.

    Args:
        n: at least 1.

    Raises:
        GroupError: when n < 1.
    """

    @property
    @override
    def dim(self) -> int:
        return self.n**2 - 1

    @property
    @override
    def is_complex(self) -> bool:
        return True

    @property
    @override
    def log_haar_volume(self) -> float:
        """Log volume in the metric Re tr(A^* B): that of U(n) over that of the circle det U(n), 2 pi / sqrt n long."""
        return Unitary(self.n).log_haar_volume - math.log(2 * math.pi / math.sqrt(self.n))

    @override
    def _make_basis(self) -> Tensor:
        diagonal = torch.zeros(self.n - 1, self.n, self.n, dtype=torch.complex128)
        for k in range(1, self.n):
            weights = torch.tensor([1.0] * k + [-float(k)] + [0.0] * (self.n - k - 1), dtype=torch.float64)
            diagonal[k - 1] = torch.diag(weights / math.sqrt(k * (k + 1))) * 1j
        return torch.cat([diagonal, Unitary(self.n).basis[self.n :]])

    @override
    def random(self, batch_shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
        element = Unitary(self.n).random(batch_shape, generator, torch.zeros((), dtype=torch.complex128))
        angle = -torch.angle(torch.det(element)) / self.n
        special = element * torch.polar(torch.ones_like(angle), angle)[..., None, None]
        return special.to(dtype=element_dtype(like, is_complex=True), device=like.device)
