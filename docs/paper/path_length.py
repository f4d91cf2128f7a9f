"""Lifted paths are never longer than unprojected ones, and end on the same orbits [Xu2026]."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.progress import track
from style import HERE, write_table
from torch import Tensor
from unprojected import undivided

from diffusion import ODESampler, SamplerResult, VelocityField, uniform_grid
from groups import PhaseAction, RotationAction
from quotient import (
    ComplexEuclidean,
    ComplexHypersphere,
    GroupQuotient,
    OrbitSpace,
    PointClouds,
    ShapeSpace,
    TotalSpace,
)

STRENGTHS, SEED = (0.5, 1.0, 2.0), 7


@dataclass(frozen=True)
class Case:
    """A quotient with two equivariant fields.

    Attributes:
        quotient: Q.
        wanted: the field whose horizontal part is the velocity.
        unwanted: the field whose vertical part is added to it.
    """

    quotient: OrbitSpace
    wanted: Callable[[Tensor], Tensor]
    unwanted: Callable[[Tensor], Tensor]

    def velocity(self, strength: float) -> VelocityField:
        """P f + strength |P f| V f' / |V f'|: the vertical part is ``strength`` times as long as the horizontal one."""
        space = self.quotient.total_space

        def field(x: Tensor, t: Tensor) -> Tensor:
            across = (1 + t) * self.quotient.horizontal_projection(self.wanted(x), x)
            along = self.quotient.vertical_projection(self.unwanted(x), x)
            ratio = strength * space.norm(across, x) / space.norm(along, x)
            return across + ratio.reshape(ratio.shape + (1,) * len(space.shape)) * along

        return field


def _drawn(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(SEED), dtype=dtype)


def _bounded(x: Tensor, space: TotalSpace) -> Tensor:
    """X / sqrt(1 + |x|^2), which any linear isometry commutes with."""
    size = (1 + space.inner_product(x, x, x)).sqrt()
    return x / size.reshape(size.shape + (1,) * len(space.shape))


def plane() -> Case:
    """Rotations of the plane: towards a circle, and around it."""
    quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
    quotient = GroupQuotient(PointClouds(1, 2), RotationAction(2))
    return Case(quotient, lambda x: (1.5 - x.norm(dim=-1, keepdim=True)) * x, lambda x: x @ quarter.mT)


def _phases(space: TotalSpace) -> Case:
    matrix = _drawn(*space.shape, *space.shape, dtype=torch.complex128)
    quotient = GroupQuotient(space, PhaseAction())
    return Case(quotient, lambda x: _bounded(x, space) @ matrix.mT, lambda x: 1j * x)


def clouds() -> Case:
    """Rigid motions: rows are mixed; the unwanted field turns the cloud and moves its centre."""
    space = ShapeSpace(5, 3)
    mix, turn = _drawn(2, 5, 5)
    return Case(
        space,
        lambda x: mix @ _bounded(space.center(x), space.total_space),
        lambda x: turn @ _bounded(space.center(x), space.total_space),
    )


def cases() -> dict[str, Case]:
    """Three flat total spaces and a curved one."""
    return {
        "R²/SO(2)": plane(),
        "C³/U(1)": _phases(ComplexEuclidean(3)),
        "R⁵ˣ³/SE(3)": clouds(),
        "S³/U(1)": _phases(ComplexHypersphere(2)),
    }


def length(result: SamplerResult, space: TotalSpace) -> Tensor:
    """Sum of the lengths of the steps, shape ``[...]``."""
    assert result.trajectory is not None
    here, there = result.trajectory[:-1], result.trajectory[1:]
    return space.norm(space.log(there, here), here).sum(0)


@dataclass(frozen=True)
class Comparison:
    """Lifted and unprojected paths from the same points with the same steps.

    Attributes:
        ratio: mean of the lifted over the unprojected length.
        gap: root mean square distance on Q between the ends.
    """

    ratio: float
    gap: float


def compare(case: Case, strength: float, n_steps: int, *, count: int) -> Comparison:
    """Both Euler schemes on the same grid."""
    space, field = case.quotient.total_space, case.velocity(strength)
    x0 = case.quotient.center(space.random_point((count,), torch.Generator().manual_seed(SEED)))
    sampler = ODESampler(uniform_grid(n_steps))
    lifted = sampler.sample(case.quotient, x0, field, keep_trajectory=True)
    free = sampler.sample(undivided(space), x0, field, keep_trajectory=True)
    ratio = length(lifted, space) / length(free, space)
    gap = case.quotient.dist(lifted.x, free.x).square().mean().sqrt()
    return Comparison(float(ratio.mean()), float(gap))


def make(
    folder: Path, *, count: int = 16, steps: tuple[int, ...] = (25, 50, 100, 200)
) -> dict[tuple[str, float], list[Comparison]]:
    """Write ``table_path_length.md``; return the comparisons for each quotient and strength, by number of steps."""
    chosen = cases()
    jobs = [(name, strength) for name in chosen for strength in STRENGTHS]
    found = {
        job: [compare(chosen[job[0]], job[1], n, count=count) for n in steps]
        for job in track(jobs, description="path lengths")
    }
    write_table(
        folder,
        "path_length",
        (
            "M/G",
            "vertical<br>over<br>horizontal",
            "lifted over<br>unprojected<br>length",
            "exact",
            f"gap,<br>{steps[0]} steps",
            f"gap,<br>{steps[-1]} steps",
            "slope<br>in h",
        ),
        [
            (
                name,
                f"{strength:g}",
                f"{some[-1].ratio:.3f}",
                f"{1 / math.hypot(1, strength):.3f}",
                f"{some[0].gap:.4f}",
                f"{some[-1].gap:.4f}",
                f"{slope(steps, some):.2f}",
            )
            for (name, strength), some in found.items()
        ],
    )
    return found


def slope(steps: tuple[int, ...], some: list[Comparison]) -> float:
    """Slope of the logarithm of the gap against that of the step."""
    return -float(np.polyfit(np.log(steps), np.log([one.gap for one in some]), 1)[0])


def main() -> None:
    """Make the table of the page."""
    make(HERE)


if __name__ == "__main__":
    main()
