"""Processes on quotients of curved spaces whose laws are known: Langevin diffusions and flows of geodesics."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from diffusion import (
    Heun,
    Interpolant,
    ODESampler,
    OrbitAligned,
    UniformSpherePrior,
    VelocityField,
    uniform_grid,
)
from groups import Conjugation, PhaseAction, RotationAction, SpecialOrthogonal, WeightedCircleAction
from quotient import (
    ComplexHypersphere,
    CounterNoise,
    GeneratorNoise,
    GroupQuotient,
    PreShapes,
    RotationMatrices,
    UnprojectedNearSmallOrbits,
    lifted_step,
)

P_VALUE, Z_VALUE, SEEDS = 1e-4, 3.9, 5
HOPF = GroupQuotient(ComplexHypersphere(2), PhaseAction())
WEIGHTED = GroupQuotient(ComplexHypersphere(2), WeightedCircleAction([1, 3]))
SIGNS = torch.tensor([1.0, -1.0], dtype=torch.float64)


def noise(seed: int) -> GeneratorNoise:
    return GeneratorNoise(torch.Generator().manual_seed(seed))


def p_value(values: Tensor, distribution: Callable[[np.ndarray], np.ndarray]) -> float:
    """Of the Kolmogorov-Smirnov test."""
    result: Any = stats.kstest(values.numpy(), distribution)
    return float(result.pvalue)


def agree(values: Tensor, distribution: Callable[[np.ndarray], np.ndarray]) -> list[bool]:
    """Whether the samples of each seed, one a row, are of the law."""
    return [p_value(row, distribution) > P_VALUE for row in values]


def exponential(kappa: float, low: float) -> Callable[[np.ndarray], np.ndarray]:
    """Distribution function of the density exp(kappa y) on [low, 1]."""
    return lambda y: np.expm1(kappa * (np.clip(y, low, 1) - low)) / np.expm1(kappa * (1 - low))


def class_angle(kappa: float) -> Callable[[np.ndarray], np.ndarray]:
    """Distribution function of c = cos(angle): Weyl's density (1 - cos) exp(kappa cos) of the angle, by quadrature."""
    angles = np.linspace(0.0, math.pi, 20_001)
    mass = stats.rv_histogram((0.5 * sum(_weyl(part, kappa) for part in (angles[:-1], angles[1:])), angles))
    return lambda c: mass.sf(np.arccos(np.clip(c, -1, 1)))


def _weyl(angles: np.ndarray, kappa: float) -> np.ndarray:
    return (1 - np.cos(angles)) * np.exp(kappa * np.cos(angles))


def height(x: Tensor) -> Tensor:
    """Third component of the Bloch vector, uniform for uniform states (Archimedes)."""
    return (x.abs() ** 2 * SIGNS).sum(-1)


def squared_area(x: Tensor) -> Tensor:
    """16 area^2 / 3 of a triangle in space of unit size: 4 det(x^T x) on its plane, uniform for uniform pre-shapes.

    Shapes are a hemisphere of radius 1/2 on which the root of this is the height, and orbits have a volume
    proportional to that height.
    """
    return 2 - 2 * ((x.mT @ x) ** 2).sum((-2, -1))


def cosine(x: Tensor) -> Tensor:
    """Of the angle of a rotation."""
    return 0.5 * (x.diagonal(dim1=-2, dim2=-1).sum(-1) - 1)


@dataclass(frozen=True)
class Target:
    """The density exp(kappa f) on M, f an invariant with values up to 1, and the distribution function of f."""

    quotient: GroupQuotient
    invariant: Callable[[Tensor], Tensor]
    differential: Callable[[Tensor], Tensor]
    kappa: float
    distribution: Callable[[np.ndarray], np.ndarray]

    def sample(self, count: int, seed: int) -> Tensor:
        """By rejection from uniform points."""
        generator = torch.Generator().manual_seed(seed)
        space = self.quotient.total_space
        x = space.random_point((round(2 * count * math.exp(2 * self.kappa)),), generator)
        chance = torch.rand(len(x), generator=generator, dtype=torch.float64)
        kept = x[chance.log() < self.kappa * (self.invariant(x) - 1)]
        assert len(kept) >= count
        return kept[:count]

    def langevin(
        self,
        x: Tensor,
        *,
        step: float,
        steps: int,
        curvature_drift: float = 1.0,
        amplitude: float = 1.0,
        spurious: GroupQuotient | None = None,
    ) -> Tensor:
        """The invariant after steps of the lift dx = (P grad log p - H) dt + sqrt(2) P dw, one row for each seed."""
        source = CounterNoise(torch.arange(len(x)))
        for _ in range(steps):
            score = self.kappa * self.quotient.total_space.gradient(self.differential(x), x)
            x = lifted_step(
                self.quotient,
                x,
                drift=score if spurious is None else score - spurious.mean_curvature(x),
                sigma=torch.tensor(amplitude * math.sqrt(2.0), dtype=torch.float64),
                step=torch.tensor(step, dtype=torch.float64),
                normal=source.normal(x),
                rule=UnprojectedNearSmallOrbits(),
                curvature_drift=curvature_drift,
            )
        return self.invariant(x)


