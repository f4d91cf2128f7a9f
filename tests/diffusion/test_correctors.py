"""Predictor-corrector sampling and the grids of noise levels."""

from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor

from diffusion import (
    CosineSchedule,
    Interpolant,
    LinearSchedule,
    OrbitAligned,
    OrbitMixture,
    PredictorCorrectorSampler,
    VarianceExplodingSchedule,
    logarithmic_grid,
    noise_level_grid,
    power_grid,
    uniform_grid,
)
from groups import SpecialOrthogonal, VectorAction
from quotient import Euclidean, GeneratorNoise, GroupQuotient
from quotient.orbit_posterior import orbit_posterior

ACTION = VectorAction(SpecialOrthogonal(3))


def p_value(first: Tensor, second: Tensor) -> float:
    """Of the two-sample Kolmogorov-Smirnov test."""
    result: Any = stats.ks_2samp(first, second)
    return float(result.pvalue)


def oracle() -> OrbitMixture:
    templates = torch.tensor([[1.5, 0.0, 0.0], [3.0, 0.0, 0.0]], dtype=torch.float64)
    quotient = GroupQuotient(Euclidean(3), ACTION)
    return OrbitMixture(quotient, ACTION, orbit_posterior(ACTION), templates, jitter=0.3, interpolant=Interpolant())


def radii(mixture: OrbitMixture, seed: int, *, corrections: int, steps: int, drift: float = 1.0) -> Tensor:
    noise = GeneratorNoise(torch.Generator().manual_seed(seed))
    start = mixture.interpolant.initial(mixture.quotient, torch.zeros(2_000, 3, dtype=torch.float64), noise)
    sampler = PredictorCorrectorSampler(
        power_grid(steps, 1.5), mixture.interpolant, corrections=corrections, ratio=0.3, curvature_drift=drift
    )
    return sampler.sample(mixture.quotient, start, mixture.velocity, noise).x.norm(dim=-1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_corrector_keeps_the_target_and_needs_the_curvature_drift(seed: int) -> None:
    mixture = oracle()
    expected = mixture.sample(20_000, torch.Generator().manual_seed(50 + seed)).norm(dim=-1)
    assert p_value(radii(mixture, seed, corrections=2, steps=40), expected) > 1e-4
    assert p_value(radii(mixture, seed, corrections=2, steps=40, drift=0.0), expected) < 1e-4


def test_evaluations_are_counted_and_corrections_may_be_none() -> None:
    mixture = oracle()
    noise = GeneratorNoise(torch.Generator().manual_seed(0))
    start = torch.randn(4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    sampler = PredictorCorrectorSampler(uniform_grid(5), mixture.interpolant, corrections=2)
    result = sampler.sample(mixture.quotient, start, mixture.velocity, noise, keep_trajectory=True)
    assert result.evaluations == 5 + 2 * 4
    assert result.trajectory is not None
    assert result.trajectory.shape == (6, 4, 3)
    with pytest.raises(ValueError, match="ratio"):
        PredictorCorrectorSampler(uniform_grid(5), mixture.interpolant, ratio=0.0)
    with pytest.raises(ValueError, match="score"):
        PredictorCorrectorSampler(uniform_grid(5), Interpolant(coupling=OrbitAligned()))


@pytest.mark.parametrize("schedule", [LinearSchedule(), CosineSchedule(), VarianceExplodingSchedule(sigma_max=80.0)])
def test_noise_levels_follow_the_power_law(schedule: LinearSchedule) -> None:
    grid = noise_level_grid(12, schedule, rho=7.0, smallest=0.01, largest=20.0)
    assert grid[0] == 0.0
    assert grid[-1] == 1.0
    inner = grid[1:-1]
    levels = schedule.alpha(inner) / schedule.beta(inner)
    share = torch.linspace(0, 1, 12, dtype=torch.float64)[1:]
    expected = (20.0 ** (1 / 7) + share * (0.01 ** (1 / 7) - 20.0 ** (1 / 7))) ** 7
    torch.testing.assert_close(levels, expected, rtol=1e-6, atol=1e-9)


def test_logarithmic_grid() -> None:
    grid = logarithmic_grid(5, smallest=1e-4)
    torch.testing.assert_close(1 - grid[:-1], 10.0 ** -torch.arange(0.0, 5.0, dtype=torch.float64))
    assert grid[-1] == 1.0
    for bad in (0.0, 1.0):
        with pytest.raises(ValueError, match="logarithmic"):
            logarithmic_grid(5, smallest=bad)
