"""Harmonic priors of padded clouds, and what is refused on curved spaces."""

import pytest
import torch
from torch import Tensor

from diffusion import DiffusionError, HarmonicPrior, Interpolant, LinearSchedule, UniformSpherePrior
from groups import SpecialOrthogonal, VectorAction
from quotient import GeneratorNoise, GroupQuotient, Hypersphere, NoiseSource, ShapeSpace


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def chain(n: int, padding: int) -> Tensor:
    """Springs i + 1 between the neighbours i and i + 1, and none at the padding."""
    springs = torch.zeros(n + padding, n + padding, dtype=torch.float64)
    for i in range(n - 1):
        springs[i, i + 1] = springs[i + 1, i] = i + 1.0
    return springs


def noise(seed: int) -> NoiseSource:
    return GeneratorNoise(torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("padding", [1, 3])
def test_springs_of_padded_clouds_are_those_of_the_clouds(padding: int) -> None:
    n = 4
    mask = torch.arange(n + padding) < n
    plain, padded = HarmonicPrior(chain(n, 0)), HarmonicPrior(chain(n, padding))
    small, large = ShapeSpace(n, 3), ShapeSpace(n + padding, 3, mask=mask)
    x = small.center(normal(0, 5, n, 3))
    wide = torch.cat([x, torch.zeros(5, padding, 3, dtype=torch.float64)], -2)
    found = padded.precision(large, wide)
    torch.testing.assert_close(found[:, :n], plain.precision(small, x))
    assert float(found[:, n:].abs().max()) == 0.0
    drawn = padded.sample(large, wide.expand(2_000, 5, n + padding, 3), noise(1))
    assert float(drawn[..., n:, :].abs().max()) == 0.0
    assert float(drawn.sum(-2).abs().max()) < 1e-9
    # the precision of the draws: E <x, L x> is the number of degrees of freedom, 3 (n - 1)
    energy = (drawn * padded.precision(large, drawn)).sum((-2, -1))
    z = (energy.mean() - 3 * (n - 1)) / (energy.std() / energy.numel() ** 0.5)
    assert abs(float(z)) < 3.9
    # negative control: the precision of other springs
    other = HarmonicPrior(2 * chain(n, padding))
    energy = (drawn * other.precision(large, drawn)).sum((-2, -1))
    z = (energy.mean() - 3 * (n - 1)) / (energy.std() / energy.numel() ** 0.5)
    assert abs(float(z)) > 3.9


def test_separate_chains_are_refused_with_and_without_padding() -> None:
    for padding in (0, 2):
        springs = chain(5, padding)
        springs[1, 2] = springs[2, 1] = 0.0
        with pytest.raises(DiffusionError, match="not connected"):
            HarmonicPrior(springs)


def test_bridge_noise_is_refused_on_curved_spaces_only_when_there_is_some() -> None:
    sphere = GroupQuotient(Hypersphere(2), VectorAction(SpecialOrthogonal(3)))
    x1 = sphere.total_space.random_point((6,), torch.Generator().manual_seed(2))
    t = torch.tensor(0.3, dtype=torch.float64)
    plain = Interpolant(LinearSchedule(), prior=UniformSpherePrior())
    sample = plain.sample(sphere, x1, t, noise(3))
    # on the great circle from x0 to x1, at three tenths of the way
    angle = (sample.x0 * x1).sum(-1, keepdim=True).acos()
    expected = ((0.7 * angle).sin() * sample.x0 + (0.3 * angle).sin() * x1) / angle.sin()
    torch.testing.assert_close(sample.x_t, expected)
    torch.testing.assert_close(sample.velocity.norm(dim=-1, keepdim=True), angle)
    with pytest.raises(DiffusionError, match="bridge noise"):
        Interpolant(LinearSchedule(noise=0.2), prior=UniformSpherePrior()).sample(sphere, x1, t, noise(3))
