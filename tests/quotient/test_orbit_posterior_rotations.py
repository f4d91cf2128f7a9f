"""The matrix Fisher family against Bessel integrals in many digits, at every concentration and degeneracy."""

import itertools
import math
from typing import Any

import mpmath as mp
import numpy as np
import pytest
import torch
from scipy.special import ive
from torch import Tensor

from groups import RotationAction, SpecialOrthogonal, best_rotation
from quotient.orbit_posterior import QuadratureOrbitPosterior, orbit_posterior, rotation_rule
from quotient.orbit_posterior._cumulants import expectation, log_partition
from quotient.orbit_posterior.rotation_family import ProperSVD, RotationFamily, principal_mean, scaled_log_partition

FAMILY = RotationFamily()
SCALES = (0.0, 1e-8, 1e-3, 0.1, 1.0, 7.0, 50.0, 1e3, 1e5, 1e8)
GRID = sorted({(a, b, s * c) for a, b, c in itertools.product(SCALES, repeat=3) if a >= b >= c for s in (1.0, -1.0)})
HARD = [
    (1e8, 1e8, -1e8),
    (1e8, 1.0, 0.0),
    (1e8, 1e8, 1e8),
    (1e8, 0.0, 0.0),
    (1e4, 1e-3, -1e-3),
    (1e8, 1e8, -1e8 + 0.5),
    (5.0, 5.0, -5.0),
    (3.0, 3.0 - 1e-9, 0.0),
    (2e5, 40.0, -39.9),
]
DEGENERATE = [(0.0, 0.0, 0.0), (2.0, 2.0, 2.0), (2.0, 1.0, -1.0), (3.0, 0.0, 0.0), (2.0, 2.0, -2.0), (4.0, 4.0, 1.0)]


def diagonal(values: tuple[float, ...]) -> Tensor:
    return torch.diag(torch.tensor(values, dtype=torch.float64))


def frame_of(values: Tensor) -> ProperSVD:
    eye = torch.eye(3, dtype=values.dtype).expand(*values.shape, 3)
    return ProperSVD(eye, values, eye, torch.ones(values.shape[:-1], dtype=torch.bool))


