"""The orbit-aligned coupling: pairs move along geodesics of Q, regress onto the denoiser, and its flow arrives."""

from typing import Any, final

import pytest
import torch
from scipy import stats
from torch import Tensor

from diffusion import (
    Euler,
    GaussianPrior,
    Heun,
    Independent,
    Interpolant,
    ODESampler,
    OrbitAligned,
    OrbitMixture,
    Prior,
    UniformSpherePrior,
    VelocityField,
    uniform_grid,
    velocity_from_denoiser,
)
from diffusion.aligned_oracle import OrbitAlignedMixture
from diffusion.conversions import align_time
from groups import (
    GroupAction,
    OrthogonalAction,
    PhaseAction,
    RotationAction,
)
from quotient import (
    ComplexEuclidean,
    ComplexHypersphere,
    CounterNoise,
    GeneratorNoise,
    GroupQuotient,
    OrbitSpace,
    PointClouds,
    PreShapes,
    ShapeSpace,
)
from quotient.orbit_posterior import orbit_posterior

ALIGNED = Interpolant(coupling=OrbitAligned())
PLANE = GroupQuotient(ComplexEuclidean(1), PhaseAction())
TRIANGLES = ShapeSpace(3, 2)
P_VALUE, Z_VALUE = 1e-4, 3.9


