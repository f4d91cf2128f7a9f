"""Weak order of the SDE sampler on laws that stay away from singular orbits.

On mixtures with common random numbers: increments of a coarse grid are sums of those of the fine one, and every path
has a partner with the opposite noise, so differences of levels f(x^h) - f(x^(h/2)) have little variance. On clouds and
a Gaussian target from sums of local errors, because the mean of f(x_T) given x_t is known there.
"""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from diffusion import Interpolant, OrbitMixture, SDESampler, VelocityField, velocity_from_denoiser
from groups import RotationAction, SpecialOrthogonal, VectorAction
from quotient import (
    Euclidean,
    GeneratorNoise,
    GroupQuotient,
    NoiseSource,
    ShapeSpace,
    SmallOrbitRule,
)
from quotient.orbit_posterior import orbit_posterior
from tests.diffusion.test_weak_orders import CLOUD, CRITICAL, WEAK, Counting, fit, squared, standardised

Run = Callable[[Tensor, int, NoiseSource], Tensor]


class Summed(NoiseSource):
    """Normals of a grid of ``n_steps`` steps from those of a finer one, ``fine [n_fine, ...]``."""

    def __init__(self, fine: Tensor, n_steps: int) -> None:
        per = len(fine) // n_steps
        self._steps = iter(fine.reshape(n_steps, per, *fine.shape[1:]).sum(1) / math.sqrt(per))

    def normal(self, like: Tensor) -> Tensor:
        return next(self._steps).to(like)


class Still(NoiseSource):
    """No noise: the step is its drift."""

    def normal(self, like: Tensor) -> Tensor:
        return torch.zeros_like(like)


def coupled(start: Tensor, n_steps: list[int], seed: int, run: Run) -> Tensor:
    """End points of all levels under common noise and its negative, shape ``[levels, 2 n, ...]``."""
    both = torch.cat([start, start])
    noise = GeneratorNoise(torch.Generator().manual_seed(seed))
    z = noise.normal(start.expand(n_steps[-1], *start.shape))
    fine = torch.cat([z, -z], 1)
    return torch.stack([run(both, n, Summed(fine, n)) for n in n_steps])


def pairs(values: Tensor) -> Tensor:
    """Means over a path and its partner: ``[levels, 2 n]`` to ``[n, levels]``."""
    first, second = values.chunk(2, 1)
    return 0.5 * (first + second).mT


def times(first: float, last: float, n_steps: int) -> Tensor:
    return first + (last - first) * torch.arange(n_steps + 1, dtype=torch.float64) / n_steps


def mixture_of(name: str) -> tuple[OrbitMixture, Callable[[Tensor], Tensor]]:
    """Two templates far from the origin, and an invariant beside the squared size."""
    if name == "R2/SO(2)":
        action = VectorAction(SpecialOrthogonal(2))
        quotient = GroupQuotient(Euclidean(2), action)
        templates = torch.tensor([[10.0, 0.0], [11.0, 0.0]], dtype=torch.float64)

        def other(x: Tensor) -> Tensor:
            return torch.linalg.vector_norm(x, dim=-1)
    else:
        action, quotient = RotationAction(2), ShapeSpace(4, 2)
        square = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 0.4], [-1.0, -0.4]], dtype=torch.float64)
        flat = square * torch.tensor([1.0, 0.9])
        templates = torch.stack([9 * square / square.norm(), 10 * flat / flat.norm()])

        def other(x: Tensor) -> Tensor:
            return torch.linalg.det(x[..., 1:3, :] - x[..., :1, :])

    return OrbitMixture(
        quotient,
        action,
        orbit_posterior(action),
        templates,
        jitter=0.5,
        interpolant=Interpolant(),
        weights=torch.tensor([0.3, 0.7], dtype=torch.float64),
    ), other


def planar_velocity(oracle: OrbitMixture) -> VelocityField:
    """Its velocity written out for planar rotations: Bessel functions of |sum_i conj(x_i) m_i| in complex notation."""
    templates = torch.view_as_complex(oracle.templates.reshape(2, -1, 2).contiguous())
    sizes = squared(templates, 1)

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        spread = (1 - t) ** 2 + t**2 * oracle.jitter**2
        z = torch.view_as_complex(x.reshape(*x.shape[: x.ndim - oracle.templates.ndim + 1], -1, 2).contiguous())
        overlap = z @ templates.mH
        rate = t / spread * overlap.abs()
        low, high = torch.special.i0e(rate), torch.special.i1e(rate)
        share = torch.softmax(oracle.weights.log() + low.log() + rate - t**2 * sizes / (2 * spread), -1)
        turned = (share * high / low) * overlap / overlap.abs() @ templates
        denoiser = (t * oracle.jitter**2 * z + (1 - t) ** 2 * turned) / spread
        return velocity_from_denoiser(torch.view_as_real(denoiser).reshape(x.shape), x, t, oracle.interpolant.schedule)

    return velocity


def initial(oracle: OrbitMixture, t: float, count: int, seed: int) -> Tensor:
    """Points with the exact law p_t."""
    generator = torch.Generator().manual_seed(seed)
    x1 = oracle.sample(count, generator)
    return t * x1 + (1 - t) * oracle.quotient.center(GeneratorNoise(generator).normal(x1))


def mean_square(oracle: OrbitMixture, t: float) -> float:
    """E |x_t|^2."""
    sizes = squared(oracle.templates, oracle.templates.ndim - 1)
    dim = float(oracle.quotient.slice_dimension(oracle.templates[0]))
    return dim * ((1 - t) ** 2 + t**2 * oracle.jitter**2) + t**2 * float(oracle.weights @ sizes)


START, END = 0.4, 0.7


