"""Brownian motion of quotients: the growth law, with its negative controls, and laws of invariants."""

import math

import pytest
import torch
from scipy import stats
from torch import Tensor

from groups import GroupAction, RotationAction, SpecialOrthogonal
from quotient import (
    AlwaysLifted,
    CounterNoise,
    Euclidean,
    GeneratorNoise,
    GroupQuotient,
    IntrinsicBrownianMotion,
    OrbitSpace,
    PointClouds,
    ProjectedBrownianMotion,
    ShapeSpace,
    UnprojectedNearSmallOrbits,
)

#: two-sided p = 1e-4
CRITICAL = float(stats.norm.isf(0.5e-4))


class PlaneRotation(GroupAction):
    group = SpecialOrthogonal(2)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.einsum("...ij,...j->...i", g, x)


def growth_statistic(
    motion: ProjectedBrownianMotion, start: Tensor, *, expected: float, horizon: float, n_steps: int, seed: int
) -> float:
    """Standardised difference between the growth rate of |x|^2 and its exact value."""
    noise = GeneratorNoise(torch.Generator().manual_seed(seed))
    path = motion.sample(start, horizon=horizon, n_steps=n_steps, noise=noise)
    axes = tuple(range(1, start.ndim))
    rate = ((path.xs[-1] ** 2).sum(axes) - (path.xs[0] ** 2).sum(axes)) / horizon
    return float((rate.mean() - expected) / (rate.std() / math.sqrt(len(rate))))


