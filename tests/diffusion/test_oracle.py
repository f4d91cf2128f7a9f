"""Exact denoisers of orbit-invariant mixtures, and samplers driven by them: the target is met, and rivals miss it."""

from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor

from diffusion import (
    CosineSchedule,
    Heun,
    Interpolant,
    LinearSchedule,
    NoClosedScoreError,
    ODESampler,
    OrbitAligned,
    OrbitMixture,
    Schedule,
    SDESampler,
    VarianceExplodingSchedule,
    power_grid,
)
from groups import GroupAction, PhaseAction, RotationAction, SpecialOrthogonal, VectorAction
from quotient import (
    ComplexEuclidean,
    Euclidean,
    GeneratorNoise,
    GroupQuotient,
    OrbitSpace,
    ShapeSpace,
)
from quotient.orbit_posterior import orbit_posterior

SCHEDULES = {
    "linear": LinearSchedule(),
    "linear with bridge noise": LinearSchedule(noise=0.5),
    "variance preserving": CosineSchedule(),
    "variance exploding": VarianceExplodingSchedule(sigma_max=20.0),
}


def p_value(first: Tensor, second: Tensor) -> float:
    """Of the two-sample Kolmogorov-Smirnov test."""
    result: Any = stats.ks_2samp(first, second)
    return float(result.pvalue)


