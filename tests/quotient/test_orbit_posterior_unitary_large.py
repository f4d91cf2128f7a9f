"""The integral of Harish-Chandra, Itzykson and Zuber for matrices of any size."""

import itertools
from collections.abc import Callable

import mpmath as mp
import pytest
import torch
from torch import Tensor

from groups import Conjugation, Unitary
from quotient.orbit_posterior import OrbitPosteriorError, SelfNormalizedSampling, orbit_posterior
from quotient.orbit_posterior._cumulants import log_partition
from quotient.orbit_posterior._hciz_digits import SpectralFamily
from quotient.orbit_posterior.hciz import scaled_log_hciz
from tests.quotient.test_orbit_posterior_unitary import SPECTRA, determinant_route, hermitian

#: Spectra of four and five, descending; some levels coincide or nearly so.
LARGE = [
    ((3.0, 1.0, -0.5, -2.0), (1.5, 1.0, 0.2, -1.0)),
    ((2.0, 2.0, 0.0, 0.0), (1.0, 1.0 - 1e-8, 1.0 - 2e-8, -1.0)),
    ((1.0, 1.0, 1.0, 1.0), (2.0, 1.0, 0.0, -3.0)),
    ((1e4, 1e3, 1e3, -1e4), (7.0, 7.0, 7.0, -2.0)),
    ((1e-9, 5e-10, 0.0, 0.0), (1e-3, 0.0, 0.0, -1e-3)),
    ((2.0, 1.0, 0.5, 0.5, -1.0), (1.0, 1.0, 0.0, -0.3, -0.3)),
]


def many(first: Tensor, second: Tensor) -> Tensor:
    return log_partition(SpectralFamily(), torch.stack([first, second], -2))


def pulled(function: Callable[[Tensor, Tensor], Tensor], first: Tensor, second: Tensor) -> tuple[Tensor, ...]:
    """Both gradients, and the Hessian applied to a direction."""
    v = torch.tensor([1.0, -0.3, 0.5], dtype=torch.float64)
    gradient = torch.func.grad(lambda a, b: function(a, b).sum(), argnums=(0, 1))
    slopes, pull, *_ = torch.func.vjp(gradient, first, second)
    return *slopes, *pull((v.expand_as(first), v.flip(0).expand_as(second)))


@pytest.mark.parametrize(("step", "shift"), [((7, 4), 0.0), ((5, 9), -3.0)])
def test_the_closed_form_of_three(step: tuple[int, int], shift: float) -> None:
    """Values, slopes and second derivatives of both routes, at coinciding eigenvalues and every scale."""
    rows = list(itertools.product(SPECTRA[:: step[0]], SPECTRA[:: step[1]]))
    first, second = (torch.tensor([row[side] for row in rows], dtype=torch.float64) for side in (0, 1))
    first = first + shift
    torch.testing.assert_close(many(first, second), scaled_log_hciz(first, second), rtol=1e-13, atol=1e-14)
    scale = 1 + first.abs().amax(-1, keepdim=True) + second.abs().amax(-1, keepdim=True)
    smooth = (scale < 50).squeeze(-1)
    first, second, scale = first[smooth], second[smooth], scale[smooth]
    for ours, closed in zip(pulled(many, first, second), pulled(scaled_log_hciz, first, second), strict=True):
        assert float(((ours - closed) / scale**2).abs().max()) < 1e-11


@pytest.mark.parametrize(("a", "b"), LARGE)
def test_values_and_slopes_of_four_and_five(a: tuple[float, ...], b: tuple[float, ...]) -> None:
    """Against the sum over all permutations, and its difference quotients, in 900 digits."""
    first, second = torch.tensor(a, dtype=torch.float64), torch.tensor(b, dtype=torch.float64)
    slopes = torch.func.grad(lambda t: scaled_log_hciz(t, second))(first)
    step = mp.mpf(10) ** -16
    with mp.workdps(900):
        assert float(scaled_log_hciz(first, second)) == pytest.approx(
            float(determinant_route(a, b)), rel=1e-14, abs=1e-23
        )
        for axis in range(len(a)):
            ends = [tuple(mp.mpf(x) + s * step * (k == axis) for k, x in enumerate(a)) for s in (1, -1)]
            exact = (determinant_route(ends[0], b) - determinant_route(ends[1], b)) / (2 * step)
            assert abs(float(slopes[axis]) - exact) < 1e-13 * (1 + max(map(abs, b)))


