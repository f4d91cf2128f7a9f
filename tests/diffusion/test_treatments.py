"""The five treatments: what their targets are, their optima, and their variances."""

import pytest
import torch
from torch import Tensor

from diffusion import (
    AlignedPrediction,
    AlignedTarget,
    Denoiser,
    Equivariant,
    GaussianPrior,
    HarmonicPrior,
    Interpolant,
    InterpolantSample,
    OrbitAveraged,
    OrbitMixture,
    Parameterization,
    Quotient,
    Setting,
    Treatment,
    UniformSpherePrior,
    Velocity,
    velocity_from_denoiser,
)
from groups import RotationAction
from quotient import GeneratorNoise, ShapeSpace
from quotient.orbit_posterior import orbit_posterior

POSTERIOR = orbit_posterior(RotationAction(3))
TREATMENTS: dict[str, Treatment] = {
    "equivariant": Equivariant(),
    "quotient": Quotient(),
    "aligned target": AlignedTarget(),
    "aligned prediction": AlignedPrediction(),
    "orbit averaged": OrbitAveraged(POSTERIOR),
    "orbit averaged, projected": OrbitAveraged(POSTERIOR, projected=True),
}
SPACE = ShapeSpace(4, 3)
T = torch.tensor(0.6, dtype=torch.float64)


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def pair(seed: int, count: int, interpolant: Interpolant) -> InterpolantSample:
    x1 = SPACE.center(normal(seed, count, 4, 3))
    return interpolant.sample(SPACE, x1, T, GeneratorNoise(torch.Generator().manual_seed(seed)))


def target(treatment: Treatment, prediction: Tensor, sample: InterpolantSample, kind: Parameterization) -> Tensor:
    return treatment.target(prediction, sample, Setting(SPACE, Interpolant(), kind))


@pytest.mark.parametrize("name", list(TREATMENTS))
def test_targets_agree_between_parameterizations(name: str) -> None:
    """The velocity target is the velocity of the denoiser target."""
    sample = pair(0, 5, Interpolant())
    guess = SPACE.center(normal(1, 5, 4, 3))
    denoiser = target(TREATMENTS[name], guess, sample, Denoiser())
    schedule = Interpolant().schedule
    velocity = target(TREATMENTS[name], velocity_from_denoiser(guess, sample.x_t, T, schedule), sample, Velocity())
    torch.testing.assert_close(velocity, velocity_from_denoiser(denoiser, sample.x_t, T, schedule))


def test_aligned_targets_are_nearest_points_of_the_orbit() -> None:
    sample = pair(2, 6, Interpolant())
    guess = SPACE.center(normal(3, 6, 4, 3))
    for treatment, to in ((AlignedTarget(), sample.x_t), (AlignedPrediction(), guess)):
        moved = target(treatment, guess, sample, Denoiser())
        assert float(SPACE.dist(moved, sample.x1).max()) < 1e-7
        torch.testing.assert_close((moved - to).norm(dim=(-2, -1)), SPACE.dist(sample.x1, to), rtol=1e-9, atol=1e-9)
        assert not treatment.exact_sampler


def test_alignment_carries_no_gradient() -> None:
    sample = pair(4, 3, Interpolant())
    guess = SPACE.center(normal(5, 3, 4, 3)).requires_grad_()
    treatment = AlignedPrediction()
    goal = target(treatment, guess, sample, Denoiser())
    assert not goal.requires_grad
    (slope,) = torch.autograd.grad(treatment.loss(guess, goal, sample.x_t, SPACE).sum(), guess)
    torch.testing.assert_close(slope, 2 * (guess - goal) / 12)


@pytest.fixture(scope="module")
def oracle() -> OrbitMixture:
    return OrbitMixture(
        SPACE, RotationAction(3), POSTERIOR, 1.5 * normal(6, 2, 4, 3), jitter=0.2, interpolant=Interpolant()
    )


def posterior_draws(oracle: OrbitMixture, x_t: Tensor, count: int) -> InterpolantSample:
    """Draws of x1 given one x_t, by resampling."""
    x1 = oracle.sample(200_000, torch.Generator().manual_seed(7))
    logs = -((x_t - T * x1) ** 2).sum((-2, -1)) / (2 * (1 - T) ** 2)
    chosen = torch.multinomial(
        torch.softmax(logs, 0), count, replacement=True, generator=torch.Generator().manual_seed(8)
    )
    x1 = x1[chosen]
    here = x_t.expand_as(x1)
    x0 = (here - T * x1) / (1 - T)
    return InterpolantSample(x0=x0, x1=x1, noise=0 * x1, t=T, x_t=here.contiguous(), velocity=x1 - x0)


