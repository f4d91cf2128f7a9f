"""How far two samples are from each other in law, with the spread of the figure and what chance alone gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, Self, TypeVar, final

import numpy as np
from numpy.typing import NDArray

RESAMPLES: Final = 200
"""Bootstrap samples, and random halves of the reference."""


class Sample(Protocol):
    """A sample of a law: how many draws, and some of them by their numbers."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: NDArray[np.int64], /) -> Self: ...


SampleType = TypeVar("SampleType", bound=Sample)


@final
@dataclass(frozen=True)
class LawDistance:
    """A distance between a generated sample and a reference.

    Attributes:
        value: the distance.
        low: lower end of a 95 % interval for other generated samples of this size.
        high: its upper end.
        floor: mean distance of two random halves of the reference, NaN if it has fewer than two members: what another
            sample of the same law would give at half the size.
        floor_high: 97.5 % quantile of the distances of halves.
    """

    value: float
    low: float
    high: float
    floor: float
    floor_high: float


def law_distance(
    distance: Callable[[SampleType, SampleType], float],
    generated: SampleType,
    reference: SampleType,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    thin: Callable[[SampleType], SampleType] | None = None,
) -> LawDistance:
    """A distance with its interval and its floor.

    The interval has the spread of the distance when generated members are drawn again with replacement, shifted to
    the value and cut off at zero: repeated members are further from any law, so that resampled distances themselves
    lie too high.

    Args:
        distance: symmetric, zero between equal samples.
        generated: at least one member.
        reference: at least one member.
        seed: of resamples and halves; the same seed draws the same members.
        resamples: number of each. Cost: 2 resamples + 1 distances.
        thin: a cheaper view of a sample, used in place of it for the resamples and the halves.
    """
    rng = np.random.default_rng(seed)
    value = distance(generated, reference)
    a, b = (thin(generated), thin(reference)) if thin else (generated, reference)
    drawn = [distance(a[rng.integers(len(a), size=len(a))], b) for _ in range(resamples)]
    low, high = np.quantile(drawn, [0.025, 0.975]) - np.mean(drawn)
    floor = floor_high = float("nan")
    if len(b) > 1:
        cut = len(b) // 2
        orders = [rng.permutation(len(b)) for _ in range(resamples)]
        halves = [distance(b[order[:cut]], b[order[cut:]]) for order in orders]
        floor, floor_high = float(np.mean(halves)), float(np.quantile(halves, 0.975))
    return LawDistance(value, max(0.0, value + float(low)), value + float(high), floor, floor_high)