def test_four_by_four_matrices_against_sampling() -> None:
    """Mean and normaliser within five standard errors; of twice the dual point they are not."""
    action = Conjugation(Unitary(4))
    posterior = orbit_posterior(action)
    y, x = hermitian((1.0, 0.4, 0.4, -1.2), 0), hermitian((1.5, 0.5, -0.5, -1.0), 1)
    sampled = SelfNormalizedSampling(action, 40_000, torch.Generator().manual_seed(2)).estimate(y, x)
    assert sampled.effective_sample_size > 400
    assert (posterior.log_normalizer(y, x) - sampled.log_normalizer).abs() < 5 * sampled.log_normalizer_error
    assert (posterior.log_normalizer(2 * y, x) - sampled.log_normalizer).abs() > 5 * sampled.log_normalizer_error
    assert bool(((posterior.mean(y, x) - sampled.mean).abs() <= 5 * sampled.mean_error + 1e-12).all())


def test_means_of_four_by_four_matrices_are_gradients_and_commute() -> None:
    """With the first argument, with its rotations; single precision and batches with one entry not a number."""
    posterior = orbit_posterior(Conjugation(Unitary(4)))
    y, x = hermitian((1.0, 0.4, 0.4, -1.2), 3), hermitian((1.5, 0.5, -0.5, -1.0), 4)
    leaf = y.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(posterior.log_normalizer(leaf, x), leaf)
    mean = posterior.mean(y, x)
    torch.testing.assert_close(gradient, mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(mean @ y, y @ mean, rtol=1e-12, atol=1e-12)
    g = Unitary(4).random((), torch.Generator().manual_seed(5), y)
    torch.testing.assert_close(posterior.mean(g @ y @ g.mH, x), g @ mean @ g.mH, rtol=1e-11, atol=1e-11)
    direction, h = hermitian((1.0, 0.2, -0.7, -0.5), 6), 1e-4
    along = torch.autograd.grad((posterior.mean(leaf, x).conj() * direction).real.sum(), leaf)[0]
    moved = (posterior.mean(y + h * direction, x) - posterior.mean(y - h * direction, x)) / (2 * h)
    inner = (along.conj() * direction).real.sum()
    torch.testing.assert_close(inner, (moved.conj() * direction).real.sum(), rtol=1e-7, atol=1e-9)
    batch = torch.stack([y, torch.full_like(y, torch.nan)]).to(torch.complex64)
    found = posterior.mean(batch, x.to(torch.complex64))
    assert found.dtype == torch.complex64
    torch.testing.assert_close(found[0].to(mean.dtype), mean, rtol=1e-5, atol=1e-6)
    assert bool(found[1].isnan().all())


def test_sharp_posteriors_pair_the_eigenvalues_in_order() -> None:
    x = hermitian((2.0, 1.0, -0.5, -2.0), 7)
    sharp = orbit_posterior(Conjugation(Unitary(4))).mean(1e6 * hermitian((1.0, 0.5, 0.0, -1.0), 8), x)
    torch.testing.assert_close(torch.linalg.eigvalsh(sharp), torch.linalg.eigvalsh(x), atol=1e-5, rtol=0)


def test_what_is_refused_names_the_remedy() -> None:
    pair = torch.tensor(LARGE[0], dtype=torch.float64).unsqueeze(1).expand(2, 3, 4)
    with pytest.raises(OrbitPosteriorError, match=r"a batch instead of torch\.vmap"):
        torch.func.vmap(scaled_log_hciz)(pair[0], pair[1])
    second = torch.func.grad(torch.func.grad(lambda s: scaled_log_hciz(s * pair[0, 0], pair[1, 0])))
    with pytest.raises(OrbitPosteriorError, match="two derivatives"):
        torch.func.grad(second)(torch.tensor(1.0, dtype=torch.float64))
