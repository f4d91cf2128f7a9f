"""Schedules, interpolants and conversions, against finite differences and closed forms."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from diffusion import (
    CosineSchedule,
    Denoiser,
    Equivariant,
    Independent,
    Interpolant,
    InterpolantSample,
    LinearSchedule,
    OrbitAligned,
    Quotient,
    Schedule,
    Velocity,
    denoiser_from_score,
    denoiser_from_velocity,
    noise_from_denoiser,
    score_from_denoiser,
    velocity_from_denoiser,
)
from groups import SpecialEuclidean
from quotient import CounterNoise, GeneratorNoise, ShapeSpace
from quotient.strategies import CloudShape, random_cloud

SCHEDULES = [LinearSchedule(), CosineSchedule(), LinearSchedule(noise=0.3)]


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_schedules_run_from_prior_to_data_and_their_derivatives_are_right(schedule: Schedule) -> None:
    ends = torch.tensor([0.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(schedule.alpha(ends), torch.tensor([1.0, 0.0], dtype=torch.float64))
    torch.testing.assert_close(schedule.beta(ends), torch.tensor([0.0, 1.0], dtype=torch.float64))
    assert schedule.gamma(ends).abs().max() == 0
    t = torch.linspace(0.1, 0.9, 9, dtype=torch.float64)
    c, h = schedule.coefficients(t), 1e-6
    for name in ("alpha", "beta", "gamma"):
        function = getattr(schedule, name)
        slope = (function(t + h) - function(t - h)) / (2 * h)
        torch.testing.assert_close(getattr(c, f"d_{name}"), slope, rtol=0, atol=1e-8)
        torch.testing.assert_close(getattr(c, name), function(t))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_closed_rates_are_the_differentiated_ones(noise: float, dtype: torch.dtype) -> None:
    schedule = LinearSchedule(noise)
    for t in (torch.linspace(0.0, 1.0, 9, dtype=dtype), torch.tensor(0.3, dtype=dtype)):
        closed, derived = vars(schedule.rates(t)), vars(Schedule.rates(schedule, t))
        for name, value in derived.items():
            # torch differentiates a float32 scalar times a number of Python into float64
            torch.testing.assert_close(closed[name], value.to(dtype))


@pytest.mark.parametrize("coupling", [Independent(), OrbitAligned()], ids=repr)
@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_velocity_is_the_time_derivative_of_the_interpolant(schedule: Schedule, coupling: Independent) -> None:
    space = ShapeSpace(5, 3)
    interpolant = Interpolant(schedule, coupling=coupling)
    x1, h = normal(0, 4, 5, 3), 1e-6
    t = torch.tensor([0.2, 0.4, 0.6, 0.8], dtype=torch.float64)

    def at(times: Tensor) -> InterpolantSample:
        return interpolant.sample(space, x1, times, CounterNoise(torch.arange(4)))

    slope = (at(t + h).x_t - at(t - h).x_t) / (2 * h)
    torch.testing.assert_close(at(t).velocity, slope, rtol=0, atol=1e-8)
    sample = at(t)
    assert sample.x_t.mean(-2).abs().max() < 1e-14
    torch.testing.assert_close(sample.x1, space.center(x1))
    ends = at(torch.ones(4, dtype=torch.float64)) if not schedule.gamma(t).any() else None
    if ends is not None:
        torch.testing.assert_close(ends.x_t, space.center(x1))


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_conversions_agree_with_a_gaussian_target(schedule: Schedule) -> None:
    """x1 ~ N(0, s^2): D, v and the score are linear in x_t with known factors."""
    s, t = 0.6, torch.tensor(0.3, dtype=torch.float64)
    c = schedule.coefficients(t)
    a2 = c.alpha**2 + c.gamma**2
    variance = a2 + c.beta**2 * s**2
    x = normal(1, 7, 3)
    denoiser = c.beta * s**2 / variance * x
    growth = (c.alpha * c.d_alpha + c.gamma * c.d_gamma + c.beta * c.d_beta * s**2) / variance
    torch.testing.assert_close(velocity_from_denoiser(denoiser, x, t, schedule), growth * x)
    torch.testing.assert_close(denoiser_from_velocity(growth * x, x, t, schedule), denoiser)
    score = score_from_denoiser(denoiser, x, t, schedule)
    torch.testing.assert_close(score, -x / variance)
    torch.testing.assert_close(denoiser_from_score(score, x, t, schedule), denoiser)
    torch.testing.assert_close(noise_from_denoiser(denoiser, x, t, schedule), -a2.sqrt() * score)


@given(t=st.floats(0.02, 0.98), seed=st.integers(0, 100))
def test_velocity_and_denoiser_are_related_along_every_path(t: float, seed: int) -> None:
    space = ShapeSpace(4, 3)
    for schedule in (LinearSchedule(), CosineSchedule()):
        sample = Interpolant(schedule, coupling=OrbitAligned()).sample(
            space, normal(seed, 2, 4, 3), torch.full((2,), t, dtype=torch.float64), CounterNoise(torch.arange(2))
        )
        torch.testing.assert_close(velocity_from_denoiser(sample.x1, sample.x_t, sample.t, schedule), sample.velocity)
        for kind, output in ((Denoiser(), sample.x1), (Velocity(), sample.velocity)):
            assert kind.target(sample) is output
            torch.testing.assert_close(kind.to_velocity(output, sample.x_t, sample.t, schedule), sample.velocity)
            torch.testing.assert_close(kind.to_denoiser(output, sample.x_t, sample.t, schedule), sample.x1)


def test_aligned_coupling_gives_a_horizontal_geodesic() -> None:
    """The straight line stays aligned: its velocity is horizontal at every time and its length the distance on Q."""
    space = ShapeSpace(6, 3)
    interpolant = Interpolant(coupling=OrbitAligned())
    x1 = normal(2, 8, 6, 3)
    for t in (0.0, 0.3, 0.7, 1.0):
        sample = interpolant.sample(space, x1, torch.full((8,), t, dtype=torch.float64), CounterNoise(torch.arange(8)))
        assert space.vertical_projection(sample.velocity, sample.x_t).abs().max() < 1e-12
    loose = Interpolant().sample(space, x1, torch.zeros(8, dtype=torch.float64), CounterNoise(torch.arange(8)))
    torch.testing.assert_close(sample.velocity.flatten(1).norm(dim=1), space.dist(loose.x0, loose.x1))
    assert space.vertical_projection(loose.velocity, loose.x_t).abs().max() > 0.1


@given(
    seed=st.integers(0, 1000),
    shape=st.sampled_from([CloudShape.GENERIC, CloudShape.PLANAR, CloudShape.COLLINEAR, CloudShape.COINCIDENT]),
    single=st.booleans(),
)
def test_loss_is_invariant_when_everything_moves_together(seed: int, shape: CloudShape, single: bool) -> None:  # noqa: FBT001
    dtype = torch.float32 if single else torch.float64
    x_t = random_cloud(shape, n_points=5, dim=3, offset=0.0, scale=1.0, seed=seed)
    prediction, target = normal(seed + 1, 5, 3), normal(seed + 2, 5, 3)
    group = SpecialEuclidean(3)
    rotation = group.rotation(group.random((), torch.Generator().manual_seed(seed), x_t))
    space = ShapeSpace(5, 3)

    def turn(array: Tensor) -> Tensor:
        return (array @ rotation.mT).to(dtype)

    for treatment in (Quotient(), Equivariant()):
        still = treatment.loss(prediction.to(dtype), target.to(dtype), x_t.to(dtype), space)
        moved = treatment.loss(turn(prediction), turn(target), turn(x_t), space)
        assert abs(float(still - moved)) <= 1e3 * torch.finfo(dtype).eps * (1 + float(still))


def test_quotient_loss_ignores_motion_along_the_orbit_and_nothing_else() -> None:
    space = ShapeSpace(5, 3)
    x_t, target = normal(3, 4, 5, 3), normal(4, 4, 5, 3)
    vertical = space.vertical_projection(normal(5, 4, 5, 3), x_t)
    prediction = target + vertical
    assert Quotient().loss(prediction, target, x_t, space).abs().max() < 1e-25
    assert (Equivariant().loss(prediction, target, x_t, space) > 1e-3).all()
    horizontal = space.horizontal_projection(normal(6, 4, 5, 3), x_t)
    torch.testing.assert_close(Quotient().loss(target + horizontal, target, x_t, space), (horizontal**2).mean((-2, -1)))


def test_loss_is_a_mean_over_real_coordinates() -> None:
    x_t, prediction, target = normal(7, 4, 3), normal(8, 4, 3), normal(9, 4, 3)

    def pad(array: Tensor) -> Tensor:
        return torch.cat([array, torch.full((2, 3), float("nan"), dtype=torch.float64)])

    mask = torch.tensor([True] * 4 + [False] * 2)
    for treatment in (Quotient(), Equivariant()):
        bare = treatment.loss(prediction, target, x_t, ShapeSpace(4, 3))
        padded = treatment.loss(pad(prediction), pad(target), pad(x_t), ShapeSpace(6, 3, mask=mask))
        torch.testing.assert_close(padded, bare)


def test_prior_is_standard_on_centred_clouds() -> None:
    space = ShapeSpace(4, 3)
    interpolant = Interpolant()
    x0 = interpolant.prior.sample(
        space, torch.zeros(20_000, 4, 3, dtype=torch.float64), GeneratorNoise(torch.Generator().manual_seed(0))
    )
    assert x0.mean(-2).abs().max() < 1e-14
    energy = (x0**2).sum((-2, -1))
    assert abs(float(energy.mean()) - 9) < 4 * math.sqrt(18 / 20_000)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_conversions_are_finite_at_the_ends(schedule: Schedule) -> None:
    """D = x at t = 1, where nothing of the prior is left; the velocity is finite at t = 0 with bridge noise too."""
    x, v = normal(10, 5, 3), normal(11, 5, 3)
    one, zero = torch.tensor(1.0, dtype=torch.float64), torch.tensor(0.0, dtype=torch.float64)
    torch.testing.assert_close(denoiser_from_velocity(v, x, one, schedule), x)
    start = velocity_from_denoiser(v, x, zero, schedule)
    assert start.isfinite().all()
    torch.testing.assert_close(denoiser_from_velocity(start, x, zero, schedule), v)


def test_times_may_be_expanded() -> None:
    t = torch.tensor(0.5, dtype=torch.float64).expand(4)
    torch.testing.assert_close(LinearSchedule().coefficients(t).d_beta, torch.ones(4, dtype=torch.float64))


def test_padding_of_a_bridge_stays_empty_at_the_ends() -> None:
    mask = torch.tensor([True] * 3 + [False] * 2)
    space = ShapeSpace(5, 3, mask=mask)
    t = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    sample = Interpolant(LinearSchedule(noise=0.3)).sample(space, normal(12, 3, 5, 3), t, CounterNoise(torch.arange(3)))
    assert (sample.velocity[:, 3:] == 0).all()
    assert (sample.x_t[:, 3:] == 0).all()


def test_times_keep_their_precision_with_half_precision_data() -> None:
    space = ShapeSpace(4, 3)
    x1 = normal(13, 2, 4, 3).to(torch.bfloat16)
    t = torch.tensor([0.999, 0.9985], dtype=torch.float64)
    sample = Interpolant().sample(space, x1, t, CounterNoise(torch.arange(2)))
    assert sample.x_t.dtype == torch.bfloat16
    reference = Interpolant().sample(space, x1.double(), t, CounterNoise(torch.arange(2)))
    assert (sample.x_t.double() - reference.x_t).abs().max() < 4 * torch.finfo(torch.bfloat16).eps
