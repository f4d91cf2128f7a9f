"""Boltzmann reweighting: samples of one law made to stand for another, with densities on M and not on Q."""

import math

import pytest
import torch
from torch import Tensor

from diffusion import Heun, ODESampler, boltzmann_weights, log_likelihood, quotient_log_density, uniform_grid
from groups import SpecialOrthogonal, VectorAction
from quotient import Euclidean, GroupQuotient

ROTATIONS = VectorAction(SpecialOrthogonal(2))
SPACE = GroupQuotient(Euclidean(2), ROTATIONS)
COUNT = 4000
TEMPERATURE = 0.7
SIZE = 1.5


def velocity(x: Tensor, t: Tensor) -> Tensor:
    """Of the flow from N(0, 1) to N(0, SIZE^2) on the linear interpolant."""
    return ((t - 1 + t * SIZE**2) / ((1 - t) ** 2 + (t * SIZE) ** 2)) * x


def energy(x: Tensor) -> Tensor:
    """A ring of radius two."""
    return 2.0 * (x.norm(dim=-1) - 2.0) ** 2


def exact() -> tuple[float, float]:
    """Log partition function and mean radius of exp(-E / kT), by quadrature."""
    r = torch.linspace(0.0, 12.0, 40_001, dtype=torch.float64)
    weight = torch.exp(-energy(torch.stack([r, 0 * r], -1)) / TEMPERATURE) * 2 * math.pi * r
    total = torch.trapezoid(weight, r)
    return float(total.log()), float(torch.trapezoid(weight * r, r) / total)


@pytest.mark.parametrize("seed", range(5))
def test_samples_of_the_flow_stand_for_the_boltzmann_law(seed: int) -> None:
    """Moments and partition function are met; without weights, and with the density of Q, they are not."""
    start = torch.randn(COUNT, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    grid = uniform_grid(30)
    x = ODESampler(grid, method=Heun()).sample(SPACE, start, velocity).x
    log_p = log_likelihood(SPACE, x, velocity, grid, action=ROTATIONS).log_density
    log_partition, mean_radius = exact()
    radius = x.norm(dim=-1)

    weights = boltzmann_weights(energy(x), log_p, temperature=TEMPERATURE)
    mean, error = weights.mean(radius)
    assert abs(float((mean - mean_radius) / error)) < 3.9
    spread = float((COUNT * weights.weights).std()) / math.sqrt(COUNT)
    assert abs(float(weights.log_partition) - log_partition) < 3.9 * spread
    assert COUNT / 10 < float(weights.effective_sample_size) < COUNT

    plain = float((radius.mean() - mean_radius) / (radius.std() / math.sqrt(COUNT)))
    assert abs(plain) > 10
    log_q = quotient_log_density(SPACE, log_p, x, action=ROTATIONS)
    wrong, wrong_error = boltzmann_weights(energy(x), log_q, temperature=TEMPERATURE).mean(radius)
    assert abs(float((wrong - mean_radius) / wrong_error)) > 5


def test_equal_laws_have_equal_weights() -> None:
    log_p = torch.linspace(-3.0, 2.0, 7, dtype=torch.float64)
    weights = boltzmann_weights(-2.0 * (log_p + 5.0), log_p, temperature=2.0)
    torch.testing.assert_close(weights.weights, torch.full((7,), 1 / 7, dtype=torch.float64))
    assert float(weights.effective_sample_size) == pytest.approx(7.0)
    assert float(weights.log_partition) == pytest.approx(5.0)


def test_standard_error_covers_the_scatter() -> None:
    """Over repetitions, (mean - exact) / error has variance near one."""
    generator = torch.Generator().manual_seed(0)
    scores = []
    for _ in range(300):
        x = torch.randn(400, generator=generator, dtype=torch.float64)
        weights = boltzmann_weights(0.5 * (x - 0.4) ** 2, -0.5 * x**2)
        mean, error = weights.mean(torch.stack([x, x**2], -1))
        scores.append((mean - torch.tensor([0.4, 1.16])) / error)
    spread = torch.stack(scores).std(0)
    assert bool(((spread > 0.8) & (spread < 1.2)).all())


def test_resampling_follows_the_weights() -> None:
    weights = boltzmann_weights(-torch.tensor([0.1, 0.6, 0.3]).log(), torch.zeros(3))
    indices = weights.resample(30_000, torch.Generator().manual_seed(1))
    shares = torch.bincount(indices, minlength=3) / 30_000
    assert float((shares - torch.tensor([0.1, 0.6, 0.3])).abs().max()) < 3.9 * math.sqrt(0.25 / 30_000)


def test_infinite_energies_have_no_weight_and_nonsense_is_refused() -> None:
    weights = boltzmann_weights(torch.tensor([math.inf, 1.0, 1.0]), torch.zeros(3)).weights
    assert weights.tolist() == pytest.approx([0.0, 0.5, 0.5])
    with pytest.raises(ValueError, match="no finite weight"):
        boltzmann_weights(torch.tensor([math.nan, 1.0]), torch.zeros(2))
    with pytest.raises(ValueError, match="no finite weight"):
        boltzmann_weights(torch.tensor([math.inf, math.inf]), torch.zeros(2))
    with pytest.raises(ValueError, match="vectors of one length"):
        boltzmann_weights(torch.zeros(3), torch.zeros(2))
    with pytest.raises(ValueError, match="temperature"):
        boltzmann_weights(torch.zeros(3), torch.zeros(3), temperature=0.0)