def states(quotient: GroupQuotient, kappa: float) -> Target:
    return Target(quotient, height, lambda x: 2 * SIGNS * x, kappa, exponential(kappa, -1.0))


TRIANGLES = Target(
    GroupQuotient(PreShapes(3, 3), RotationAction(3)),
    squared_area,
    lambda x: -8 * x @ (x.mT @ x),
    1.0,
    exponential(1.0, 0.0),
)
ROTATIONS = Target(
    GroupQuotient(RotationMatrices(3), Conjugation(SpecialOrthogonal(3))),
    cosine,
    lambda x: 0.5 * torch.eye(3, dtype=torch.float64).expand_as(x),
    1.0,
    class_angle(1.0),
)
TARGETS = {"states": states(HOPF, 1.0), "triangles": TRIANGLES, "rotations": ROTATIONS}


@pytest.mark.parametrize("name", list(TARGETS))
def test_stationary_laws_are_those_of_the_formulas(name: str) -> None:
    """The invariants of exact samples, and of samples for another exponent."""
    target = TARGETS[name]
    values = target.invariant(target.sample(20_000, 0))
    assert p_value(values, target.distribution) > P_VALUE
    wrong = {"states": exponential(1.15, -1.0), "triangles": exponential(1.3, 0.0), "rotations": class_angle(1.15)}
    assert p_value(values, wrong[name]) < P_VALUE


def state(heights: Tensor, longitudes: Tensor) -> Tensor:
    """A state with the given Bloch vector."""
    up, down = ((1 + heights) / 2).sqrt(), ((1 - heights) / 2).sqrt()
    return torch.stack([up + 0j, torch.polar(down, longitudes)], -1)


def zonal_heights(levels: Tensor, kappa: float) -> Tensor:
    """Quantiles of the density exp(kappa z) on [-1, 1]."""
    return torch.log1p(levels * math.expm1(2 * kappa)) / kappa - 1


@pytest.mark.slow
def test_langevin_diffusion_of_states_stays() -> None:
    """Phases have H = 0. Noise too large by a tenth, and the H of other weights as a drift, are told apart."""
    target = states(HOPF, 8.0)
    levels, turns = torch.rand(2, SEEDS, 3_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = state(zonal_heights(levels, 8.0), 2 * math.pi * turns)
    assert all(agree(target.langevin(x, step=0.0015, steps=25), target.distribution))
    assert not any(agree(target.langevin(x, step=0.0015, steps=25, amplitude=1.1), target.distribution))
    assert not any(agree(target.langevin(x, step=0.0015, steps=25, spurious=WEIGHTED), target.distribution))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "step", "steps"), [("triangles", 0.001, 30), ("rotations", 0.02, 20)])
def test_langevin_diffusion_stays_with_the_curvature_drift_only(name: str, step: float, steps: int) -> None:
    """Started from the law itself; without H, or with its sign flipped, the law moves away."""
    target = TARGETS[name]
    x = torch.stack([target.sample(1_500, seed) for seed in range(SEEDS)])
    assert all(agree(target.langevin(x, step=step, steps=steps), target.distribution))
    for factor in (0.0, -1.0):
        wrong = target.langevin(x, step=step, steps=steps, curvature_drift=factor)
        assert not any(agree(wrong, target.distribution))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "step", "steps"), [("triangles", 0.003, 60), ("weighted states", 0.01, 80)])
def test_langevin_diffusion_arrives_from_one_point(name: str, step: float, steps: int) -> None:
    """From one orbit: a nearly collinear triangle, a state near the pole; without H another law is reached."""
    if name == "triangles":
        target, first = TRIANGLES, torch.tensor([[1.0, 0.1, 0.0], [-1.0, 0.1, 0.0], [0.0, -0.2, 0.0]])
    else:
        target, first = states(WEIGHTED, 1.0), torch.tensor([0.1, 1.0])
    space = target.quotient.total_space
    first = (first / first.norm()).to(space.random_point((), torch.Generator()))
    start = first.expand(SEEDS, 1_000, *space.shape).contiguous()
    assert all(agree(target.langevin(start, step=step, steps=steps), target.distribution))
    wrong = target.langevin(start, step=step, steps=steps, curvature_drift=0.0)
    assert not any(agree(wrong, target.distribution))


