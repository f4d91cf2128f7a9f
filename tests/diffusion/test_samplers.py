"""Samplers against a Gaussian target, whose denoiser, flow and marginals are known."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from diffusion import (
    CosineSchedule,
    Euler,
    Heun,
    Interpolant,
    LinearSchedule,
    NoClosedScoreError,
    ODESampler,
    OrbitAligned,
    Schedule,
    SDESampler,
    TimeGridError,
    VelocityField,
    power_grid,
    uniform_grid,
    velocity_from_denoiser,
)
from groups import SpecialEuclidean
from quotient import CounterNoise, GeneratorNoise, ShapeSpace

CRITICAL = float(stats.norm.isf(0.5e-4))
SIZE = 0.6
SPACE = ShapeSpace(5, 3)


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def gaussian_velocity(schedule: Schedule) -> VelocityField:
    """Velocity of the flow from N(0, 1) to N(0, SIZE^2)."""

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        c = schedule.coefficients(t)
        variance = c.alpha**2 + c.beta**2 * SIZE**2
        return (c.alpha * c.d_alpha + c.beta * c.d_beta * SIZE**2) / variance * x

    return velocity


@pytest.mark.parametrize("schedule", [LinearSchedule(), CosineSchedule()], ids=repr)
@pytest.mark.parametrize("method", [Euler(), Heun()], ids=repr)
def test_ode_order(method: Euler, schedule: Schedule) -> None:
    """The exact flow is x1 = SIZE x0; the error falls with the declared order."""
    x0 = SPACE.center(normal(0, 3, 5, 3))
    steps = [32, 64, 128, 256]
    errors = []
    for n in steps:
        grid = uniform_grid(n) * 0.9
        c = schedule.coefficients(torch.tensor(0.9, dtype=torch.float64))
        exact = (c.alpha**2 + c.beta**2 * SIZE**2).sqrt() * x0
        result = ODESampler(grid, method=method).sample(SPACE, x0, gaussian_velocity(schedule))
        assert result.evaluations == n * method.evaluations
        errors.append(float((result.x - exact).norm()))
    slope = -float(np.polyfit(np.log(steps), np.log(errors), 1)[0])
    assert abs(slope - method.order) < 0.15


def test_heun_ends_with_an_euler_step_at_the_data() -> None:
    seen: list[float] = []

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        seen.append(float(t))
        return -x

    result = ODESampler(uniform_grid(3), method=Heun()).sample(SPACE, normal(0, 1, 5, 3), velocity)
    assert max(seen) < 1.0
    assert len(seen) == result.evaluations == 5


def sde_statistic(seed: int, *, curvature_drift: float = 1.0, noise_scale: float = 1.0) -> float:
    """Standardised difference between E|x1|^2 and 3 (N - 1) SIZE^2."""
    interpolant = Interpolant()
    sampler = SDESampler(power_grid(150, 2.0), interpolant, curvature_drift=curvature_drift, noise_scale=noise_scale)
    noise = GeneratorNoise(torch.Generator().manual_seed(seed))
    x0 = interpolant.prior.sample(SPACE, torch.zeros(3000, 5, 3, dtype=torch.float64), noise)
    x1 = sampler.sample(SPACE, x0, gaussian_velocity(interpolant.schedule), noise).x
    energy = (x1**2).sum((-2, -1))
    assert x1.isfinite().all()
    return float((energy.mean() - 12 * SIZE**2) / (energy.std() / math.sqrt(len(energy))))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_sde_recovers_the_target(seed: int) -> None:
    assert abs(sde_statistic(seed)) < CRITICAL


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("wrong", [{"curvature_drift": 0.0}, {"curvature_drift": -1.0}, {"noise_scale": 0.5}], ids=repr)
def test_wrong_sdes_do_not(wrong: dict[str, float], seed: int) -> None:
    assert sde_statistic(seed, **wrong) < -2 * CRITICAL


@pytest.mark.parametrize("kind", ["ode", "sde"])
def test_generated_shapes_are_invariant_under_rigid_motions_of_the_noise(kind: str) -> None:
    """With an equivariant velocity, moving all noise moves the trajectory; padding and batch do not matter."""
    group = SpecialEuclidean(3)
    rotation = group.rotation(group.random((), torch.Generator().manual_seed(0), torch.zeros((), dtype=torch.float64)))
    x0 = SPACE.center(normal(1, 2, 5, 3))

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        gaps = x.unsqueeze(-2) - x.unsqueeze(-3)
        return (torch.tanh((gaps**2).sum(-1, keepdim=True)) * gaps).sum(-2) * (t - 0.5)

    class Turned(CounterNoise.__bases__[0]):
        def __init__(self, turn: Tensor) -> None:
            self.source, self.turn = CounterNoise(torch.arange(2)), turn

        def normal(self, like: Tensor) -> Tensor:
            return self.source.normal(like) @ self.turn.mT

    def run(start: Tensor, turn: Tensor) -> Tensor:
        if kind == "ode":
            return ODESampler(uniform_grid(20)).sample(SPACE, start, velocity).x
        return SDESampler(uniform_grid(20), Interpolant()).sample(SPACE, start, velocity, Turned(turn)).x

    still = run(x0, torch.eye(3, dtype=torch.float64))
    moved = run(x0 @ rotation.mT + 7.0, rotation)
    torch.testing.assert_close(moved, still @ rotation.mT, rtol=0, atol=1e-9)
    torch.testing.assert_close(SPACE.dist(moved, still), torch.zeros(2, dtype=torch.float64), rtol=0, atol=1e-7)


def test_vertical_parts_of_a_velocity_change_nothing_and_paths_are_shorter() -> None:
    x0 = SPACE.center(normal(2, 4, 5, 3))
    spin = normal(3, 3, 3)
    spin = spin - spin.mT

    def clean(x: Tensor, t: Tensor) -> Tensor:
        return 0.2 * torch.tanh(x @ x.mT) @ x * (1 + t) - x

    def spinning(x: Tensor, t: Tensor) -> Tensor:
        return clean(x, t) + x @ spin + 3.0

    sampler = ODESampler(uniform_grid(20))
    expected = sampler.sample(SPACE, x0, clean, keep_trajectory=True)
    got = sampler.sample(SPACE, x0, spinning, keep_trajectory=True)
    torch.testing.assert_close(got.x, expected.x, rtol=0, atol=1e-10)
    assert got.trajectory is not None
    assert got.trajectory.shape == (21, 4, 5, 3)
    assert float(got.ts[-1]) == 1.0
    lifted = (got.trajectory[1:] - got.trajectory[:-1]).flatten(2).norm(dim=2).sum(0)
    x, free = x0, torch.zeros(4, dtype=torch.float64)
    for t in got.ts[:-1]:
        step = spinning(x, t) / 20
        free, x = free + step.flatten(1).norm(dim=1), x + step
    assert (lifted < free).all()


def test_samplers_respect_padding() -> None:
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    space = ShapeSpace(5, 3, mask=mask)
    interpolant = Interpolant()

    def draw(quotient: ShapeSpace, seeds: Tensor, count: int) -> Tensor:
        noise = CounterNoise(seeds)
        x0 = interpolant.prior.sample(quotient, torch.zeros(len(seeds), count, 3, dtype=torch.float64), noise)
        return SDESampler(uniform_grid(10), interpolant).sample(quotient, x0, lambda x, t: -x * t, noise).x

    batch = draw(space, torch.tensor([4, 9]), 5)
    alone = draw(ShapeSpace(3, 3), torch.tensor([9]), 3)
    torch.testing.assert_close(batch[1, :3], alone[0], rtol=0, atol=1e-12)
    assert (batch[1, 3:] == 0).all()


def test_misuse_is_refused_with_a_remedy() -> None:
    with pytest.raises(NoClosedScoreError, match="use ODESampler"):
        SDESampler(uniform_grid(3), Interpolant(coupling=OrbitAligned()))
    with pytest.raises(ValueError, match="must not be negative"):
        SDESampler(uniform_grid(3), Interpolant(), noise_scale=-1.0)
    with pytest.raises(TimeGridError, match="at least one step"):
        uniform_grid(0)
    with pytest.raises(TimeGridError, match="power"):
        power_grid(3, 0.0)
    for bad in (torch.tensor([0.0, 0.5, 0.4]), torch.tensor([0.0]), torch.tensor([0.0, 2.0]), torch.zeros(2, 2)):
        with pytest.raises(TimeGridError, match="increase strictly"):
            ODESampler(bad)


@pytest.mark.parametrize("grid", [power_grid(100, 4.0), power_grid(50, 5.0)], ids=["100", "50"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_grids_finer_than_single_precision_near_the_data(grid: Tensor, dtype: torch.dtype) -> None:
    schedule = LinearSchedule()
    x0 = SPACE.center(normal(4, 3, 5, 3)).to(dtype)

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        return velocity_from_denoiser(t * SIZE**2 / ((1 - t) ** 2 + t**2 * SIZE**2) * x, x, t, schedule)

    result = ODESampler(grid, method=Heun()).sample(SPACE, x0, velocity)
    torch.testing.assert_close(result.x, SIZE * x0, rtol=0, atol=2e-2)
    assert float(result.ts[-1]) == 1.0
    noise = GeneratorNoise(torch.Generator().manual_seed(0))
    assert SDESampler(grid, Interpolant()).sample(SPACE, x0, velocity, noise).x.isfinite().all()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_bridge_noise_is_sampled_from_time_zero(seed: int) -> None:
    """With x0 and eps Gaussian the merged amplitude is a^2 = alpha^2 + gamma^2; both samplers recover the target."""
    schedule = LinearSchedule(noise=0.5)
    interpolant = Interpolant(schedule)

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        a2 = schedule.alpha(t) ** 2 + schedule.gamma_squared(t)
        denoiser = t * SIZE**2 / (a2 + t**2 * SIZE**2) * x
        return velocity_from_denoiser(denoiser, x, t, schedule)

    noise = GeneratorNoise(torch.Generator().manual_seed(seed))
    x0 = interpolant.prior.sample(SPACE, torch.zeros(3000, 5, 3, dtype=torch.float64), noise)
    for x1 in (
        ODESampler(power_grid(60, 2.0), method=Heun()).sample(SPACE, x0, velocity).x,
        SDESampler(power_grid(150, 2.0), interpolant).sample(SPACE, x0, velocity, noise).x,
    ):
        energy = (x1**2).sum((-2, -1))
        assert abs(float((energy.mean() - 12 * SIZE**2) / (energy.std() / math.sqrt(3000)))) < CRITICAL


def test_samples_keep_their_precision() -> None:
    x0 = SPACE.center(normal(5, 1, 5, 3)).float()
    result = ODESampler(uniform_grid(3)).sample(SPACE, x0, lambda x, t: -x.double())
    assert result.x.dtype == torch.float32
