"""Unitary matrices, phases among them."""

from __future__ import annotations

import math
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups.classical import ClassicalGroup, haar_isometries
from groups.group import element_dtype


@final
class Unitary(ClassicalGroup):
    """U(n), complex unitary matrices ``[..., n, n]``; U(1) = Unitary(1) are the phases.

    The basis is orthonormal for Re tr(A^* B), which is Ad-invariant: i E_kk, then (E_jk - E_kj) / sqrt 2 and
    i (E_jk + E_kj) / sqrt 2 for j < k.

    Args:
        n: at least 1.

    Raises:
        GroupError: when n < 1.
    """

    @property
    @override
    def dim(self) -> int:
        return self.n**2

    @property
    @override
    def is_complex(self) -> bool:
        return True

    @override
    def _make_basis(self) -> Tensor:
        basis = torch.zeros(self.dim, self.n, self.n, dtype=torch.complex128)
        for k in range(self.n):
            basis[k, k, k] = torch.tensor(1j, dtype=basis.dtype)
        number = self.n
        for j in range(self.n):
            for k in range(j + 1, self.n):
                basis[number, j, k], basis[number, k, j] = math.sqrt(0.5), -math.sqrt(0.5)
                basis[number + 1, j, k] = basis[number + 1, k, j] = torch.tensor(1j * math.sqrt(0.5), dtype=basis.dtype)
                number += 2
        return basis

    @property
    @override
    def log_haar_volume(self) -> float:
        """Log volume in the metric Re tr(A^* B): prod_k 2^(k-1) vol(S^(2k-1)), vol(S^(2k-1)) = 2 pi^k / (k-1)!."""
        return sum(k * math.log(2.0) + k * math.log(math.pi) - math.lgamma(k) for k in range(1, self.n + 1))

    @override
    def random(self, batch_shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
        element = haar_isometries((*batch_shape, *self.shape), generator, torch.complex128)
        return element.to(dtype=element_dtype(like, is_complex=True), device=like.device)
