"""The integral of Harish-Chandra, Itzykson and Zuber in many digits, at coinciding eigenvalues and every scale."""

import itertools
from typing import Any

import mpmath as mp
import pytest
import torch
from torch import Tensor

from groups import Conjugation, SpecialOrthogonal, Unitary
from quotient.orbit_posterior import OrbitPosteriorError, UnitaryConjugationPosterior, orbit_posterior
from quotient.orbit_posterior.hciz import scaled_log_hciz

SCALES = (0.0, 1e-12, 1e-6, 1e-3, 0.3, 1.0, 1.5, 20.0, 1e4)
SPECTRA = [(a, b, 0.0) for a in SCALES for b in (0.0, 1e-9 * a, 0.5 * a, a * (1 - 1e-7), a)]


def determinant_route(a: tuple[float, ...], b: tuple[float, ...]) -> Any:
    """log of prod k! det(exp a_i b_j) / (Vandermonde determinants), less sum a_i b_i; eigenvalues split by 1e-40."""
    size = len(a)
    first = [mp.mpf(x) - mp.mpf(10) ** -40 * i * i for i, x in enumerate(a)]
    second = [mp.mpf(x) - mp.mpf(10) ** -40 * i * (i + 1) for i, x in enumerate(b)]
    peak = mp.fdot(first, second)
    pairs = list(itertools.combinations(range(size), 2))
    determinant = mp.mpf(0)
    for order in itertools.permutations(range(size)):
        sign = (-1) ** sum(order[i] > order[j] for i, j in pairs)
        determinant += sign * mp.exp(mp.fsum(first[i] * second[order[i]] for i in range(size)) - peak)
    vandermonde = mp.fprod((first[i] - first[j]) * (second[i] - second[j]) for i, j in pairs)
    return mp.log(mp.fprod(mp.factorial(k) for k in range(size)) * determinant / vandermonde) + mp.mpf(0)


@pytest.mark.parametrize("size", [2, 3])
def test_normaliser_in_many_digits(size: int) -> None:
    rows = [(a[:1] + a[3 - size + 1 :], b[:1] + b[3 - size + 1 :]) for a, b in itertools.product(SPECTRA[::3], SPECTRA)]
    first, second = (torch.tensor([row[side] for row in rows], dtype=torch.float64) for side in (0, 1))
    with mp.workdps(420):
        expected = torch.tensor([float(determinant_route(*row)) for row in rows], dtype=torch.float64)
    torch.testing.assert_close(scaled_log_hciz(first, second), expected, rtol=1e-13, atol=1e-14)


def test_slopes_in_many_digits() -> None:
    rows = list(itertools.product(SPECTRA[7:30:4], SPECTRA[5:36:5]))
    first, second = (torch.tensor([row[side] for row in rows], dtype=torch.float64) for side in (0, 1))
    slopes = torch.func.grad(lambda a: scaled_log_hciz(a, second).sum())(first)
    step = mp.mpf(10) ** -16
    with mp.workdps(420):
        for row, slope in zip(rows, slopes, strict=True):
            for axis in range(3):
                ends = [[mp.mpf(x) + s * step * (k == axis) for k, x in enumerate(row[0])] for s in (1, -1)]
                exact = (determinant_route(tuple(ends[0]), row[1]) - determinant_route(tuple(ends[1]), row[1])) / (
                    2 * step
                )
                assert abs(float(slope[axis]) - exact) < 1e-12 * (1 + max(row[1]))


def hermitian(values: tuple[float, ...], seed: int) -> Tensor:
    like = torch.zeros((), dtype=torch.complex128)
    g = Unitary(len(values)).random((), torch.Generator().manual_seed(seed), like)
    return g @ torch.diag(torch.tensor(values, dtype=torch.complex128)) @ g.mH


