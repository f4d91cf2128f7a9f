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
from torch import Tensor

from quotient import CounterNoise

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
            tests: list[Any] = [stats.ks_2samp(f(run), expected[name], method="asymp") for name, f in invariants.items()]
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
