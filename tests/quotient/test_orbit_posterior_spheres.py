"""Von Mises-Fisher families in any dimension against Bessel functions in many digits."""

from typing import Any

import mpmath as mp
import pytest
import torch

from quotient.orbit_posterior._cumulants import expectation, log_partition
from quotient.orbit_posterior._tilted_dirichlet import tilted_dirichlet
from quotient.orbit_posterior.errors import OrbitPosteriorError
from quotient.orbit_posterior.sphere_family import SphereFamily

KAPPAS = (0.0, 1e-9, 1e-4, 0.3, 0.999, 1.0, 1.01, 2.0, 3.7, 20.0, 300.0, 1e4, 1e8)
DIMS = (2, 3, 4, 5, 8, 31, 100)


def reference(dim: int, kappa: float) -> list[Any]:
    """phi and three derivatives in w = kappa^2, as logarithmic derivatives of 0F1(; n/2; w/4)."""
    b, z = mp.mpf(dim) / 2, mp.mpf(kappa) ** 2 / 4
    if kappa > 1e3:
        nu = b - 1
        values = [mp.besseli(nu + k, kappa) * mp.gamma(b + k) * (mp.mpf(kappa) / 2) ** (-nu - k) for k in range(4)]
    else:
        values = [mp.hyp0f1(b + k, z) for k in range(4)]
    d1, d2, d3 = (values[k] / values[0] / mp.rf(b, k) / 4**k for k in (1, 2, 3))
    return [mp.log(values[0]), d1, d2 - d1**2, d3 - 3 * d1 * d2 + 2 * d1**3]


@pytest.mark.parametrize("dim", DIMS)
def test_value_and_three_derivatives(dim: int) -> None:
    family = SphereFamily(dim)
    w = torch.tensor(KAPPAS, dtype=torch.float64) ** 2
    ones = torch.ones_like(w)
    ours = [family.value(w), family.first(w), family.second(w, ones), family.third(w, ones, ones)]
    with mp.workdps(60):
        theirs = [reference(dim, kappa) for kappa in KAPPAS]
    for order, values in enumerate(ours):
        expected = torch.tensor([float(row[order]) for row in theirs], dtype=torch.float64)
        torch.testing.assert_close(values, expected, rtol=1e-11, atol=1e-14 if order == 0 else 0.0)


def test_scaled_normaliser_has_no_cancellation() -> None:
    """On the sphere of space Z = sinh(kappa) / kappa."""
    kappa = torch.logspace(-2, 12, 15, dtype=torch.float64)
    expected = torch.log(-torch.expm1(-2 * kappa)) - torch.log(2 * kappa)
    torch.testing.assert_close(SphereFamily(3).scaled(kappa), expected, atol=1e-13, rtol=1e-14)


def test_derivatives_of_the_functions_and_their_end() -> None:
    w = torch.tensor([1e-3, 0.8, 4.1, 50.0], dtype=torch.float64, requires_grad=True)
    family = SphereFamily(4)
    assert torch.autograd.gradcheck(lambda t: log_partition(family, t), w, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(lambda t: log_partition(family, t), w)
    assert torch.autograd.gradgradcheck(lambda t: expectation(family, t), w, atol=1e-6)
    first = torch.func.grad(lambda t: expectation(family, t).sum())
    second = torch.func.grad(lambda t: first(t).sum())
    assert second(w.detach()).isfinite().all()
    with pytest.raises(OrbitPosteriorError, match="three derivatives"):
        torch.func.grad(lambda t: second(t).sum())(w.detach())


def test_dirichlet_moments_without_tilt_and_with_equal_gaps() -> None:
    """Moments of Dirichlet laws are known; a tilt by all but one of equal gaps is that of a Beta variable."""
    powers, monomials = (0.5, 1.0, 2.5), [(1, 0, 0), (0, 1, 1), (0, 0, 3)]
    log_z, moments = tilted_dirichlet(torch.zeros(3, dtype=torch.float64), powers, monomials)
    expected = [0.5 / 4, 2.5 / 20, 2.5 * 3.5 * 4.5 / (4 * 5 * 6)]
    assert float(log_z) == pytest.approx(0.0, abs=1e-14)
    torch.testing.assert_close(moments, torch.tensor(expected, dtype=torch.float64), rtol=1e-13, atol=0)
    gap = 37.5
    log_z, moments = tilted_dirichlet(torch.tensor([0.0, gap, gap], dtype=torch.float64), powers, [(0, 1, 0)])
    assert float(log_z) == pytest.approx(float(mp.log(mp.hyp1f1(3.5, 4, -gap))), abs=1e-13)
    share = mp.mpf(3.5) / 4 * mp.hyp1f1(4.5, 5, -gap) / mp.hyp1f1(3.5, 4, -gap)
    assert float(moments[0]) == pytest.approx(float(share / 3.5), rel=1e-13)