@pytest.mark.slow
def test_conditional_means_and_variances(oracle: OrbitMixture) -> None:
    """Means of the exact treatments are the denoiser, projected or not; averaging over orbits lowers the variance.

    The aligned target has another mean. The projected variance is below the equivariant one, by the orbit's share.
    """
    x_t = SPACE.center(0.8 * oracle.templates[0] + 0.3 * SPACE.center(normal(9, 4, 3)))
    sample = posterior_draws(oracle, x_t, 3_000)
    denoiser = oracle.denoiser(x_t, T)
    variance = {}
    for name, treatment in TREATMENTS.items():
        if name == "aligned prediction":
            continue
        targets = target(treatment, sample.x1, sample, Denoiser())
        seen = -treatment.residual(0 * targets, targets, sample.x_t, SPACE)
        error = (seen.var(0) / len(seen)).sqrt()
        expected = (
            denoiser
            if "aligned" in name or not isinstance(treatment, Quotient)
            else SPACE.horizontal_projection(denoiser, x_t)
        )
        z = float(((seen.mean(0) - expected).abs() / error.clamp_min(1e-12)).max())
        variance[name] = float(seen.var(0).sum())
        assert (z > 8.0) if name == "aligned target" else (z < 6.0), (name, z)
    assert variance["quotient"] < variance["equivariant"]
    assert variance["orbit averaged"] < variance["equivariant"]
    assert variance["orbit averaged, projected"] < variance["quotient"]


def test_orbit_average_reaches_the_mean_of_a_single_orbit() -> None:
    """Without jitter and with one template the averaged target has no variance, and is the denoiser."""
    sample = pair(10, 4, Interpolant())
    action = RotationAction(3)
    turned = action.act(action.group.random((4,), torch.Generator().manual_seed(1), sample.x1), sample.x1)
    other = InterpolantSample(**{**vars(sample), "x1": turned})
    first, second = (target(OrbitAveraged(POSTERIOR), sample.x1, s, Denoiser()) for s in (sample, other))
    torch.testing.assert_close(first, second, rtol=1e-9, atol=1e-9)


SPRINGS = torch.tensor([[0, 1, 0, 0], [1, 0, 2, 0], [0, 2, 0, 1], [0, 0, 1, 0]], dtype=torch.float64)


def test_harmonic_prior_has_the_covariance_of_its_springs() -> None:
    prior = HarmonicPrior(SPRINGS)
    noise = GeneratorNoise(torch.Generator().manual_seed(0))
    x0 = prior.sample(SPACE, torch.zeros(20_000, 4, 3, dtype=torch.float64), noise)
    covariance = torch.einsum("bni,bmi->nm", x0, x0) / (3 * len(x0))
    laplacian = torch.diag(SPRINGS.sum(-1)) - SPRINGS
    torch.testing.assert_close(covariance, torch.linalg.pinv(laplacian), rtol=0, atol=0.02)
    torch.testing.assert_close(prior.precision(SPACE, x0[:3]), laplacian @ x0[:3])
    assert float(x0.mean(-2).abs().max()) < 1e-12


def test_harmonic_denoiser_is_not_horizontal_but_the_score_is() -> None:
    """E[x1 | x_t] for one template and Haar rotations: the orbit average at the dual point beta L x_t / alpha^2."""
    interpolant = Interpolant(prior=HarmonicPrior(SPRINGS))
    x_t, template = SPACE.center(normal(11, 6, 4, 3)), SPACE.center(normal(12, 4, 3)).expand(6, 4, 3)
    denoiser = POSTERIOR.mean(interpolant.dual(SPACE, x_t, T), template.contiguous())
    vertical = SPACE.vertical_projection(denoiser, x_t).norm(dim=(-2, -1))
    assert float(vertical.min()) > 1e-3
    score = interpolant.score(denoiser, x_t, T, SPACE)
    assert float(SPACE.vertical_projection(score, x_t).abs().max()) < 1e-9
    isotropic = POSTERIOR.mean(Interpolant().dual(SPACE, x_t, T), template.contiguous())
    assert float(SPACE.vertical_projection(isotropic, x_t).abs().max()) < 1e-9


def test_bad_springs_are_refused() -> None:
    with pytest.raises(ValueError, match="not connected"):
        HarmonicPrior(torch.tensor([[0.0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0]]))
    with pytest.raises(ValueError, match="symmetric"):
        HarmonicPrior(torch.tensor([[0.0, 1.0], [2.0, 0.0]]))
    with pytest.raises(ValueError, match="not Gaussian"):
        UniformSpherePrior().precision(SPACE, torch.zeros(4, 3))
    assert GaussianPrior().isotropic
