"""What the scripts of this folder share: seeds, the test in law that samplers have to pass, the look of pictures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, final

import torch
from scipy import stats
from torch import Tensor, nn

from diffusion import Heun, Interpolant, ODESampler, QuotientModel, Setting, Treatment, Velocity, power_grid
from quotient import CounterNoise, OrbitSpace

#: This folder.
HERE = Path(__file__).resolve().parent
if str(HERE.parent / "paper") not in sys.path:
    sys.path.append(str(HERE.parent / "paper"))
#: Colours, sizes and number formats of docs/paper.
style: Any = import_module("style")

SEEDS = (0, 1, 2)
#: The right sampler has a larger p with every seed, each wrong one a smaller p.
THRESHOLD = 1e-4

Invariant = Callable[[Tensor], Tensor]


@final
@dataclass(frozen=True)
class Law:
    """Comparisons of samples with exact draws, one for each seed.

    Attributes:
        distances: largest differences of distribution functions, over all invariants.
        p_values: of two-sample Kolmogorov-Smirnov tests, the smallest over all invariants times their number.
    """

    distances: tuple[float, ...]
    p_values: tuple[float, ...]

    @classmethod
    def of(cls, samples: Tensor, exact: Tensor, invariants: Mapping[str, Invariant]) -> Law:
        """Compare samples ``[seeds, count, *point_shape]`` with exact draws ``[m, *point_shape]``."""
        expected = {name: f(exact).cpu() for name, f in invariants.items()}
        distances, p_values = [], []
        for run in samples:
            tests: list[Any] = [
                stats.ks_2samp(f(run), expected[name], method="asymp") for name, f in invariants.items()
            ]
            distances.append(max(float(test.statistic) for test in tests))
            p_values.append(min(1.0, len(tests) * min(float(test.pvalue) for test in tests)))
        return cls(tuple(distances), tuple(p_values))

    @property
    def recovered(self) -> bool:
        """Whether no seed refutes the sampler."""
        return min(self.p_values) > THRESHOLD

    @property
    def missed(self) -> bool:
        """Whether every seed refutes the sampler."""
        return max(self.p_values) < THRESHOLD


@final
@dataclass(frozen=True)
class Check:
    """What a script has found out about its samplers.

    Attributes:
        right: samplers that have to pass.
        wrong: negative controls, which have to fail the same test.
    """

    right: Mapping[str, Law]
    wrong: Mapping[str, Law]


def generator(seed: int) -> torch.Generator:
    """A stream of random numbers."""
    return torch.Generator().manual_seed(seed)


def noise(seeds: Sequence[int], count: int) -> CounterNoise:
    """Normal noise for ``count`` samples of each seed, one seed after the other: no sample depends on another."""
    return CounterNoise(torch.cat([torch.arange(count) + (1 + seed) * 2**32 for seed in seeds]))


def fit(
    network: nn.Module, quotient: OrbitSpace, path: Interpolant, treatment: Treatment, data: Tensor, steps: int
) -> QuotientModel:
    """Train a network by Adam on pairs (x_t, velocity) that are drawn beforehand, one for each row of ``data``.

    :class:`diffusion.training.QuotientTrainingModule` does it with fresh pairs, on several devices.
    """
    stream = generator(0)
    pairs = path.sample(quotient, data, torch.rand(len(data), generator=stream), noise((1,), len(data)))
    target = treatment.target(torch.zeros_like(pairs.x_t), pairs, Setting(quotient, path, Velocity()))
    adam = torch.optim.Adam(network.parameters())
    rates = torch.optim.lr_scheduler.OneCycleLR(adam, 2e-2, steps)
    for _ in range(steps):
        rows = torch.randint(len(data), (256,), generator=stream)
        x, v = pairs.x_t[rows], target[rows]
        adam.zero_grad()
        treatment.loss(network(x, pairs.t[rows], None), v, x, quotient).mean().backward()
        adam.step()
        rates.step()
    return QuotientModel(network, quotient, interpolant=path)


def flow(model: QuotientModel, like: Tensor, seeds: Sequence[int], count: int) -> Tensor:
    """Points at all times along the probability flow of a model, ``[21, seeds, count, *point_shape]``."""
    start = like.expand(len(seeds) * count, *like.shape)
    sampler = ODESampler(power_grid(20, 1.0), method=Heun())
    with torch.no_grad():
        result = model.sample(sampler, start, noise(seeds, count), keep_trajectory=True)
    return result.trajectory.unflatten(1, (len(seeds), count))
