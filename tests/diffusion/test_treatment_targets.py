"""Targets and losses on pairs whose prior point is not the data point, against sums over the circle of rotations."""

import math

import pytest
import torch
from torch import Tensor

from diffusion import (
    AlignedPrediction,
    AlignedTarget,
    Denoiser,
    Equivariant,
    Interpolant,
    InterpolantSample,
    LinearSchedule,
    OrbitAligned,
    OrbitAveraged,
    Quotient,
    Setting,
)
from groups import RotationAction
from quotient import GeneratorNoise, ShapeSpace
from quotient.orbit_posterior import orbit_posterior

SPACE = ShapeSpace(4, 2)
TIMES = (0.2, 0.7)


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rotations(count: int) -> Tensor:
    angles = torch.arange(count, dtype=torch.float64) * (2 * math.pi / count)
    return torch.stack([angles.cos(), -angles.sin(), angles.sin(), angles.cos()], -1).reshape(count, 2, 2)


def pairs(time: float, interpolant: Interpolant) -> InterpolantSample:
    x1 = SPACE.center(1.5 * normal(0, 6, 4, 2))
    noise = GeneratorNoise(torch.Generator().manual_seed(123))
    sample = interpolant.sample(SPACE, x1, torch.tensor(time, dtype=torch.float64), noise)
    assert float((sample.x0 - sample.x1).norm(dim=(-2, -1)).min()) > 0.5
    return sample


def size(v: Tensor) -> Tensor:
    return v.norm(dim=(-2, -1))


@pytest.mark.parametrize("time", TIMES)
def test_aligned_targets_are_the_nearest_of_all_rotations(time: float) -> None:
    sample = pairs(time, Interpolant())
    setting = Setting(SPACE, Interpolant(), Denoiser())
    guess = SPACE.center(normal(1, 6, 4, 2))
    orbit = sample.x1 @ rotations(4_000).mT.unsqueeze(1)
    for treatment, to in ((AlignedTarget(), sample.x_t), (AlignedPrediction(), guess)):
        moved = treatment.target(guess, sample, setting)
        nearest = size(orbit - to).amin(0)
        torch.testing.assert_close(size(moved - to), nearest, rtol=1e-5, atol=0)
        # of the orbit of x1, and not x1 itself
        assert float(size(orbit - moved).amin(0).max()) < 1e-2
        assert float(size(moved - sample.x1).max()) > 0.1


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize("bridge", [0.0, 0.6])
def test_orbit_averages_are_means_over_all_rotations(time: float, bridge: float) -> None:
    """E[g x1 | x_t] with weights exp(-|x_t - beta g x1|^2 / (2 a^2)), a^2 = alpha^2 + gamma^2."""
    interpolant = Interpolant(LinearSchedule(noise=bridge))
    sample = pairs(time, interpolant)
    variance = (1 - time) ** 2 + bridge**2 * time * (1 - time)
    orbit = sample.x1 @ rotations(720).mT.unsqueeze(1)
    weights = torch.softmax(-(size(sample.x_t - time * orbit) ** 2) / (2 * variance), 0)
    expected = (weights[..., None, None] * orbit).sum(0)
    treatment = OrbitAveraged(orbit_posterior(RotationAction(2)))
    found = treatment.target(sample.x1, sample, Setting(SPACE, interpolant, Denoiser()))
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_losses_are_mean_squares_of_what_each_treatment_sees() -> None:
    sample = pairs(0.5, Interpolant())
    guess, target = SPACE.center(normal(2, 6, 4, 2)), SPACE.center(normal(3, 6, 4, 2))
    gap, x = guess - target, sample.x_t
    turned = torch.stack([-x[..., 1], x[..., 0]], -1)
    along = (gap * turned).sum((-2, -1), keepdim=True) / (turned**2).sum((-2, -1), keepdim=True)
    seen = {"whole": gap, "projected": gap - along * turned}
    posterior = orbit_posterior(RotationAction(2))
    treatments = {
        "whole": (Equivariant(), AlignedTarget(), OrbitAveraged(posterior)),
        "projected": (Quotient(), OrbitAveraged(posterior, projected=True)),
    }
    for kind, rows in treatments.items():
        for treatment in rows:
            loss = treatment.loss(guess, target, x, SPACE)
            # points of the plane are counted as they are, the centre of mass included or not
            ratio = size(seen[kind]) ** 2 / loss
            torch.testing.assert_close(ratio, ratio[0].expand_as(ratio), rtol=1e-10, atol=0)
            assert float(ratio[0]) == pytest.approx(float(SPACE.total_space.degrees_of_freedom(x[0])))
    assert float((size(seen["whole"]) - size(seen["projected"])).min()) > 1e-4


def test_aligned_coupling_moves_the_prior_point() -> None:
    """X0 is turned to be nearest to x1; x1 stays."""
    interpolant = Interpolant(coupling=OrbitAligned())
    plain, aligned = pairs(0.4, Interpolant()), pairs(0.4, interpolant)
    torch.testing.assert_close(aligned.x1, plain.x1)
    orbit = plain.x0 @ rotations(4_000).mT.unsqueeze(1)
    torch.testing.assert_close(size(aligned.x0 - aligned.x1), size(orbit - plain.x1).amin(0), rtol=1e-5, atol=0)
    assert float(size(orbit - aligned.x0).amin(0).max()) < 1e-2
    torch.testing.assert_close(aligned.x_t, 0.6 * aligned.x0 + 0.4 * aligned.x1)
    torch.testing.assert_close(aligned.velocity, aligned.x1 - aligned.x0)
