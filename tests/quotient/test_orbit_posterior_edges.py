"""Orbit posteriors at the edges of their formulas: shifted spectra, batches of derivatives, complex cosets, errors."""

from __future__ import annotations

import itertools
import math
from typing import final

import pytest
import torch
from torch import Tensor
from typing_extensions import override

from groups import (
    Conjugation,
    GroupAction,
    LeftMultiplication,
    PermutationAction,
    PhaseAction,
    RotationAction,
    SpecialUnitary,
    SymmetricGroup,
    Unitary,
)
from quotient.orbit_posterior import (
    CosetOrbitPosterior,
    ExactOrbitPosterior,
    HaarRule,
    OrbitPosteriorError,
    QuadratureOrbitPosterior,
    SwapMetropolis,
    orbit_posterior,
    rotation_rule,
)
from quotient.orbit_posterior.hciz import log_hciz, scaled_log_hciz


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def complex_normal(seed: int, *shape: int) -> Tensor:
    return torch.complex(normal(seed, *shape), normal(seed + 100, *shape))


def hermitian(seed: int, *shape: int) -> Tensor:
    x = complex_normal(seed, *shape)
    return (x + x.mH) / 2


@final
class Swap(GroupAction):
    """The two coordinates of C^2 exchanged."""

    linear = True
    group = SymmetricGroup(2)

    @override
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        batch = torch.broadcast_shapes(g.shape[:-1], x.shape[:-1])
        return x.expand(*batch, 2).gather(-1, g.expand(*batch, 2))


@pytest.mark.parametrize("n", [2, 3])
@pytest.mark.parametrize("spread", [0.05, 3.0, 40.0])
@pytest.mark.parametrize("shift", [-60.0, 25.0])
def test_spectra_may_be_shifted(n: int, spread: float, shift: float) -> None:
    """Tr(a g (b + c) g^*) = tr(a g b g^*) + c tr a: the scaled integral does not change."""
    a = normal(1, 7, n).sort(-1, descending=True).values
    b = spread * normal(2, 7, n).sort(-1, descending=True).values
    for first, second, trace in ((a, b, a), (b, a, b)):
        torch.testing.assert_close(
            scaled_log_hciz(first, second + shift), scaled_log_hciz(first, second), rtol=1e-9, atol=1e-10
        )
        moved = log_hciz(first, second + shift) - shift * trace.sum(-1)
        torch.testing.assert_close(moved, log_hciz(first, second), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("n", [2, 3])
def test_derivatives_of_conjugation_posteriors_batch(n: int) -> None:
    """Derivatives of the mean are those of each item alone and of differences; two eigenvalues nearly coincide."""
    posterior = orbit_posterior(Conjugation(Unitary(n)))
    y, x, w = hermitian(3, 4, n, n), hermitian(4, 4, n, n), hermitian(5, 4, n, n)
    y[0] = torch.diag(torch.arange(n, dtype=torch.float64).clamp_max(1) * (1 + 1e-9)).to(y.dtype) + 1e-9 * y[0]

    def pull(dual: Tensor, point: Tensor, weight: Tensor) -> Tensor:
        leaf = dual.clone().requires_grad_()
        (weight.conj() * posterior.mean(leaf, point)).real.sum().backward()
        assert leaf.grad is not None
        return (leaf.grad + leaf.grad.mH) / 2

    together = pull(y, x, w)
    torch.testing.assert_close(together, torch.stack([pull(*item) for item in zip(y, x, w, strict=True)]))
    direction, h = hermitian(6, 4, n, n), 1e-5
    change = (posterior.mean(y + h * direction, x) - posterior.mean(y - h * direction, x)) / (2 * h)
    expected = (w.conj() * change).real.sum((-2, -1))
    found = (together.conj() * direction).real.sum((-2, -1))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)


def test_cosets_of_phases_have_complex_means() -> None:
    inside = orbit_posterior(PhaseAction())
    assert isinstance(inside, ExactOrbitPosterior)
    posterior = CosetOrbitPosterior.of_group(inside, Swap())
    y, x = complex_normal(7, 5, 2), complex_normal(8, 5, 2)
    angles = torch.arange(256, dtype=torch.float64) * (2 * math.pi / 256)
    phases = torch.complex(angles.cos(), angles.sin())[:, None, None]
    orbit = torch.cat([phases * x, phases * x.flip(-1)])
    exponents = (y.conj() * orbit).real.sum(-1)
    shares = torch.softmax(exponents, 0)
    torch.testing.assert_close(posterior.mean(y, x), (shares.unsqueeze(-1) * orbit).sum(0))
    expected = torch.logsumexp(exponents, 0) - math.log(512)
    torch.testing.assert_close(posterior.log_normalizer(y, x), expected)


def test_quadrature_states_the_difference_of_its_rules() -> None:
    action, y, x = RotationAction(3), normal(9, 6, 3, 3), normal(10, 6, 3, 3)
    fine = rotation_rule(9)
    assert fine.coarse is not None
    found = QuadratureOrbitPosterior(action, fine).estimate(y, x)
    rough = QuadratureOrbitPosterior(action, HaarRule(fine.coarse.nodes, fine.coarse.weights))
    gap = (found.log_normalizer - rough.log_normalizer(y, x)).abs()
    assert found.log_normalizer_error.shape == (6,)
    torch.testing.assert_close(found.log_normalizer_error, gap)
    torch.testing.assert_close(found.mean_error, (found.mean - rough.mean(y, x)).abs())
    assert float(gap.max()) > 0


def test_integral_over_temperatures_of_two_short_chains() -> None:
    """Three particles, all six orders summed; the stated error covers the true one and is small."""
    action, y, x = PermutationAction(3), 0.7 * normal(11, 2, 3, 2), normal(12, 2, 3, 2)
    sampler = SwapMetropolis(action, torch.Generator().manual_seed(0), chains=2, sweeps=150, burn_in=20)
    found = sampler.estimate(y, x)
    orders = torch.tensor(list(itertools.permutations(range(3))))
    exact = torch.logsumexp((y.unsqueeze(1) * x[:, orders]).sum((-2, -1)), -1) - math.log(6)
    assert bool((found.log_normalizer_error > 0).all())
    assert bool((found.log_normalizer_error < 0.5).all())
    assert bool(((found.log_normalizer - exact).abs() < 4 * found.log_normalizer_error).all())
    assert float((found.log_normalizer - exact).abs().max()) < 0.3


def test_the_trivial_special_unitary_group_has_no_spinor_frame() -> None:
    with pytest.raises(OrbitPosteriorError, match="no exact orbit posterior"):
        orbit_posterior(LeftMultiplication(SpecialUnitary(1)))
