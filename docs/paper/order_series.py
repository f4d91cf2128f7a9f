"""Errors of the lifted schemes over step lengths, and the orders fitted to them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from diffusion import Interpolant, ODEMethod, ODESampler, OrbitMixture, SDESampler, VelocityField
from diffusion import velocity_from_denoiser as to_velocity
from groups import GroupAction, RotationAction, SpecialOrthogonal, VectorAction
from quotient import (
    BrownianMotion,
    Euclidean,
    GeneratorNoise,
    GroupQuotient,
    IntrinsicBrownianMotion,
    NoiseSource,
    OrbitSpace,
    ProjectedBrownianMotion,
    ShapeSpace,
    SmallOrbitRule,
)
from quotient.orbit_posterior import orbit_posterior

ROUND = {n: VectorAction(SpecialOrthogonal(n)) for n in (2, 3)}
PLANE, BALL = (GroupQuotient(Euclidean(n), action) for n, action in ROUND.items())
TETRAHEDRON = torch.tensor([[2, 1.8, 1.6], [2, -1.8, -1.6], [-2, 1.8, -1.6], [-2, -1.8, 1.6]], dtype=torch.float64)
SQUARE = torch.tensor([[1, 1], [1, -1], [-1, 0.4], [-1, -0.4]], dtype=torch.float64)
TRIANGLE = torch.tensor([[-1, 0, 0], [0.2, 0.3, 0], [0.8, -0.3, 0]], dtype=torch.float64)
WEIGHTS = torch.tensor([0.3, 0.7], dtype=torch.float64)
LAST = 0.9


@dataclass(frozen=True)
class Series:
    """Errors of one scheme, or changes from one level to the next.

    Attributes:
        name: law and scheme.
        n_steps: levels.
        step: their step lengths.
        values: mean values for two invariants, or one for a strong order, ``[levels, k]``.
        errors: their standard errors.
        slopes: fitted orders and standard errors, ``[k, 2]``.
        declared: the order that the library declares, or None where it declares none.
        exponent: 2 where ``values`` are squares.
        loose: share of unprojected steps at the finest level.
    """

    name: str
    n_steps: list[int]
    step: list[float]
    values: Tensor
    errors: Tensor
    slopes: Tensor
    declared: float | None
    exponent: int = 1
    loose: float = 0.0


def series(
    name: str, samples: Tensor, n_steps: list[int], horizon: float, declared: float | None, *, exponent: int = 1
) -> Series:
    """Fit from independent samples ``[levels, n, k]`` that share paths between levels (delta method)."""
    log_h = -torch.tensor(n_steps, dtype=torch.float64).log()
    weights = (log_h - log_h.mean()) / ((log_h - log_h.mean()) ** 2).sum()
    mean, root = samples.mean(1), math.sqrt(samples.shape[1])
    spread = (weights[:, None, None] * samples / mean[:, None]).sum(0).std(0) / root
    slopes = torch.stack([(weights[:, None] * mean.abs().log()).sum(0), spread], -1) / exponent
    step = [horizon / n for n in n_steps]
    return Series(name, n_steps, step, mean, samples.std(1) / root, slopes, declared, exponent)


@final
class Recording(SmallOrbitRule):
    """Another rule, which remembers its last answer."""

    def __init__(self, rule: SmallOrbitRule) -> None:
        self._rule = rule
        self.last = torch.zeros(0, dtype=torch.bool)

    @override
    def unprojected(self, strength: Tensor) -> Tensor:
        self.last = self._rule.unprojected(strength)
        return self.last


@dataclass(frozen=True)
class Start:
    """Projected Brownian motion from one point: rank of P, dimension of the slice, rate of exp(-rate |x|^2)."""

    quotient: OrbitSpace
    point: Tensor
    horizon: float
    rank: int
    rate: float

    @property
    def dim(self) -> int:
        """Dimension of the slice: orbits of translations are left out."""
        return round(float(self.quotient.slice_dimension(self.point)))


FAR = {
    "R²/SO(2)": Start(PLANE, torch.tensor([4, 0], dtype=torch.float64), 0.2, 1, 0.05),
    "R³/SO(3)": Start(BALL, torch.tensor([4, 0, 0], dtype=torch.float64), 0.1, 1, 0.05),
    "R⁴ˣ³/SE(3)": Start(ShapeSpace(4, 3), TETRAHEDRON, 0.2, 6, 0.005),
}
NEAR = {
    "R²/SO(2) from |x| = ½": Start(PLANE, torch.tensor([0.5, 0], dtype=torch.float64), 1.0, 1, 0.5),
    "three particles": Start(ShapeSpace(3, 3), TRIANGLE, 1.0, 3, 0.25),
}


def brownian(name: str, start: Start, n_steps: list[int], rule: SmallOrbitRule, *, factor: float, count: int) -> Series:
    """Errors of E |x|^2 and E exp(-rate |x|^2) as sums of local errors, whose noise is integrated in closed form."""
    t, dim, rate, axes = start.horizon, start.dim, start.rate, tuple(range(1, start.point.ndim + 1))
    levels, loose = [], 0.0
    for n in n_steps:
        recorder = Recording(rule)
        motion = ProjectedBrownianMotion(start.quotient, rule=recorder, curvature_drift=factor)
        noise = GeneratorNoise(torch.Generator().manual_seed(n))
        x, h = start.point.expand(count, *start.point.shape), torch.tensor(t / n, dtype=torch.float64)
        error, loose = torch.zeros(count, 2, dtype=torch.float64), 0.0
        for k in range(n):
            drifted = motion.step(x, h, torch.zeros_like(x))
            rank = torch.where(recorder.last, dim, start.rank).double()
            loose += float(recorder.last.double().mean()) / n
            before, after = (x**2).sum(axes), (drifted**2).sum(axes)
            wide = 1 + 2 * rate * (t - (k + 1) * h)
            more = wide + 2 * rate * h
            bell = wide ** ((rank - dim) / 2) * more ** (-rank / 2) * torch.exp(-rate / more * after)
            error[:, 0] += after + (rank - dim) * h - before
            error[:, 1] += bell - more ** (-dim / 2) * torch.exp(-rate / more * before)
            x = motion.step(x, h, noise.normal(x))
        levels.append(error)
    found = series(name, torch.stack(levels), n_steps, t, BrownianMotion.weak_order)
    return replace(found, loose=loose)


@final
class Summed(NoiseSource):
    """Normals of a coarse grid from those of a finer one."""

    def __init__(self, fine: Tensor, n_steps: int) -> None:
        self._steps = iter(fine.unflatten(0, (n_steps, -1)).sum(1) / math.sqrt(len(fine) / n_steps))

    @override
    def normal(self, like: Tensor) -> Tensor:
        return next(self._steps)


def coupled(start: Tensor, n_steps: list[int], run: Callable[[Tensor, int, NoiseSource], Tensor]) -> Tensor:
    """End points of all levels under common noise and its negative, ``[levels, 2 n, ...]``."""
    noise = GeneratorNoise(torch.Generator().manual_seed(1))
    z = noise.normal(start.expand(n_steps[-1], *start.shape))
    fine = torch.cat([z, -z], 1)
    return torch.stack([run(torch.cat([start, start]), n, Summed(fine, n)) for n in n_steps])


def paired(values: Tensor) -> Tensor:
    """Mean of each path and its partner."""
    return 0.5 * sum(values.chunk(2, 1), torch.zeros(()))


def along_paths(name: str, ends: Tensor, n_steps: list[int], horizon: float, declared: float | None) -> Series:
    """The root mean square of x^h - x^(h/2)."""
    squares = paired(((ends[:-1] - ends[1:]) ** 2).flatten(2).sum(-1))[..., None]
    return series(name, squares, n_steps[:-1], horizon, declared, exponent=2)


def mixture(quotient: OrbitSpace, action: GroupAction, templates: Tensor, jitter: float) -> OrbitMixture:
    """The exact model of two templates."""
    return OrbitMixture(
        quotient,
        action,
        orbit_posterior(action),
        templates,
        jitter=jitter,
        interpolant=Interpolant(),
        weights=WEIGHTS,
    )


def pair_of(shape: Tensor) -> Tensor:
    """Templates of size 6 and 7, and of different shape."""
    other = shape * torch.tensor([1.0, 0.9, 0.8][: shape.shape[-1]], dtype=torch.float64)
    return torch.stack([6 * shape / shape.norm(), 7 * other / other.norm()])


def axis(n: int, *sizes: float) -> Tensor:
    """Points on the first axis of R^n."""
    return torch.tensor(sizes, dtype=torch.float64)[:, None] * torch.eye(n, dtype=torch.float64)[0]


MIXTURES = {
    "R²/SO(2)": mixture(PLANE, ROUND[2], axis(2, 10, 11), 0.5),
    "R³/SO(3)": mixture(BALL, ROUND[3], axis(3, 10, 11), 0.5),
    "R⁴ˣ²/SE(2)": mixture(ShapeSpace(4, 2), RotationAction(2), pair_of(SQUARE), 0.5),
    "R⁴ˣ³/SE(3)": mixture(ShapeSpace(4, 3), RotationAction(3), pair_of(TETRAHEDRON), 0.5),
}
SMALL = mixture(PLANE, ROUND[2], axis(2, 1.5, 3), 0.3)


def at(oracle: OrbitMixture, t: float, count: int) -> Tensor:
    """Points with the exact law p_t."""
    generator = torch.Generator().manual_seed(0)
    x1 = oracle.sample(count, generator)
    return t * x1 + (1 - t) * oracle.quotient.center(GeneratorNoise(generator).normal(x1))


def sampled(name: str, oracle: OrbitMixture, n_steps: list[int], count: int) -> list[Series]:
    """Differences of levels of E |x|^2 and of another invariant, from the exact law at 0.4 to 0.7; and along paths."""

    def run(x: Tensor, n: int, noise: NoiseSource) -> Tensor:
        grid = 0.4 + 0.3 * torch.arange(n + 1, dtype=torch.float64) / n
        return SDESampler(grid, oracle.interpolant).sample(oracle.quotient, x, oracle.velocity, noise).x

    ends = coupled(at(oracle, 0.4, count), n_steps, run)
    squares = (ends**2).flatten(2).sum(-1)
    dim = ends.shape[-1]
    other = torch.linalg.det(ends[..., 1 : dim + 1, :] - ends[..., :1, :]) if ends.ndim == 4 else squares.sqrt()
    values = paired(torch.stack([squares, other], -1))
    weak = series(name, values[:-1] - values[1:], n_steps[:-1], 0.3, BrownianMotion.weak_order)
    return [weak, along_paths(name, ends, n_steps, 0.3, None)]


def radial_velocity(oracle: OrbitMixture) -> VelocityField:
    """The velocity of a mixture on R^2/SO(2) by scaled Bessel functions: the oracle's, faster."""
    sizes = oracle.templates.norm(dim=-1)

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        spread = (1 - t) ** 2 + t**2 * oracle.jitter**2
        r = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        rate = t / spread * r * sizes
        low, high = torch.special.i0e(rate), torch.special.i1e(rate)
        share = torch.softmax(oracle.weights.log() + low.log() + rate - (t * sizes) ** 2 / (2 * spread), -1)
        radial = (share * high / low * sizes).sum(-1, keepdim=True) / r
        return to_velocity(
            (t * oracle.jitter**2 + (1 - t) ** 2 * radial) / spread * x, x, t, oracle.interpolant.schedule
        )

    return velocity


