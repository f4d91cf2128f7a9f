"""One step of each sampler on clouds modulo rigid motions, against its equation written out with cross products."""

import pytest
import torch
from torch import Tensor

from diffusion import (
    CosineSchedule,
    Euler,
    Heun,
    Interpolant,
    LinearSchedule,
    ODESampler,
    PredictorCorrectorSampler,
    Schedule,
    SDESampler,
    VarianceExplodingSchedule,
    noise_level_grid,
)
from diffusion.samplers import prior_amplitude
from groups import MatrixGroup, VectorAction
from quotient import AlwaysLifted, GeneratorNoise, GroupQuotient, Hypersphere, ShapeSpace

SPACE = ShapeSpace(5, 3)
START, STEP = 0.3, 0.07
GRID = torch.tensor([START, START + STEP], dtype=torch.float64)
SCHEDULES = {
    "linear": LinearSchedule(),
    "bridge": LinearSchedule(noise=0.4),
    "cosine": CosineSchedule(),
    "exploding": VarianceExplodingSchedule(sigma_max=5.0),
}


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def center(x: Tensor) -> Tensor:
    return x - x.mean(-2, keepdim=True)


def cross(a: Tensor, b: Tensor) -> Tensor:
    return torch.linalg.cross(a, b.expand(*torch.broadcast_shapes(a.shape, b.shape)), dim=-1)


def inertia(x: Tensor) -> Tensor:
    """K = sum_i |x_i|^2 1 - x_i x_i^T."""
    return (x**2).sum() * torch.eye(3, dtype=x.dtype) - x.mT @ x


def project(v: Tensor, x: Tensor) -> Tensor:
    """V_i - (K^-1 sum_j x_j x v_j) x x_i, of centred vectors."""
    v = center(v)
    turn = torch.linalg.solve(inertia(x), cross(x, v).sum(0))
    return v - cross(turn.expand_as(x), x)


def curvature(x: Tensor) -> Tensor:
    """H_i = -(tr K^-1 - K^-1) x_i."""
    inverse = torch.linalg.inv(inertia(x))
    return -(inverse.trace() * x - x @ inverse)


def field(x: Tensor, t: Tensor) -> Tensor:
    """A velocity with a vertical part, bent in space and time."""
    return torch.sin(x + t) + 0.3 * x.flip(-1) * t


def point() -> Tensor:
    return center(normal(0, 5, 3))


def noise() -> GeneratorNoise:
    return GeneratorNoise(torch.Generator().manual_seed(1))


def draw(x: Tensor) -> Tensor:
    return noise().normal(x)


def amplitude(schedule: Schedule, t: float) -> float:
    """The square root of alpha^2 + gamma^2, by the formulas of the schedules."""
    if isinstance(schedule, CosineSchedule):
        return float(torch.cos(torch.tensor(t * torch.pi / 2, dtype=torch.float64)))
    if isinstance(schedule, VarianceExplodingSchedule):
        return 5.0 * (1 - t) ** 3
    bridge = 0.4 if schedule == SCHEDULES["bridge"] else 0.0
    return ((1 - t) ** 2 + bridge**2 * t * (1 - t)) ** 0.5


def score(schedule: Schedule, v: Tensor, x: Tensor, t: float) -> Tensor:
    """-(x - beta D) / a^2 with D = (a v - a' x) / (a beta' - a' beta), derivatives by central differences."""

    def beta(s: float) -> float:
        return float(schedule.beta(torch.tensor(s, dtype=torch.float64)))

    a, b, h = amplitude(schedule, t), beta(t), 1e-6
    slope_a = (amplitude(schedule, t + h) - amplitude(schedule, t - h)) / (2 * h)
    slope_b = (beta(t + h) - beta(t - h)) / (2 * h)
    denoiser = (a * v - slope_a * x) / (a * slope_b - slope_a * b)
    return -(x - b * denoiser) / a**2


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_default_eta(name: str) -> None:
    eta = prior_amplitude(SCHEDULES[name])(torch.tensor(START, dtype=torch.float64))
    assert float(eta) == pytest.approx(amplitude(SCHEDULES[name], START), rel=1e-12)