ALIGNED = Interpolant(prior=UniformSpherePrior(), coupling=OrbitAligned())


def components(x: Tensor, t: Tensor, m: Tensor, *, jacobian: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """Weights of the states m given x_t, ``[B, K]``, with the phases and the angles from which A_x(m) follows.

    The uniform law of the Bloch sphere is contracted along great circles: at the angle phi from m its density is
    proportional to sin(phi_0) / sin(phi) with phi_0 = phi / (1 - t) < pi. Angles on S^3 are half as large.
    """
    overlaps = x @ m.mH
    angles = torch.acos(overlaps.abs().clamp(max=1.0))
    before = angles / (1 - t)
    ratio = torch.sin(2 * before) / torch.sin(2 * angles).clamp_min(1e-12) if jacobian else torch.ones_like(before)
    weights = torch.where(before < math.pi / 2, ratio, 0.0)
    lost = (weights.sum(-1, keepdim=True) == 0) & (angles == angles.amin(-1, keepdim=True))
    weights = torch.where(lost, 1.0, weights)
    return weights / weights.sum(-1, keepdim=True), overlaps / overlaps.abs().clamp_min(1e-12), angles


def marginal_velocity(m: Tensor, *, jacobian: bool = True) -> VelocityField:
    """E[log_x A_x(m_k) | x] / (1 - t): a quadrature of the target with the nodes m."""

    def velocity(x: Tensor, t: Tensor) -> Tensor:
        weights, phases, angles = components(x, t, m, jacobian=jacobian)
        pulls = weights / torch.sinc(angles / math.pi) / (1 - t)
        return (pulls * phases) @ m - (pulls * angles.cos()).sum(-1, keepdim=True) * x

    return velocity


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_flow_of_geodesics_carries_the_uniform_law_to_a_zonal_one(seed: int) -> None:
    """Riemannian flow matching on S^2(1/2) by its lift to S^3; without the Jacobian of the contraction it misses."""
    count, kappa = 128, 3.0
    levels = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    golden = math.pi * (3 - math.sqrt(5)) * torch.arange(count, dtype=torch.float64)
    nodes = state(zonal_heights(levels, kappa), golden)
    start = ALIGNED.initial(HOPF, torch.zeros(1_200, 2, dtype=torch.complex128), noise(seed))
    sampler = ODESampler(uniform_grid(20), method=Heun())
    for jacobian, arrives in ((True, True), (False, False)):
        end = sampler.sample(HOPF, start, marginal_velocity(nodes, jacobian=jacobian)).x
        assert (p_value(height(end), exponential(kappa, -1.0)) > P_VALUE) == arrives


@pytest.mark.parametrize("seed", range(5))
def test_training_pairs_regress_onto_the_marginal_velocity(seed: int) -> None:
    """On S^3/U(1): means of <field, velocity of the pair> by the height of x_t, with their exact variances."""
    count, t = 10_000, torch.tensor(0.4, dtype=torch.float64)
    nodes = state(torch.tensor([0.9, 0.1, -0.5]).double(), torch.tensor([0.0, 0.8, 1.2]).double())
    chosen = torch.randint(3, (count,), generator=torch.Generator().manual_seed(50 + seed))
    pairs = ALIGNED.sample(HOPF, nodes[chosen], t.expand(count), noise(seed))
    x, space = pairs.x_t, HOPF.total_space
    bins = torch.bucketize(height(x), torch.linspace(-1, 1, 7, dtype=torch.float64)[1:-1])

    def largest(*, jacobian: bool) -> float:
        weights, phases, _ = components(x, t, nodes, jacobian=jacobian)
        logs = torch.stack([space.log(phases[:, k, None] * nodes[k], x) for k in range(3)]) / (1 - t)
        products = space.inner_product(logs[:, None], logs[None], x)
        mean = (weights.mT * products).sum(1)
        variance = (weights.mT * products**2).sum(1) - mean**2
        residual = space.inner_product(logs, pairs.velocity, x) - mean
        sums = torch.zeros(2, 3, 6, dtype=torch.float64).index_add(2, bins, torch.stack([residual, variance]))
        torch.testing.assert_close(
            space.inner_product(logs, marginal_velocity(nodes, jacobian=jacobian)(x, t), x), mean, rtol=0, atol=1e-9
        )
        return float((sums[0].abs() / sums[1].sqrt()).max())

    assert float(HOPF.vertical_projection(pairs.velocity, x).abs().max()) < 1e-9
    assert largest(jacobian=True) < Z_VALUE
    assert largest(jacobian=False) > 1.5 * Z_VALUE