def through(name: str, rule: SmallOrbitRule, n_steps: list[int], count: int) -> Series:
    """Errors of E |x|^2 and E exp(-|x|^2 / 4) at t = 0.9, from the prior, against the exact law."""
    spread = (1 - LAST) ** 2 + LAST**2 * SMALL.jitter**2
    squares = (LAST * SMALL.templates.norm(dim=-1)) ** 2
    wide = 1 + 0.5 * spread
    exact = torch.stack([WEIGHTS @ (squares + 2 * spread), WEIGHTS @ torch.exp(-0.25 * squares / wide) / wide])
    velocity, levels = radial_velocity(SMALL), []
    for n in n_steps:
        noise = GeneratorNoise(torch.Generator().manual_seed(n))
        x0 = noise.normal(torch.zeros(count, 2, dtype=torch.float64))
        grid = LAST * torch.arange(n + 1, dtype=torch.float64) / n
        x = SDESampler(grid, SMALL.interpolant, rule=rule).sample(PLANE, x0, velocity, noise).x
        size = (x**2).sum(-1)
        levels.append(torch.stack([size, torch.exp(-0.25 * size)], -1) - exact)
    return series(name, torch.stack(levels), n_steps, LAST, BrownianMotion.weak_order)


def strong(n_steps: list[int], count: int) -> list[Series]:
    """Brownian motions along paths."""
    space, order = ShapeSpace(4, 3), BrownianMotion.strong_order
    found = []
    for name, motion, point, declared in (
        ("projected Brownian motion, R⁴ˣ³/SE(3)", ProjectedBrownianMotion(space), TETRAHEDRON, order),
        ("intrinsic Brownian motion, R⁴ˣ³/SE(3)", IntrinsicBrownianMotion(space), TETRAHEDRON, order),
        ("projected Brownian motion, R²/SO(2)", ProjectedBrownianMotion(PLANE), axis(2, 4)[0], order),
    ):

        def run(x: Tensor, n: int, noise: NoiseSource, motion: BrownianMotion = motion) -> Tensor:
            return motion.sample(x, horizon=0.2, n_steps=n, noise=noise).xs[-1]

        found.append(
            along_paths(name, coupled(point.expand(count, *point.shape), n_steps, run), n_steps, 0.2, declared)
        )
    return found


def flow(name: str, oracle: OrbitMixture, method: ODEMethod, n_steps: list[int], count: int) -> Series:
    """The probability flow from the exact law at 0.2 to 0.9: changes along paths."""
    start, ends = at(oracle, 0.2, count), []
    for n in n_steps:
        sampler = ODESampler(0.2 + 0.7 * torch.arange(n + 1, dtype=torch.float64) / n, method=method)
        ends.append(sampler.sample(oracle.quotient, start, oracle.velocity).x)
    return along_paths(name, torch.stack(ends), n_steps, 0.7, method.order)