def clouds(count: int, n_points: int, seed: int) -> Tensor:
    x = 2.0 * torch.randn(n_points, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (x - x.mean(-2)).expand(count, n_points, 3)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_points", [5, 8])
def test_growth_law(n_points: int, seed: int) -> None:
    """d/dt E|x|^2 = 3 (N - 1)."""
    start = clouds(8000, n_points, seed)
    motion = ProjectedBrownianMotion(ShapeSpace(n_points, 3))
    z = growth_statistic(motion, start, expected=3 * (n_points - 1), horizon=0.5, n_steps=10, seed=seed)
    assert abs(z) < CRITICAL


@pytest.mark.parametrize("curvature_drift", [0.0, -1.0])
@pytest.mark.parametrize("seed", range(5))
def test_growth_law_fails_without_the_curvature_drift_or_with_its_sign_flipped(
    curvature_drift: float, seed: int
) -> None:
    start = clouds(8000, 5, seed)
    motion = ProjectedBrownianMotion(ShapeSpace(5, 3), curvature_drift=curvature_drift)
    z = growth_statistic(motion, start, expected=12, horizon=0.5, n_steps=10, seed=seed)
    assert z < -2 * CRITICAL


@pytest.mark.parametrize("seed", range(3))
def test_growth_law_of_three_particles_from_a_collinear_start(seed: int) -> None:
    """Codimension 2: paths meet the neighbourhood of the collinear stratum, and start on it."""
    line = torch.tensor([[-1.0, 0, 0], [0.2, 0, 0], [0.8, 0, 0]], dtype=torch.float64).expand(10_000, 3, 3)
    motion = ProjectedBrownianMotion(ShapeSpace(3, 3))
    z = growth_statistic(motion, line, expected=6, horizon=1.0, n_steps=40, seed=seed)
    assert abs(z) < CRITICAL


@pytest.mark.parametrize("seed", range(3))
def test_plane_modulo_rotations_near_the_origin(seed: int) -> None:
    """The unprojected step keeps the law where plain Euler-Maruyama of the lift has infinite moments."""
    quotient = GroupQuotient(Euclidean(2), PlaneRotation())
    start = torch.tensor([1.0, 0.0], dtype=torch.float64).expand(20_000, 2)
    run = {"expected": 2.0, "horizon": 4.0, "n_steps": 20, "seed": seed}
    safe = ProjectedBrownianMotion(quotient)
    plain = ProjectedBrownianMotion(quotient, rule=AlwaysLifted())
    assert abs(growth_statistic(safe, start, **run)) < CRITICAL
    longest = {}
    for name, motion in (("safe", safe), ("plain", plain)):
        path = motion.sample(start, horizon=4.0, n_steps=20, noise=GeneratorNoise(torch.Generator().manual_seed(seed)))
        assert path.xs.isfinite().all()
        longest[name] = float((path.xs[1:] - path.xs[:-1]).norm(dim=-1).max() / math.sqrt(0.2))
    assert longest["safe"] < 6.0
    assert longest["plain"] > 12.0


@pytest.mark.parametrize("seed", range(3))
def test_radius_of_the_projected_motion_is_a_bessel_process(seed: int) -> None:
    """|x_T|^2 / T is non-central chi-square with two degrees of freedom; the wrong drift is refused."""
    quotient = GroupQuotient(Euclidean(2), PlaneRotation())
    start = torch.tensor([0.7, 0.0], dtype=torch.float64).expand(4000, 2)
    law = stats.ncx2(df=2, nc=0.49)

    def p_value(motion: ProjectedBrownianMotion) -> float:
        noise = GeneratorNoise(torch.Generator().manual_seed(seed))
        end = motion.sample(start, horizon=1.0, n_steps=50, noise=noise).xs[-1]
        return float(stats.kstest((end**2).sum(-1).numpy(), law.cdf).pvalue)

    assert p_value(ProjectedBrownianMotion(quotient)) > 1e-4
    assert p_value(ProjectedBrownianMotion(quotient, curvature_drift=0.0)) < 1e-4


@pytest.mark.parametrize("seed", range(3))
def test_radius_of_the_intrinsic_motion_is_reflected(seed: int) -> None:
    quotient = GroupQuotient(Euclidean(2), PlaneRotation())
    start = torch.tensor([0.7, 0.0], dtype=torch.float64).expand(4000, 2)
    noise = GeneratorNoise(torch.Generator().manual_seed(seed))
    end = IntrinsicBrownianMotion(quotient).sample(start, horizon=1.0, n_steps=50, noise=noise).xs[-1]
    folded = stats.foldnorm(c=0.7)
    assert float(stats.kstest(end.norm(dim=-1).numpy(), folded.cdf).pvalue) > 1e-4
    bessel = stats.ncx2(df=2, nc=0.49)
    assert float(stats.kstest((end**2).sum(-1).numpy(), bessel.cdf).pvalue) < 1e-4


@pytest.mark.parametrize(
    "quotient", [ShapeSpace(4, 3), GroupQuotient(PointClouds(4, 3), RotationAction(3))], ids=["closed", "derived"]
)
def test_paths_are_horizontal_and_carry_their_times(quotient: OrbitSpace) -> None:
    start = clouds(3, 4, 1)
    noise = CounterNoise(torch.arange(3))
    path = ProjectedBrownianMotion(quotient, rule=UnprojectedNearSmallOrbits(math.inf)).sample(
        start, horizon=0.3, n_steps=3, noise=noise
    )
    assert path.xs.shape == (4, 3, 4, 3)
    assert path.ts.tolist() == pytest.approx([0.0, 0.1, 0.2, 0.3])
    assert float(path.ts[-1]) == 0.3
    for k in range(3):
        assert quotient.is_horizontal(path.xs[k + 1] - path.xs[k], path.xs[k]).all()


def test_bad_arguments_are_refused() -> None:
    motion = IntrinsicBrownianMotion(ShapeSpace(4, 3))
    noise = CounterNoise(torch.arange(3))
    with pytest.raises(ValueError, match="horizon > 0"):
        motion.sample(clouds(3, 4, 0), horizon=0.0, n_steps=3, noise=noise)
    with pytest.raises(ValueError, match="n_steps >= 1"):
        motion.sample(clouds(3, 4, 0), horizon=1.0, n_steps=0, noise=noise)
