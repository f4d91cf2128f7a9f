"""The matrix exponential against its Taylor series, at every norm, for one matrix alone and for many."""

import pytest
import torch
from torch import Tensor

from groups import MatrixGroup, SpecialOrthogonal
from groups.exponential import matrix_exponential

NORMS = [0.0, 1e-9, 1e-6, 3e-4, 1e-3, 4e-3, 1e-2, 2e-2, 4e-2, 4.9e-2, 0.1, 0.25, 0.4, 0.55, 0.8, 1.3, 2.0]


def series(matrix: Tensor) -> Tensor:
    """Sum of A^k / k!, k < 40, in double precision."""
    wide = matrix.to(torch.complex128 if matrix.is_complex() else torch.float64)
    term = total = torch.eye(matrix.shape[-1], dtype=wide.dtype).expand_as(wide)
    for k in range(1, 40):
        term = term @ wide / k
        total = total + term
    return total


def drawn(norm: float, n: int, dtype: torch.dtype, *, skew: bool) -> Tensor:
    """Four matrices of the given 1-norm."""
    matrix = torch.randn(4, n, n, generator=torch.Generator().manual_seed(n), dtype=dtype)
    matrix = matrix - matrix.mH if skew else matrix
    return norm * matrix / matrix.abs().sum(-2).amax(-1).clamp_min(1e-30)[:, None, None]


@pytest.mark.parametrize("skew", [True, False])
@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128, torch.float32, torch.complex64])
def test_exponentials_are_exact_to_rounding_alone_and_together(dtype: torch.dtype, n: int, *, skew: bool) -> None:
    for norm in NORMS:
        matrix = drawn(norm, n, dtype, skew=skew)
        exact = series(matrix)
        bound = 30 * torch.finfo(dtype).eps * (1 + norm) * float(exact.abs().max())
        assert float((matrix_exponential(matrix) - exact).abs().max()) < bound
        for alone, expected in zip(matrix, exact, strict=True):
            assert float((matrix_exponential(alone) - expected).abs().max()) < bound
            assert float((matrix_exponential(alone.unsqueeze(0)) - expected).abs().max()) < bound


@pytest.mark.parametrize("norm", [1e-2, 4e-2, 0.2])
def test_derivatives_are_exact_to_rounding(norm: float) -> None:
    """The derivative along E is the upper right block of the exponential of [[A, E], [0, A]]."""
    matrix, along = drawn(norm, 3, torch.float64, skew=True)[:2]
    block = torch.cat([torch.cat([matrix, along], -1), torch.cat([torch.zeros_like(matrix), matrix], -1)], -2)
    expected = series(block)[:3, 3:]
    torch.testing.assert_close(torch.func.jvp(matrix_exponential, (matrix,), (along,))[1], expected, rtol=0, atol=1e-15)
    weight = drawn(1.0, 3, torch.float64, skew=False)[2]
    (slope,) = torch.autograd.grad((weight * matrix_exponential(matrix.requires_grad_())).sum(), matrix)
    assert float(((slope * along).sum() - (weight * expected).sum()).abs()) < 1e-15


@pytest.mark.parametrize("angle", [5e-3, 2e-2, 4e-2])
def test_one_small_rotation(angle: float) -> None:
    x = torch.tensor([angle], dtype=torch.float64)
    expected = torch.stack([x.cos(), -x.sin(), x.sin(), x.cos()], -1).reshape(2, 2)
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    for group in (SpecialOrthogonal(2), MatrixGroup([turn])):
        found = group.exp(x / float(torch.linalg.vector_norm(group.basis)) * 2**0.5)
        for candidate in (found, found.mT):
            if float(candidate[1, 0]) > 0:
                torch.testing.assert_close(candidate, expected, rtol=0, atol=1e-15)
