"""Noise that belongs to the item, not to the batch."""

import pytest
import torch
from scipy import stats

from quotient import CounterNoise, GeneratorNoise


def test_counter_noise_is_standard_normal_and_uncorrelated() -> None:
    noise = CounterNoise(torch.arange(2000))
    draws = torch.stack([noise.normal(torch.zeros(2000, 4, 3)) for _ in range(3)]).double()
    assert float(stats.kstest(draws.flatten().numpy(), "norm").pvalue) > 1e-4
    flat = draws.permute(1, 0, 2, 3).reshape(2000, -1)
    correlation = torch.corrcoef(flat.T) - torch.eye(36, dtype=torch.float64)
    assert float(correlation.abs().max()) < 0.12
    across = torch.corrcoef(torch.stack([flat[:-1].flatten(), flat[1:].flatten()]))[0, 1]
    assert abs(float(across)) < 0.02


def test_counter_noise_does_not_depend_on_batch_or_padding() -> None:
    seeds = torch.tensor([5, -3, 2**62])
    whole, alone = CounterNoise(seeds), CounterNoise(seeds[1:2])
    wide = torch.zeros(3, 7, 3)
    for _ in range(2):
        wide = whole.normal(wide)
        narrow = alone.normal(torch.zeros(1, 4, 3))
        assert torch.equal(wide[1, :4], narrow[0])
    assert not torch.equal(wide[0], wide[1])
    double = CounterNoise(seeds).normal(torch.zeros(3, 7, 3, dtype=torch.float64))
    assert torch.equal(double.float(), CounterNoise(seeds).normal(torch.zeros(3, 7, 3)))


def test_complex_noise_is_isotropic() -> None:
    for source in (CounterNoise(torch.arange(5000)), GeneratorNoise(torch.Generator().manual_seed(0))):
        z = source.normal(torch.zeros(5000, 2, dtype=torch.complex128))
        assert z.dtype == torch.complex128
        assert float(stats.kstest(z.real.flatten().numpy(), "norm").pvalue) > 1e-4
        assert float(stats.kstest(z.imag.flatten().numpy(), "norm").pvalue) > 1e-4
        assert abs(float((z.real * z.imag).mean())) < 0.05


def test_seeds_are_checked() -> None:
    with pytest.raises(ValueError, match="int64"):
        CounterNoise(torch.zeros(3))
    with pytest.raises(ValueError, match="first axis must number the seeds"):
        CounterNoise(torch.arange(3)).normal(torch.zeros(2, 3))