def normal(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def spaces() -> dict[str, tuple[OrbitSpace, GroupAction, Tensor]]:
    """Quotient, compact action and two templates of different size."""
    sizes = torch.tensor([1.0, 2.0], dtype=torch.float64)
    plane, space, phase = VectorAction(SpecialOrthogonal(2)), VectorAction(SpecialOrthogonal(3)), PhaseAction()
    return {
        "R2/SO(2)": (GroupQuotient(Euclidean(2), plane), plane, sizes[:, None] * torch.tensor([[1.5, 0.0]])),
        "R3/SO(3)": (GroupQuotient(Euclidean(3), space), space, sizes[:, None] * torch.tensor([[0.0, 0.0, 1.5]])),
        "C3/U(1)": (GroupQuotient(ComplexEuclidean(3), phase), phase, normal(1, 2, 3, dtype=torch.complex128)),
        "R4x3/SE(3)": (ShapeSpace(4, 3), RotationAction(3), normal(2, 2, 4, 3)),
        "R3x2/SE(2)": (ShapeSpace(3, 2), RotationAction(2), normal(3, 2, 3, 2)),
    }


EACH = pytest.mark.parametrize("name", list(spaces()))


def mixture(name: str, schedule: Schedule | None = None) -> OrbitMixture:
    quotient, action, templates = spaces()[name]
    return OrbitMixture(
        quotient,
        action,
        orbit_posterior(action),
        templates,
        jitter=0.3,
        interpolant=Interpolant(schedule=LinearSchedule() if schedule is None else schedule),
        weights=torch.tensor([0.3, 0.7], dtype=torch.float64),
    )


@EACH
@pytest.mark.parametrize("schedule", list(SCHEDULES))
def test_score_is_the_gradient_of_the_log_density(name: str, schedule: str) -> None:
    oracle = mixture(name, SCHEDULES[schedule])
    x, t = oracle.sample(6, torch.Generator().manual_seed(0)), torch.tensor(0.6, dtype=torch.float64)
    gradient = torch.func.grad(lambda y: oracle.log_density(y, t).sum())(x)
    score = oracle.score(x, t)
    torch.testing.assert_close(score, oracle.quotient.center(gradient), rtol=1e-10, atol=1e-10)
    c = oracle.interpolant.schedule.coefficients(t)
    tweedie = (x + (c.alpha**2 + c.gamma**2) * score) / c.beta
    torch.testing.assert_close(oracle.denoiser(x, t), tweedie, rtol=1e-10, atol=1e-10)


@EACH
def test_denoiser_is_the_posterior_mean(name: str) -> None:
    """Against importance sampling of x1; a transposed or shifted time would show."""
    oracle = mixture(name)
    t = torch.tensor(0.35, dtype=torch.float64)
    x_t = oracle.sample(3, torch.Generator().manual_seed(1)) * 0.6
    x1 = oracle.sample(60_000, torch.Generator().manual_seed(2)).unsqueeze(1)
    space = oracle.quotient.total_space
    gap = x_t - t * x1
    weights = torch.softmax(-space.inner_product(gap, gap, gap) / (2 * (1 - t) ** 2), 0)
    shape = (*weights.shape, *(1,) * len(space.shape))
    estimate = (weights.reshape(shape) * x1).sum(0)
    variance = ((weights.reshape(shape) * (x1 - estimate).abs()) ** 2).sum(0)
    z = (oracle.denoiser(x_t, t) - estimate).abs() / variance.sqrt()
    assert float(z.max()) < 5.0


@EACH
def test_denoiser_is_horizontal_and_equivariant(name: str) -> None:
    oracle = mixture(name)
    quotient, t = oracle.quotient, torch.tensor(0.4, dtype=torch.float64)
    x = oracle.sample(8, torch.Generator().manual_seed(3))
    denoiser = oracle.denoiser(x, t)
    vertical = quotient.vertical_projection(denoiser, x)
    assert float(quotient.total_space.norm(vertical, x).max()) < 1e-9
    g = oracle.action.group.random((8,), torch.Generator().manual_seed(4), x)
    moved = oracle.denoiser(oracle.action.act(g, x), t)
    torch.testing.assert_close(moved, oracle.action.act(g, denoiser), rtol=1e-9, atol=1e-9)


@EACH
def test_times_may_differ_between_items(name: str) -> None:
    oracle = mixture(name)
    x = oracle.sample(3, torch.Generator().manual_seed(5))
    ts = torch.tensor([0.0, 0.5, 0.9], dtype=torch.float64)
    together = oracle.velocity(x, ts)
    apart = torch.stack([oracle.velocity(x[k], ts[k]) for k in range(3)])
    torch.testing.assert_close(together, apart, rtol=1e-12, atol=1e-12)


def sizes(oracle: OrbitMixture, x: Tensor) -> Tensor:
    return oracle.quotient.total_space.norm(oracle.quotient.center(x), x)


def draw(oracle: OrbitMixture, sampler: ODESampler | SDESampler, count: int, seed: int, *, field=None) -> Tensor:  # noqa: ANN001
    quotient = oracle.quotient
    noise = GeneratorNoise(torch.Generator().manual_seed(seed))
    like = oracle.templates[:1].expand(count, *oracle.templates.shape[1:]).contiguous()
    x0 = oracle.interpolant.initial(quotient, like, noise)
    velocity = oracle.velocity if field is None else field
    if isinstance(sampler, ODESampler):
        return sampler.sample(quotient, x0, velocity).x
    return sampler.sample(quotient, x0, velocity, noise).x


COUNT = 800
THRESHOLD = 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@EACH
def test_samplers_recover_the_target(name: str, seed: int) -> None:
    """Two-sample Kolmogorov-Smirnov tests on the size, for the ODE and the SDE."""
    oracle = mixture(name)
    expected = sizes(oracle, oracle.sample(20_000, torch.Generator().manual_seed(100 + seed)))
    ode = draw(oracle, ODESampler(power_grid(24, 1.5), method=Heun()), COUNT, seed)
    assert p_value(sizes(oracle, ode), expected) > THRESHOLD
    sde = draw(oracle, SDESampler(power_grid(60, 1.5), oracle.interpolant), COUNT, seed)
    assert p_value(sizes(oracle, sde), expected) > THRESHOLD


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("name", ["R2/SO(2)", "R3/SO(3)", "R4x3/SE(3)"])
def test_wrong_curvature_drift_misses_the_target(name: str, seed: int) -> None:
    """The same statistic refutes the drift dropped, and with its sign flipped."""
    oracle = mixture(name)
    expected = sizes(oracle, oracle.sample(20_000, torch.Generator().manual_seed(100 + seed)))
    grid = power_grid(40, 1.5)
    for factor in (0.0, -1.0):
        wrong = SDESampler(grid, oracle.interpolant, curvature_drift=factor)
        assert p_value(sizes(oracle, draw(oracle, wrong, COUNT, seed)), expected) < THRESHOLD


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_aligned_targets_miss_the_target(seed: int) -> None:
    """R^2/SO(2): the optimum of the aligned target is x E[|x1| | x_t] / |x|, here by quadrature over the radius."""
    oracle = mixture("R2/SO(2)")
    radii = torch.linspace(1e-3, 6.0, 600, dtype=torch.float64)
    points = torch.stack([radii, 0 * radii], -1)
    prior = oracle.log_density(points, torch.tensor(1.0, dtype=torch.float64)) + radii.log()

    def aligned(x: Tensor, t: Tensor) -> Tensor:
        size = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        variance = (1 - t) ** 2
        logs = torch.log(torch.special.i0e(t * radii * size / variance)) + t * radii * size / variance
        share = torch.softmax(prior - (t * radii) ** 2 / (2 * variance) + logs, -1)
        return (x / size * (share * radii).sum(-1, keepdim=True) - x) / (1 - t)

    def exact(x: Tensor, t: Tensor) -> Tensor:
        size = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        variance = (1 - t) ** 2
        z = t * radii * size / variance
        share = torch.softmax(prior - (t * radii) ** 2 / (2 * variance) + torch.log(torch.special.i0e(z)) + z, -1)
        turned = torch.special.i1e(z) / torch.special.i0e(z)
        return (x / size * (share * radii * turned).sum(-1, keepdim=True) - x) / (1 - t)

    x, t = points[::100] + 0.1, torch.tensor(0.7, dtype=torch.float64)
    torch.testing.assert_close(exact(x, t), oracle.velocity(x, t), rtol=1e-8, atol=1e-8)
    expected = sizes(oracle, oracle.sample(20_000, torch.Generator().manual_seed(100 + seed)))
    sampler = ODESampler(power_grid(30, 1.5), method=Heun())
    p = [p_value(sizes(oracle, draw(oracle, sampler, COUNT, seed, field=f)), expected) for f in (exact, aligned)]
    assert p[0] > THRESHOLD
    assert p[1] < THRESHOLD


def test_oracle_refuses_what_it_does_not_know() -> None:
    quotient, action, templates = spaces()["R2/SO(2)"]
    posterior = orbit_posterior(action)
    with pytest.raises(NoClosedScoreError, match="independent coupling"):
        OrbitMixture(
            quotient, action, posterior, templates, jitter=0.1, interpolant=Interpolant(coupling=OrbitAligned())
        )
    with pytest.raises(ValueError, match="must not be negative"):
        OrbitMixture(quotient, action, posterior, templates, jitter=-0.1, interpolant=Interpolant())