def test_transforms_and_constants_agree() -> None:
    """Nothing is left out inside torch.func, and values do not depend on whether something is differentiated."""
    posterior = orbit_posterior(Conjugation(Unitary(3)))
    y, x, v = hermitian((1.0, 0.2, 0.2), 6), hermitian((0.5, 0.5, -1.0), 7), hermitian((1.0, -2.0, 0.5), 8)

    def along(t: Tensor) -> Tensor:
        return posterior.log_normalizer(y + t * v, x)

    zero = torch.zeros((), dtype=torch.float64)
    orders = [(torch.func.jacfwd, torch.func.grad), (torch.func.grad, torch.func.grad), (torch.func.jacfwd,) * 2]
    twice = [outer(within(along))(zero) for outer, within in orders]
    step = 1e-4
    numeric = (along(zero + step) + along(zero - step) - 2 * along(zero)) / step**2
    for value in twice:
        torch.testing.assert_close(value, numeric, atol=1e-6, rtol=1e-6)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(y, v)
        tangent = torch.autograd.forward_ad.unpack_dual(posterior.mean(dual, x)).tangent
    moved = (posterior.mean(y + step * v, x) - posterior.mean(y - step * v, x)) / (2 * step)
    assert tangent is not None
    torch.testing.assert_close(tangent, moved, atol=1e-7, rtol=1e-7)
    torch.testing.assert_close(posterior.mean(y.clone().requires_grad_(), x).detach(), posterior.mean(y, x))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "second"),
    [
        ((1.0, 0.3, -0.5), (0.7, 0.1, -1.0)),
        ((1.0, 1.0, 1.0), (0.7, 0.1, -1.0)),
        ((1.0, 1.0, 0.0), (2.0, 2.0, -1.0)),
        ((0.0, 0.0, 0.0), (2.0, 1.0, 1.0)),
        ((3.0, 0.0, 0.0), (2.0, 1.0, 1.0 + 1e-7)),
        ((1.0, 1.0), (2.0, -1.0)),
    ],
)
def test_derivatives_at_coinciding_eigenvalues(first: tuple[float, ...], second: tuple[float, ...]) -> None:
    posterior = UnitaryConjugationPosterior(Conjugation(Unitary(len(first))))
    y, x = hermitian(first, 0).requires_grad_(), hermitian(second, 1).requires_grad_()

    def log_z(y: Tensor, x: Tensor) -> Tensor:
        return posterior.log_normalizer((y + y.mH) / 2, (x + x.mH) / 2)

    def mean(y: Tensor, x: Tensor) -> Tensor:
        return torch.view_as_real(posterior.mean((y + y.mH) / 2, (x + x.mH) / 2))

    assert torch.autograd.gradcheck(log_z, (y, x), atol=1e-7, fast_mode=True)
    assert torch.autograd.gradcheck(mean, (y, x), atol=1e-6, fast_mode=True)
    assert torch.autograd.gradgradcheck(log_z, (y, x), atol=1e-6, fast_mode=True)


def test_the_mean_of_a_multiple_of_one_and_against_one() -> None:
    posterior = orbit_posterior(Conjugation(Unitary(3)))
    x, one = hermitian((2.0, 0.5, -1.0), 2), torch.eye(3, dtype=torch.complex128)
    torch.testing.assert_close(posterior.mean(5 * one, x), x.trace().real / 3 * one, atol=1e-13, rtol=0)
    torch.testing.assert_close(posterior.mean(x, 5 * one), 5 * one, atol=1e-13, rtol=0)
    sharp = posterior.mean(1e6 * hermitian((1.0, 0.0, -1.0), 3), x)
    torch.testing.assert_close(torch.linalg.eigvalsh(sharp), torch.linalg.eigvalsh(x), atol=1e-5, rtol=0)


def test_two_by_two_is_the_bloch_sphere() -> None:
    """U(2) turns the three Pauli coordinates as SO(3) does: sinh(kappa) / kappa, kappa = (a_12 b_12) / 2."""
    y, x = hermitian((1.2, -0.4), 4), hermitian((0.9, 0.1), 5)
    kappa = torch.tensor(1.6 * 0.8 / 2, dtype=torch.float64)
    expected = torch.log(torch.sinh(kappa) / kappa) + 0.8 * 1.0 / 2
    torch.testing.assert_close(orbit_posterior(Conjugation(Unitary(2))).log_normalizer(y, x), expected)


def test_what_is_not_conjugation_by_unitary_matrices_is_refused() -> None:
    with pytest.raises(OrbitPosteriorError, match="no exact orbit posterior"):
        orbit_posterior(Conjugation(Unitary(1)))
    with pytest.raises(OrbitPosteriorError, match="n >= 2"):
        UnitaryConjugationPosterior(Conjugation(Unitary(1)))
    with pytest.raises(OrbitPosteriorError, match="no exact orbit posterior"):
        orbit_posterior(Conjugation(SpecialOrthogonal(3)))