def random_matrices(count: int, scale: float, seed: int) -> Tensor:
    return scale * torch.randn(count, 3, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def bessel_route(s: tuple[float, ...]) -> tuple[float, float, float]:
    """log c(s) exp(-tr s), 1 - E[R_33] and Var R_33: integrals over u = R_33 = 1 - v, v > 0 resolved by decades."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    cuts = np.concatenate([[0.0], 10.0 ** np.arange(-11.0, 1.0)])
    cuts = np.concatenate([cuts, 2 - cuts[-2::-1]])
    low, high = cuts[:-1, None], cuts[1:, None]
    v, w = (low + high) / 2 + (high - low) / 2 * nodes, (high - low) / 2 * weights
    near_end = (2 - high) - (high - low) / 2 * (nodes - 1)
    rest = np.where(v > 1, near_end, 2 - v)
    density = 0.5 * ive(0, (s[0] - s[1]) * v / 2) * ive(0, (s[0] + s[1]) * rest / 2) * np.exp(-(s[1] + s[2]) * v) * w
    mean = (v * density).sum() / density.sum()
    return math.log(density.sum()), mean, ((v - mean) ** 2 * density).sum() / density.sum()


def test_normaliser_and_mean_over_a_grid_of_concentrations() -> None:
    values = torch.tensor(GRID + HARD, dtype=torch.float64)
    routes = torch.tensor([bessel_route(tuple(row)) for row in values.tolist()], dtype=torch.float64)
    log_c, third, variance = routes.unbind(-1)
    assert len(values) > 300
    torch.testing.assert_close(scaled_log_partition(frame_of(values)), log_c, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(1 - principal_mean(values)[:, 2], third, atol=1e-12, rtol=0)
    last = diagonal((0.0, 0.0, 1.0))
    spread = FAMILY.second(torch.diag_embed(values), last.expand(len(values), 3, 3))[:, 2, 2]
    torch.testing.assert_close(spread, variance, atol=1e-10, rtol=0)


def test_the_same_grid_in_single_precision() -> None:
    """Of F in float32, turned by a quarter: within 1e-6 of the Bessel integrals at every concentration."""
    values = torch.tensor(GRID + HARD, dtype=torch.float32)
    routes = torch.tensor([bessel_route(tuple(row)) for row in values.tolist()], dtype=torch.float64)
    left = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    dual, point = left @ torch.diag_embed(values), torch.eye(3).expand(len(values), 3, 3)
    closed = orbit_posterior(RotationAction(3))
    mean, scaled = closed.mean(dual.mT, point), closed.scaled_log_normalizer(dual.mT, point)
    assert mean.dtype == scaled.dtype == torch.float32
    torch.testing.assert_close(1 - mean[:, 2, 2].double(), routes[:, 1], atol=1e-6, rtol=0)
    torch.testing.assert_close(scaled.double(), routes[:, 0], atol=1e-6, rtol=1e-6)
    exact = principal_mean(values.double())
    torch.testing.assert_close((mean @ left)[:, [0, 1], [0, 1]].double(), exact[:, :2], atol=1e-6, rtol=0)


def many_digits(s: tuple[float, ...], k: int) -> tuple[Any, Any]:
    """log c(s) exp(-tr s) and 1 - E[R_kk] in 30 digits [Lee2018]."""
    s1, s2 = (mp.mpf(value) for axis, value in enumerate(s) if axis != k)
    axis, trace = mp.mpf(s[k]), mp.fsum(s)

    def density(v: Any) -> Any:
        first, second = abs(s1 - s2) * v / 2, abs(s1 + s2) * (2 - v) / 2
        scaled = [mp.besseli(0, x) * mp.exp(-x) for x in (first, second)]
        return scaled[0] * scaled[1] * mp.exp(first + second + axis * (1 - v) - trace) / 2

    decades = [mp.mpf(0), *(mp.mpf(10) ** -e for e in range(10, -1, -1))]
    points = [p for p in [*decades, *(2 - p for p in reversed(decades[:-1]))] if p * (axis + s2) < 200 or p == 0]
    integrals: list[Any] = [mp.quad(density, points), mp.quad(lambda v: v * density(v), points)]
    normaliser, moment = integrals
    return mp.log(normaliser), moment / normaliser


@pytest.mark.slow
@pytest.mark.parametrize("s", [HARD[1], HARD[5], HARD[8], (1.0, 0.5, -0.25)])
def test_against_many_digits(s: tuple[float, ...]) -> None:
    values = torch.tensor(s, dtype=torch.float64)
    with mp.workdps(30):
        for k in (0, 2):
            log_c, gap = many_digits(s, k)
            assert abs(float(scaled_log_partition(frame_of(values))) - log_c) < 1e-13
            assert abs(float(principal_mean(values)[k]) - (1 - gap)) < 1e-14


TURNED = [(1e8, 1e8, -1e8 + 0.5), (1e8, 1e6, 3.0), (1e4, 1.0, -1.0), (2, 1, -0.5), (30, 30, 29), (1, 0, 0)]


def turned(place: int) -> Tensor:
    """U diag(s) V^T in float64 with the singular values TURNED[place]."""
    shape, like = (2, len(TURNED)), torch.zeros(0, dtype=torch.float64)
    left, right = SpecialOrthogonal(3).random(shape, torch.Generator().manual_seed(3), like)[:, place]
    return left @ diagonal(TURNED[place]) @ right.mT


def proper_svd_in_40_digits(matrix: Tensor) -> tuple[Any, list[Any], Any]:
    u, s, v = mp.svd_r(mp.matrix(matrix.tolist()))
    sign = mp.sign(mp.det(u) * mp.det(v))
    u[:, 2] *= mp.sign(mp.det(u))
    v[2, :] *= mp.sign(mp.det(v))
    return u, [s[0], s[1], s[2] * sign], v


def rounding_of(matrix: Tensor) -> float:
    """10 eps |F| |Cov R|: what ten roundings of F move E[R]."""
    covariance = torch.func.jacrev(lambda f: expectation(FAMILY, f))(matrix).reshape(9, 9)
    return float(10 * 2.2e-16 * matrix.norm() * torch.linalg.matrix_norm(covariance, 2))


@pytest.mark.parametrize("place", range(len(TURNED)))
def test_mean_of_rotated_parameters_within_rounding_of_f(place: int) -> None:
    """E[R] as a function of F, with the singular values from 40 digits and their mean in float64."""
    matrix = turned(place)
    with mp.workdps(40):
        u, s, v = proper_svd_in_40_digits(matrix)
        exact = torch.tensor([float(value) for value in s], dtype=torch.float64)
        expected = u * mp.diag([mp.mpf(float(m)) for m in principal_mean(exact)]) * v
    expected = torch.tensor(np.array(expected.tolist(), dtype=float))
    assert (expectation(FAMILY, matrix) - expected).abs().max() <= rounding_of(matrix) + 1e-14


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 1, 3])
def test_mean_of_rotated_parameters_in_many_digits(place: int) -> None:
    """Likewise, nothing in float64 but F; beside the rounding of F only that of numbers of size one is allowed."""
    matrix = turned(place)
    with mp.workdps(40):
        u, s, v = proper_svd_in_40_digits(matrix)
    with mp.workdps(30):
        expected = u * mp.diag([1 - many_digits(tuple(s), k)[1] for k in range(3)]) * v
    expected = torch.tensor(np.array(expected.tolist(), dtype=float))
    assert (expectation(FAMILY, matrix) - expected).abs().max() <= rounding_of(matrix) + 4 * 2.2e-16


def test_against_quadrature_on_the_group_and_not_of_the_transpose() -> None:
    action = RotationAction(3)
    x = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    y = 0.8 * torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    closed, brute = orbit_posterior(action), QuadratureOrbitPosterior(action, rotation_rule(40))
    torch.testing.assert_close(closed.log_normalizer(y, x), brute.log_normalizer(y, x), atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(closed.mean(y, x), brute.mean(y, x), atol=1e-12, rtol=1e-12)
    transposed = x @ expectation(FAMILY, x.mT @ y).mT
    assert (transposed - brute.mean(y, x)).abs().amax((-2, -1)).min() > 0.1


@pytest.mark.parametrize("values", DEGENERATE)
def test_derivatives_where_singular_values_coincide(values: tuple[float, ...]) -> None:
    matrix = diagonal(values).requires_grad_()
    assert torch.autograd.gradcheck(lambda f: log_partition(FAMILY, f), matrix, check_forward_ad=True)
    assert torch.autograd.gradcheck(lambda f: expectation(FAMILY, f), matrix, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(lambda f: expectation(FAMILY, f), matrix)


def test_third_cumulants_are_symmetric_and_transforms_compose() -> None:
    matrices = random_matrices(3, 2.0, 6)
    forward = torch.func.vmap(torch.func.jacfwd(torch.func.jacrev(lambda f: expectation(FAMILY, f))))(matrices)
    third = forward.reshape(3, 9, 9, 9)
    assert third.abs().max() > 1e-2
    torch.testing.assert_close(third, third.permute(0, 3, 1, 2), atol=1e-14, rtol=1e-12)


def test_covariance_keeps_its_digits_at_high_concentration() -> None:
    """Small rotations exp(t) are normal there: the variance of t_k is 1 / (s_i + s_j)."""
    s = torch.tensor([3e8, 2e8, 1e8], dtype=torch.float64)
    basis = SpecialOrthogonal(3).basis
    matrix = torch.diag(s)
    spread = torch.stack([(FAMILY.second(matrix, e) * e).sum() / 4 for e in basis])
    sums = torch.stack([(e.abs() @ s).sum() for e in basis]) / 1.0
    torch.testing.assert_close(spread, 1 / sums, rtol=1e-7, atol=0)


def test_zero_and_infinite_concentration() -> None:
    zero = torch.zeros(3, 3, dtype=torch.float64)
    assert float(log_partition(FAMILY, zero)) == pytest.approx(0.0, abs=1e-14)
    assert expectation(FAMILY, zero).abs().max() < 1e-15
    x, y = random_matrices(2, 1.0, 7)
    aligned = x @ best_rotation(x, y).mT
    closed = orbit_posterior(RotationAction(3))
    torch.testing.assert_close(closed.mean(1e12 * y, x), aligned, atol=1e-10, rtol=0)
    peak = 1e3 * (y * aligned).sum()
    scaled = closed.scaled_log_normalizer(1e3 * y, x)
    torch.testing.assert_close(scaled, closed.log_normalizer(1e3 * y, x) - peak, atol=1e-10, rtol=0)
    bad = closed.mean(torch.full_like(y, torch.nan), x)
    assert bad.isnan().all()


def test_single_precision() -> None:
    x, y = random_matrices(2, 1.0, 8)
    closed = orbit_posterior(RotationAction(3))
    for scale in (1e-4, 1.0, 1e4):
        low = closed.mean(scale * y.float(), x.float())
        assert low.dtype == torch.float32
        torch.testing.assert_close(low.double(), closed.mean(scale * y, x), atol=1e-6, rtol=1e-6)
