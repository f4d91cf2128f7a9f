"""Finite groups and like particles."""

import itertools

import pytest
import torch
from torch import Tensor
from typing_extensions import override

from groups import CyclicGroup, GroupAction, PermutationAction
from quotient.orbit_posterior import (
    FiniteOrbitPosterior,
    OrbitPosteriorError,
    PermutationOrbitPosterior,
    SwapMetropolis,
    orbit_posterior,
)
from quotient.orbit_posterior._chains import chain_diagnostics
from quotient.orbit_posterior.permanents import assignment_marginals, best_sum, log_permanent


class QuarterTurns(GroupAction):
    group = CyclicGroup(4)
    linear = True

    @override
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        angle = g.to(x.dtype).unsqueeze(-1) * torch.pi / 2
        return torch.cos(angle) * x + torch.sin(angle) * torch.stack([-x[..., 1], x[..., 0]], -1)


def logits_of(size: int, scale: float, seed: int) -> Tensor:
    return scale * torch.randn(2, size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_actions_of_finite_groups_are_summed() -> None:
    y, x = torch.tensor([0.3, -0.7], dtype=torch.float64), torch.tensor([1.5, 0.2], dtype=torch.float64)
    posterior = orbit_posterior(QuarterTurns())
    orbit = torch.stack([x, torch.stack([-x[1], x[0]]), -x, torch.stack([x[1], -x[0]])])
    weights = torch.exp(orbit @ y)
    torch.testing.assert_close(posterior.log_normalizer(y, x), weights.mean().log())
    torch.testing.assert_close(posterior.mean(y, x), (weights[:, None] * orbit).sum(0) / weights.sum())
    estimate = posterior.estimate(y, x)
    assert estimate.log_normalizer_error == 0
    assert estimate.effective_sample_size == torch.inf


@pytest.mark.parametrize("scale", [0.0, 1.0, 30.0, 1e4])
def test_permanents_against_all_permutations(scale: float) -> None:
    logits = logits_of(5, scale, 0)
    columns = torch.arange(5)
    permutations = torch.tensor(list(itertools.permutations(range(5))))
    sums = logits[:, permutations, columns].sum(-1)
    torch.testing.assert_close(log_permanent(logits), torch.logsumexp(sums, -1), rtol=1e-14, atol=1e-13)
    torch.testing.assert_close(best_sum(logits), sums.amax(-1), rtol=1e-14, atol=0)
    shares = torch.softmax(sums, -1)
    hits = torch.nn.functional.one_hot(permutations, 5).to(shares)
    expected = torch.einsum("bp,pji->bij", shares, hits)
    torch.testing.assert_close(assignment_marginals(logits)[1], expected, rtol=1e-11, atol=1e-13)


def test_marginals_are_the_gradient_and_doubly_stochastic() -> None:
    logits = logits_of(9, 3.0, 1).requires_grad_()
    (gradient,) = torch.autograd.grad(log_permanent(logits).sum(), logits)
    marginals = assignment_marginals(logits)[1]
    torch.testing.assert_close(marginals.detach(), gradient, rtol=1e-10, atol=1e-13)
    ones = torch.ones(2, 9, dtype=torch.float64)
    torch.testing.assert_close(marginals.sum(-1), ones)
    torch.testing.assert_close(marginals.sum(-2), ones)


def test_no_cancellation_where_inclusion_and_exclusion_cancels() -> None:
    """Entries exp(-20 |i - j|): the permanent is that of the diagonal, and Ryser's signed sum loses it."""
    index = torch.arange(12, dtype=torch.float64)
    logits = -20.0 * (index[:, None] - index[None, :]).abs()
    assert float(log_permanent(logits)) == pytest.approx(11 * torch.exp(torch.tensor(-40.0)).item(), abs=1e-14)
    y = torch.nn.functional.one_hot(torch.arange(12), 12).to(torch.float64)
    posterior = orbit_posterior(PermutationAction(12))
    torch.testing.assert_close(posterior.mean(1e3 * y, y), y, atol=1e-12, rtol=0)


def test_permutations_by_permanents_and_by_enumeration() -> None:
    generator = torch.Generator().manual_seed(2)
    y, x = torch.randn(2, 3, 6, 3, generator=generator, dtype=torch.float64)
    permanents, sums = PermutationOrbitPosterior(PermutationAction(6)), FiniteOrbitPosterior(PermutationAction(6))
    torch.testing.assert_close(permanents.mean(y, x), sums.mean(y, x), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(permanents.log_normalizer(y, x), sums.log_normalizer(y, x), rtol=1e-12, atol=1e-12)
    scaled = permanents.scaled_log_normalizer(100 * y, x)
    torch.testing.assert_close(scaled, sums.scaled_log_normalizer(100 * y, x), rtol=1e-12, atol=1e-12)
    wrong = y @ x.mT
    assert (assignment_marginals(wrong.mT)[1] @ x - sums.mean(y, x)).abs().max() > 0.1


def test_sizes_that_are_refused() -> None:
    with pytest.raises(OrbitPosteriorError, match="at most 14 particles, got 15"):
        orbit_posterior(PermutationAction(15))
    with pytest.raises(OrbitPosteriorError, match="at most 50000 elements"):
        FiniteOrbitPosterior(PermutationAction(9))
    with pytest.raises(OrbitPosteriorError, match="two particles"):
        SwapMetropolis(PermutationAction(1), torch.Generator())


@pytest.mark.slow
def test_swap_chains_agree_with_permanents() -> None:
    """Errors within five standard errors and of about that size; chains at the wrong temperature are found out."""
    generator = torch.Generator().manual_seed(3)
    y, x = torch.randn(2, 6, 7, 2, generator=generator, dtype=torch.float64)
    exact = orbit_posterior(PermutationAction(7))
    sampled = SwapMetropolis(PermutationAction(7), generator, sweeps=600).estimate(y, x)
    score = (sampled.mean - exact.mean(y, x)) / sampled.mean_error
    assert score.abs().max() < 5
    assert 0.4 < score.std() < 1.6
    assert ((sampled.log_normalizer - exact.log_normalizer(y, x)).abs() < 5 * sampled.log_normalizer_error).all()
    assert sampled.r_hat.max() < 1.1
    assert sampled.effective_sample_size.min() > 100
    wrong = (sampled.mean - exact.mean(2 * y, x)) / sampled.mean_error
    assert wrong.abs().max() > 10


def test_swap_chains_differentiate_to_covariances() -> None:
    generator = torch.Generator().manual_seed(4)
    y, x = torch.randn(2, 4, 2, generator=generator, dtype=torch.float64)
    action = PermutationAction(4)
    exact, chains = orbit_posterior(action), SwapMetropolis(action, generator, chains=16, sweeps=250, burn_in=20)
    y.requires_grad_()
    covariance = torch.autograd.grad(exact.mean(y, x)[0, 0], y)[0]
    sampled = torch.autograd.grad(chains.mean(y, x)[0, 0], y)[0]
    torch.testing.assert_close(sampled, covariance, atol=0.1, rtol=0)
    torch.testing.assert_close(
        torch.autograd.grad(chains.log_normalizer(y, x), y)[0], exact.mean(y, x), atol=0.15, rtol=0
    )


def test_diagnostics_of_good_and_bad_chains() -> None:
    noise = torch.randn(400, 4, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    r_hat, size = chain_diagnostics(noise)
    assert abs(r_hat - 1) < 0.02
    assert size > 600
    r_hat, _ = chain_diagnostics(noise + 5 * torch.arange(4))
    assert r_hat > 2
    sticky = noise[::20].repeat_interleave(20, 0)
    _, size = chain_diagnostics(sticky)
    assert size < 300
    r_hat, size = chain_diagnostics(torch.ones(100, 4, dtype=torch.float64))
    assert r_hat == 1
    assert size == 400