def normal(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def time(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def noise(seed: int) -> GeneratorNoise:
    return GeneratorNoise(torch.Generator().manual_seed(seed))


def sized(quotient: OrbitSpace, points: Tensor, sizes: list[float]) -> Tensor:
    """Centred points scaled to the given norms."""
    centred = quotient.center(points)
    norms = quotient.total_space.norm(centred, centred) / torch.tensor(sizes, dtype=torch.float64)
    return centred / align_time(norms, centred)


@final
class UnweightedMixture:
    """Weights w_k p0(x0) where a path passes: the formula without the ratio of determinants."""

    def __init__(self, oracle: OrbitAlignedMixture) -> None:
        self.oracle = oracle

    def posterior(self, x: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        logs, prior, moved = self.oracle._components(x, t)
        passed = logs > -torch.inf
        return torch.softmax(torch.where(passed | ~passed.any(0), prior, -torch.inf), 0), moved

    def velocity(self, x: Tensor, t: Tensor) -> Tensor:
        weights, moved = self.posterior(x, t)
        denoiser = (align_time(weights, moved) * moved).sum(0)
        return velocity_from_denoiser(denoiser, x, t, self.oracle.interpolant.schedule)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", ["plane", "triangles", "tetrahedra"])
def test_training_pairs_regress_onto_the_denoiser(name: str, seed: int) -> None:
    """Binned by the size of x_t, the means of the horizontal target along equivariant fields are those of the oracle.

    The variance is the exact conditional one. Without the ratio of determinants, and for the denoiser of the
    independent coupling, the means differ.
    """
    cases: dict[str, tuple[OrbitSpace, GroupAction, Tensor]] = {
        "plane": (PLANE, PhaseAction(), normal(1, 3, 1, dtype=torch.complex128)),
        "triangles": (TRIANGLES, RotationAction(2), normal(2, 3, 3, 2)),
        "tetrahedra": (ShapeSpace(4, 3), RotationAction(3), normal(3, 3, 4, 3)),
    }
    quotient, action, points = cases[name]
    count, t, inner = 4_000, time(0.5), quotient.total_space.inner_product
    oracle = OrbitAlignedMixture(quotient, sized(quotient, points, [1.0, 1.8, 2.6]), interpolant=ALIGNED)
    x1 = oracle.sample(count, torch.Generator().manual_seed(seed))
    pairs = ALIGNED.sample(quotient, x1, t.expand(count), noise(seed))
    size = inner(pairs.x_t, pairs.x_t, pairs.x_t)
    bins = torch.bucketize(size, torch.quantile(size, torch.linspace(0, 1, 7, dtype=torch.float64)[1:-1]))

    weights, moved = oracle.posterior(pairs.x_t, t)
    fields = torch.cat([pairs.x_t[None], moved])
    components = inner(fields[:, None], moved[None], pairs.x_t)
    variance = (weights * components**2).sum(1) - (weights * components).sum(1) ** 2
    target = quotient.horizontal_projection(pairs.x1, pairs.x_t)

    def largest(denoiser: Tensor) -> float:
        """Largest |z| over fields and bins."""
        values = torch.stack([inner(fields, target - denoiser, pairs.x_t), variance])
        sums = torch.zeros(2, len(fields), 6, dtype=torch.float64).index_add(2, bins, values)
        return float((sums[0].abs() / sums[1].sqrt()).max())

    assert largest(oracle.denoiser(pairs.x_t, t)) < Z_VALUE
    weights, moved = UnweightedMixture(oracle).posterior(pairs.x_t, t)
    assert largest((align_time(weights, moved) * moved).sum(0)) > 1.5 * Z_VALUE
    independent = OrbitMixture(
        quotient, action, orbit_posterior(action), oracle.templates, jitter=1e-3, interpolant=Interpolant()
    )
    assert largest(independent.denoiser(pairs.x_t, t)) > 4 * Z_VALUE


def radii_law() -> tuple[OrbitAlignedMixture, Any]:
    """Templates at the quantiles of a continuous law of the radius."""
    law = stats.gamma(4, scale=0.5)
    levels = (torch.arange(64, dtype=torch.float64) + 0.5) / 64
    radii = torch.as_tensor(law.ppf(levels.numpy()))
    return OrbitAlignedMixture(PLANE, radii[:, None] + 0j, interpolant=ALIGNED), law


def flow(oracle: OrbitAlignedMixture, velocity: VelocityField, count: int, steps: int, seed: int) -> Tensor:
    """Trajectory of the lifted probability flow from the prior."""
    start = ALIGNED.initial(
        oracle.quotient, oracle.templates[:1].expand(count, *oracle.templates.shape[1:]), noise(seed)
    )
    sampler = ODESampler(uniform_grid(steps), method=Heun())
    trajectory = sampler.sample(oracle.quotient, start, velocity, keep_trajectory=True).trajectory
    assert trajectory is not None
    return trajectory


def test_flow_in_the_plane_carries_quantiles_to_quantiles() -> None:
    """F_t(r_t) = F_0(r_0), F_t the distribution function of the radius: no randomness, the errors are of the scheme."""
    oracle, _ = radii_law()
    radii = oracle.templates.abs()
    levels = (torch.arange(100, dtype=torch.float64) + 0.5) / 100
    start = (-2 * torch.log1p(-levels)).sqrt()[:, None] + 0j
    errors = []
    for method, steps in ((Euler(), 20), (Euler(), 40), (Heun(), 20)):
        end = ODESampler(0.8 * uniform_grid(steps), method=method).sample(PLANE, start, oracle.velocity).x[:, 0].abs()
        reached = (1 - torch.exp(-0.5 * ((end - 0.8 * radii) / 0.2).clamp_min(0) ** 2)).mean(0)
        errors.append(float((reached - levels).abs().max()))
    assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.2)
    assert errors[2] < 1e-3
    wrong = ODESampler(0.8 * uniform_grid(20), method=Heun()).sample(PLANE, start, UnweightedMixture(oracle).velocity)
    reached = 1 - torch.exp(-0.5 * ((wrong.x[:, 0].abs() - 0.8 * radii) / 0.2).clamp_min(0) ** 2)
    assert float((reached.mean(0) - levels).abs().max()) > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_flow_recovers_the_law_of_the_radius(seed: int) -> None:
    oracle, law = radii_law()
    mixtures = (oracle, UnweightedMixture(oracle))
    ends = [flow(oracle, each.velocity, 600, 16, seed)[-1, :, 0].abs() for each in mixtures]
    p_values = [float(stats.kstest(end.numpy(), law.cdf).pvalue) for end in ends]
    assert p_values[0] > P_VALUE > p_values[1]


def invariants(x: Tensor) -> list[Tensor]:
    """Size, signed angle at the first point, and length of the first side of triangles."""
    first, second = x[:, 1] - x[:, 0], x[:, 2] - x[:, 0]
    angle = torch.atan2(torch.linalg.det(torch.stack([first, second], -2)), (first * second).sum(-1))
    return [TRIANGLES.center(x).flatten(1).norm(dim=1), angle, first.norm(dim=-1)]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_flow_of_triangles_follows_the_pairs_and_ends_at_the_templates(seed: int) -> None:
    """At t = 0.75 the invariants have the law of those of training pairs; at t = 1 orbits have their weights."""
    weights = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    templates = sized(TRIANGLES, normal(11, 4, 3, 2), [1.0, 1.6, 2.2, 2.8])
    oracle = OrbitAlignedMixture(TRIANGLES, templates, interpolant=ALIGNED, weights=weights)
    data = oracle.sample(4_000, torch.Generator().manual_seed(100 + seed))
    pairs = ALIGNED.sample(TRIANGLES, data, torch.full((4_000,), 0.75, dtype=torch.float64), noise(200 + seed))

    def p_values(velocity: VelocityField) -> tuple[list[float], float]:
        path = flow(oracle, velocity, 800, 16, seed)
        both = zip(invariants(path[12]), invariants(pairs.x_t), strict=True)
        middle: list[Any] = [stats.ks_2samp(first.numpy(), second.numpy()) for first, second in both]
        gaps = TRIANGLES.dist(templates[:, None].expand(4, 800, 3, 2), path[-1].expand(4, 800, 3, 2))
        counts = torch.bincount(gaps.argmin(0), minlength=4)
        return [float(test.pvalue) for test in middle], float(stats.chisquare(counts, 800 * weights).pvalue)

    middle, last = p_values(oracle.velocity)
    assert min(middle) > P_VALUE
    assert last > P_VALUE
    middle, last = p_values(UnweightedMixture(oracle).velocity)
    assert max(middle) < P_VALUE
    assert last < P_VALUE


GEODESICS: dict[str, tuple[OrbitSpace, Prior]] = {
    "C3/U(1)": (GroupQuotient(ComplexEuclidean(3), PhaseAction()), GaussianPrior()),
    "R4x3/O(3)": (GroupQuotient(PointClouds(4, 3), OrthogonalAction(3)), GaussianPrior()),
    "S3/U(1)": (GroupQuotient(ComplexHypersphere(2), PhaseAction()), UniformSpherePrior()),
    "shapes of four points in space": (GroupQuotient(PreShapes(4, 3), RotationAction(3)), UniformSpherePrior()),
}


@pytest.mark.parametrize("name", list(GEODESICS))
def test_only_aligned_pairs_move_along_geodesics_of_the_quotient(name: str) -> None:
    """d(x_s, x_t) = |t - s| d(x0, x1), flat or curved; without alignment paths have vertical parts and are longer."""
    quotient, prior = GEODESICS[name]
    space, count = quotient.total_space, 8
    x1 = space.random_point((count,), torch.Generator().manual_seed(0))

    def at(coupling: OrbitAligned | Independent, t: float) -> tuple[Tensor, Tensor]:
        interpolant, times = Interpolant(prior=prior, coupling=coupling), torch.full((count,), t, dtype=torch.float64)
        pairs = interpolant.sample(quotient, x1, times, CounterNoise(torch.arange(count)))
        return pairs.x_t, pairs.velocity

    ends = quotient.dist(at(Independent(), 0.0)[0], x1)
    for s, t in ((0.0, 1.0), (0.1, 0.4), (0.35, 0.95)):
        (x, v), (y, _) = at(OrbitAligned(), s), at(OrbitAligned(), t)
        torch.testing.assert_close(quotient.dist(x, y), (t - s) * ends, rtol=1e-8, atol=1e-10)
        torch.testing.assert_close(space.norm(v, x), ends, rtol=1e-8, atol=1e-10)
        assert float(quotient.vertical_projection(v, x).abs().max()) < 1e-10
        (x, v), (y, _) = at(Independent(), s), at(Independent(), t)
        assert float(((t - s) * space.norm(v, x) - quotient.dist(x, y)).mean()) > 0.02
        assert float(space.norm(quotient.vertical_projection(v, x), x).mean()) > 0.2
