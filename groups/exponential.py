"""The matrix exponential, on the branches of torch's that are accurate to rounding."""

from __future__ import annotations

import torch
from torch import Tensor


def matrix_exponential(matrix: Tensor) -> Tensor:
    """Exp(A) of square matrices ``[..., n, n]``, differentiable.

    torch chooses a Taylor polynomial by the 1-norm of a matrix. That of degree 8, used for one matrix alone of norm
    0.005 to 0.05 in double precision and up to 0.58 in single precision, has a wrong coefficient (pytorch issue 196592,
    torch 2.13): errors reach 1e-10 and 2e-5. One more diagonal entry, exp(diag(A, c)) = diag(exp(A), e^c), keeps the
    norm above that range.
    """
    double = matrix.dtype in (torch.float64, torch.complex128)
    size = matrix.shape[-1]
    corner = matrix.new_zeros(size + 1, size + 1)
    corner[size, size] = 0.1 if double else 1.0
    padded = torch.nn.functional.pad(matrix, (0, 1, 0, 1)) + corner
    # of views across axes, matrix_exp takes some only
    return torch.matrix_exp(padded.contiguous())[..., :size, :size]
