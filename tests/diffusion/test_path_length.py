"""Lifted paths of the probability flow are never longer than unprojected ones, and end on the same orbits."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from diffusion import ODESampler, VelocityField, uniform_grid
from groups import PhaseAction, RotationAction
from quotient import ComplexEuclidean, ComplexHypersphere, GroupQuotient, OrbitSpace, PointClouds, ShapeSpace

SLOPE = 1.0 - 0.15
STEPS = (32, 64)
BATCH = 8

Field = Callable[[Tensor], Tensor]


@cache
def quotients() -> dict[str, OrbitSpace]:
    return {
        "R2/SO(2)": GroupQuotient(PointClouds(1, 2), RotationAction(2)),
        "C3/U(1)": GroupQuotient(ComplexEuclidean(3), PhaseAction()),
        "R5x3/SE(3)": ShapeSpace(5, 3),
        "S3/U(1)": GroupQuotient(ComplexHypersphere(2), PhaseAction()),
    }


EACH = pytest.mark.parametrize("name", list(quotients()))


def expand(scalar: Tensor, like: Tensor) -> Tensor:
    return scalar.reshape(scalar.shape + (1,) * (like.ndim - scalar.ndim))


@dataclass(frozen=True)
class Velocity:
    """P f + strength V f' + slip V c + whole f'' + push c.

    f, f' and f'' are random fields that commute with the group, c is a constant one, which does not.
    """

    quotient: OrbitSpace
    seed: int
    strength: float = 0.0
    slip: float = 0.0
    whole: float = 0.0
    push: float = 0.0

    def equivariant(self, number: int) -> Field:
        """x -> W x / sqrt(1 + |x|^2), W acting on the coordinates that the group leaves alone."""
        space = self.quotient.total_space
        generator = torch.Generator().manual_seed(3 * self.seed + number)
        like = space.random_point((), generator)
        rows = like.shape[0]
        matrix = torch.randn(rows, rows, generator=generator, dtype=like.dtype)
        twist = torch.randn((), generator=generator, dtype=torch.float64)
        quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)

        def field(x: Tensor) -> Tensor:
            here = self.quotient.center(x)
            small = here / expand((1 + space.inner_product(here, here, here)).sqrt(), here)
            if like.ndim == 1:
                return space.to_tangent(small @ matrix.mT, x)
            mixed = matrix @ small
            return mixed + twist * small @ quarter.mT if rows == 1 else mixed

        return field

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        wanted, unwanted, other = (self.equivariant(number)(x) for number in range(3))
        generator = torch.Generator().manual_seed(self.seed)
        constant = torch.randn(x.shape[1:], generator=generator, dtype=x.dtype).expand_as(x).contiguous()
        constant = self.quotient.total_space.to_tangent(constant, x)
        wanted = (1 + t) * wanted
        excess = self.strength * unwanted + self.slip * constant - wanted
        along = self.quotient.vertical_projection(excess, x)
        return wanted + along + self.whole * other + self.push * constant


def starts(quotient: OrbitSpace, seed: int) -> Tensor:
    return quotient.center(quotient.total_space.random_point((BATCH,), torch.Generator().manual_seed(seed)))


@dataclass(frozen=True)
class Run:
    """Both Euler schemes from the same points on the same grid.

    Attributes:
        lifted: lengths of the lifted paths, ``[BATCH]``.
        bounded: lengths that the whole velocity would have along the lifted paths.
        free: lengths of the unprojected paths.
        gap: distances on Q between the ends.
    """

    lifted: Tensor
    bounded: Tensor
    free: Tensor
    gap: Tensor


def run(quotient: OrbitSpace, lifted: VelocityField, free: VelocityField, n_steps: int, seed: int) -> Run:
    space, x0, sizes = quotient.total_space, starts(quotient, seed), []

    def noted(x: Tensor, t: Tensor) -> Tensor:
        velocity = lifted(x, t)
        sizes.append(space.norm(velocity, x) / n_steps)
        return velocity

    result = ODESampler(uniform_grid(n_steps)).sample(quotient, x0, noted, keep_trajectory=True)
    assert result.trajectory is not None
    before, after = result.trajectory[:-1], result.trajectory[1:]
    x, length = x0, torch.zeros(BATCH, dtype=torch.float64)
    for t in result.ts[:-1]:
        velocity = free(x, t)
        length = length + space.norm(velocity, x) / n_steps
        x = space.exp(velocity / n_steps, x)
    steps = space.norm(space.log(after, before), before)
    return Run(steps.sum(0), torch.stack(sizes).sum(0), length, quotient.dist(x, result.x))


def slope(values: list[Tensor]) -> float:
    """Of the logarithm of the root mean square against that of the step."""
    sizes = [float(value.square().mean().sqrt()) for value in values]
    return -float(np.polyfit(np.log(STEPS), np.log(sizes), 1)[0])


@pytest.mark.slow
@EACH
@settings(max_examples=3, deadline=None)
@given(seed=st.integers(0, 2**20), strength=st.sampled_from([0.3, 1.0, 3.0]), slip=st.sampled_from([0.0, 1.0]))
def test_lifted_paths_are_not_longer_and_end_on_the_same_orbits(
    name: str, seed: int, strength: float, slip: float
) -> None:
    """What is vertical is free, equivariant or not. On one path |P b| <= |b| at every step; between the two schemes the
    lengths compare up to O(h), and so do the ends on Q."""
    quotient = quotients()[name]
    velocity = Velocity(quotient, seed, strength=strength, slip=slip)
    runs = [run(quotient, velocity, velocity, n, seed) for n in STEPS]
    for one, n in zip(runs, STEPS, strict=True):
        assert (one.lifted < one.bounded * (1 + 1e-12)).all()
        assert (one.lifted < one.free * (1 + 0.02 / n)).all()
    assert runs[-1].lifted.sum() < runs[-1].free.sum()
    assert slope([one.gap for one in runs]) > SLOPE
    if slip == 0.0:
        assert slope([one.free - one.bounded for one in runs]) > SLOPE


@EACH
def test_without_contamination_the_paths_are_the_same(name: str) -> None:
    quotient = quotients()[name]
    velocity = Velocity(quotient, 1)
    found = run(quotient, velocity, velocity, 16, 1)
    torch.testing.assert_close(found.lifted, found.free, rtol=1e-9, atol=0)
    assert float(found.gap.max()) < 1e-7


@EACH
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("kind", ["horizontal part", "not equivariant"])
def test_other_contaminations_end_elsewhere(name: str, seed: int, kind: str) -> None:
    """A contamination with a horizontal part, against the clean field; a constant push, against itself lifted."""
    quotient = quotients()[name]
    clean = Velocity(quotient, seed, strength=1.0)
    pushed = Velocity(quotient, seed, strength=1.0, push=0.5)
    if kind == "horizontal part":
        lifted, free = clean, Velocity(quotient, seed, strength=1.0, whole=0.5)
    else:
        lifted, free = pushed, pushed
    runs = [run(quotient, lifted, free, n, seed) for n in STEPS]
    assert float(runs[-1].gap.mean()) > 0.01
    assert slope([one.gap for one in runs]) < 0.4