def test_probability_flow() -> None:
    x, t = point(), GRID[0]
    first = project(field(x, t), x)
    predicted = x + STEP * first
    euler = ODESampler(GRID, method=Euler()).sample(SPACE, x, field)
    torch.testing.assert_close(euler.x, center(predicted), rtol=0, atol=1e-12)
    second = project(field(predicted, GRID[1]), predicted)
    heun = ODESampler(GRID, method=Heun()).sample(SPACE, x, field)
    torch.testing.assert_close(heun.x, center(x + STEP * (first + second) / 2), rtol=0, atol=1e-12)
    assert (euler.evaluations, heun.evaluations) == (1, 2)


@pytest.mark.parametrize("scale", [1.0, 0.4])
@pytest.mark.parametrize("name", list(SCHEDULES))
def test_diffusion(name: str, scale: float) -> None:
    """X + h P (v + eta s) - nu eta h H + sqrt(2 nu eta h) P z, at the default eta."""
    x, schedule = point(), SCHEDULES[name]
    sampler = SDESampler(GRID, Interpolant(schedule), noise_scale=scale, rule=AlwaysLifted())
    v, eta = field(x, GRID[0]), amplitude(schedule, START)
    drift = project(v + eta * score(schedule, v, x, START), x)
    spread = (2 * scale * eta * STEP) ** 0.5 * project(draw(x), x)
    expected = x + STEP * drift - scale * eta * STEP * curvature(x) + spread
    met = sampler.sample(SPACE, x, field, noise()).x
    torch.testing.assert_close(met, center(expected), rtol=1e-7, atol=1e-7)


def test_eta_of_the_caller() -> None:
    """The noise grows like the square root of eta, the score's share like eta."""
    x, schedule, eta = point(), LinearSchedule(), 0.37
    sampler = SDESampler(GRID, Interpolant(), eta=lambda t: torch.full_like(t, eta), rule=AlwaysLifted())
    v = field(x, GRID[0])
    drift = project(v + eta * score(schedule, v, x, START), x)
    expected = x + STEP * drift - eta * STEP * curvature(x) + (2 * eta * STEP) ** 0.5 * project(draw(x), x)
    torch.testing.assert_close(sampler.sample(SPACE, x, field, noise()).x, center(expected), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", list(SCHEDULES))
def test_corrections(name: str) -> None:
    """Y + r a^2 P s - r a^2 H + sqrt(2 r a^2) P z after the step y of the flow, at its end."""
    x, schedule, ratio = point(), SCHEDULES[name], 0.03
    sampler = PredictorCorrectorSampler(GRID, Interpolant(schedule), corrections=1, ratio=ratio, rule=AlwaysLifted())
    y = x + STEP * project(field(x, GRID[0]), x)
    end = START + STEP
    step = ratio * amplitude(schedule, end) ** 2
    push = project(score(schedule, project(field(y, GRID[1]), y), y, end), y)
    expected = y + step * push - step * curvature(y) + (2 * step) ** 0.5 * project(draw(y), y)
    met = sampler.sample(SPACE, x, field, noise()).x
    torch.testing.assert_close(met, center(expected), rtol=1e-7, atol=1e-7)


def test_steps_on_a_sphere_follow_great_circles() -> None:
    """Modulo the turns about its axis: cos(h |w|) x + sin(h |w|) w / |w|, w the part of v along the meridian."""
    turns = MatrixGroup([torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64)])
    sphere = GroupQuotient(Hypersphere(2), VectorAction(turns))
    x = sphere.total_space.random_point((5,), torch.Generator().manual_seed(2))
    pole = torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64)
    meridian = pole - x[..., 2:] * x
    meridian = meridian / meridian.norm(dim=-1, keepdim=True)
    v = field(x, GRID[0])
    along = (v * meridian).sum(-1, keepdim=True)
    expected = (STEP * along).cos() * x + (STEP * along).sin() * meridian
    found = ODESampler(GRID, method=Euler()).sample(sphere, x, field).x
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


def test_default_noise_levels_are_those_of_the_source() -> None:
    """Sigma_i = (80^(1/7) + i / (n - 1) (0.002^(1/7) - 80^(1/7)))^7, the values of [Karras2022]."""
    schedule, n = VarianceExplodingSchedule(sigma_max=80.0), 9
    times = noise_level_grid(n, schedule)
    levels = [(80 ** (1 / 7) + i / (n - 1) * (0.002 ** (1 / 7) - 80 ** (1 / 7))) ** 7 for i in range(n)]
    torch.testing.assert_close(schedule.alpha(times[1:-1]).tolist(), levels[1:], rtol=1e-9, atol=0)