@pytest.mark.slow
@pytest.mark.parametrize("name", ["R2/SO(2)", "R4x2/SE(2)"])
def test_sde_sampler_on_mixtures(name: str) -> None:
    """From the exact law at 0.4 to 0.7: order 1 between levels, and in the limit the exact mean of |x|^2.

    With the sign of the curvature drift flipped the differences of levels still fall, but to another limit: against
    the exact mean the order is 0.
    """
    oracle, other = mixture_of(name)
    velocity, point_ndim = planar_velocity(oracle), oracle.templates.ndim - 1
    x = initial(oracle, START, 3000, 0)
    torch.testing.assert_close(velocity(x[:20], torch.tensor(0.4)), oracle.velocity(x[:20], torch.tensor(0.4)))
    surplus = squared(x, point_ndim) - mean_square(oracle, START)

    def errors(n_steps: list[int], factor: float) -> tuple[Tensor, Tensor, bool]:
        rule = Counting()

        def run(x: Tensor, n: int, noise: NoiseSource) -> Tensor:
            sampler = SDESampler(times(START, END, n), oracle.interpolant, rule=rule, curvature_drift=factor)
            return sampler.sample(oracle.quotient, x, velocity, noise).x

        ends = coupled(x, n_steps, 1, run)
        values = pairs(squared(ends, point_ndim)) - mean_square(oracle, END)
        # what is left of the chance of the start is taken off by regression
        slope = (values * surplus[:, None]).mean(0) / (surplus**2).mean()
        return values - surplus[:, None] * slope, pairs(other(ends)), rule.met

    n_steps = [8, 16, 32, 64]
    exact, second, met = errors(n_steps, 1.0)
    assert not met
    for values in (exact, second):
        slope, spread = fit(values[:, :-1] - values[:, 1:], n_steps[:-1])
        assert abs(slope - WEAK) < 0.25
        assert spread < 0.08
    assert abs(standardised(2 * exact[:, -1] - exact[:, -2])) < CRITICAL
    wrong, _, _ = errors(n_steps[:-1], -1.0)
    assert abs(fit(wrong, n_steps[:-1])[0]) < 0.25
    assert standardised(2 * wrong[:, -1] - wrong[:, -2]) < -2 * CRITICAL


WIDTH, RATE = 0.6, 2.0


def variance(t: Tensor) -> Tensor:
    return (1 - t) ** 2 + WIDTH**2 * t**2


def gaussian_velocity(x: Tensor, t: Tensor) -> Tensor:
    """Velocity of the flow from N(0, 1) to N(0, WIDTH^2), p_t = N(0, variance)."""
    return (WIDTH**2 * t - (1 - t)) / variance(t) * x


def gaussian_sampler(grid: Tensor, rule: SmallOrbitRule, factor: float = 1.0) -> SDESampler:
    """With eta = RATE variance / 2."""
    return SDESampler(grid, Interpolant(), eta=lambda t: 0.5 * RATE * variance(t), rule=rule, curvature_drift=factor)


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1.0, 0.0, -1.0])
def test_sde_sampler_on_clouds(factor: float) -> None:
    """SE(3) and a Gaussian target, from one cloud: sums of local errors against exact means.

    For f = |x|^2 (n = 9) and |x_0 - x_1|^2 (n = 6) the process (f(x_t) / variance(t) - n) exp(RATE t) is a martingale.
    """
    space, first, last, count, rule = ShapeSpace(4, 3), 0.3, 0.32, 100, Counting()
    arrows = torch.zeros(3, 1, 4, 3, dtype=torch.float64)
    for axis in range(3):
        arrows[axis, 0, 0, axis], arrows[axis, 0, 1, axis] = 1.0, -1.0

    def invariants(x: Tensor) -> Tensor:
        return torch.stack([squared(x, 2), squared(x[:, 0] - x[:, 1], 1)])

    def traces(x: Tensor) -> Tensor:
        """tr P A for both quadratic forms A."""
        projected = space.horizontal_projection(arrows.expand(3, *x.shape), x.expand(3, *x.shape))
        return torch.stack([torch.full_like(x[:, 0, 0], 6.0), squared(projected, 2).sum(0)])

    def ahead(values: Tensor, t: Tensor) -> Tensor:
        terms, end = torch.tensor([[9.0], [6.0]]), torch.as_tensor(last, dtype=torch.float64)
        return variance(end) * (terms + torch.exp(RATE * (t - end)) * (values / variance(t) - terms))

    n_steps, all_errors = [2, 4, 8, 16], []
    for n in n_steps:
        ts, x, errors = times(first, last, n), CLOUD.expand(count, 4, 3), torch.zeros(2, count, dtype=torch.float64)
        noise = GeneratorNoise(torch.Generator().manual_seed(n))
        for k in range(n):
            sampler = gaussian_sampler(ts[k : k + 2], rule, factor)
            drifted = sampler.sample(space, x, gaussian_velocity, Still()).x
            spread = (ts[k + 1] - ts[k]) * RATE * variance(ts[k])
            errors += ahead(invariants(drifted) + spread * traces(x), ts[k + 1]) - ahead(invariants(x), ts[k])
            x = sampler.sample(space, x, gaussian_velocity, noise).x
        total = ahead(invariants(x), ts[-1]) - ahead(invariants(CLOUD[None]), ts[0])
        assert all(abs(standardised(rest)) < CRITICAL for rest in total - errors)
        all_errors.append(errors)
    assert not rule.met
    for errors in zip(*all_errors, strict=True):
        slope, spread = fit(torch.stack(errors, 1), n_steps)
        assert abs(slope - (WEAK if factor == 1.0 else 0.0)) < 0.25
        assert spread < 0.05
