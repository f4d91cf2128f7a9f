"""Geodesics, Frechet means and energy distances on quotients."""

import math

import pytest
import torch
from torch import Tensor

from groups import GroupAction, PhaseAction, RotationAction, SpecialOrthogonal
from quotient import (
    AlignmentKind,
    ComplexHypersphere,
    Euclidean,
    GroupQuotient,
    OrbitSpace,
    PreShapes,
    ShapeSpace,
    energy_distance,
    frechet_mean,
    pairwise_distances,
    quotient_geodesic,
)


class Turns(GroupAction):
    """Rotations of vectors as a user writes them: alignment is by descent."""

    linear = True
    group = SpecialOrthogonal(3)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.einsum("...ij,...j->...i", g, x)


QUOTIENTS: dict[str, OrbitSpace] = {
    "radius": GroupQuotient(Euclidean(3), Turns()),
    "clouds": ShapeSpace(4, 3),
    "CP2": GroupQuotient(ComplexHypersphere(3), PhaseAction()),
    "Kendall": GroupQuotient(PreShapes(4, 3), RotationAction(3)),
}
EACH = pytest.mark.parametrize("name", list(QUOTIENTS))


def points(name: str, count: int, seed: int) -> Tensor:
    return QUOTIENTS[name].total_space.random_point((count,), torch.Generator().manual_seed(seed))


@EACH
def test_geodesics_are_horizontal_shortest_and_of_constant_speed(name: str) -> None:
    quotient = QUOTIENTS[name]
    a, b = points(name, 5, 0), points(name, 5, 1)
    ts = torch.linspace(0, 1, 6, dtype=torch.float64)
    path = quotient_geodesic(quotient, a, b, ts)
    length = quotient.dist(a, b)
    assert float(quotient.dist(path[-1], b).max()) < 1e-7
    for k in range(5):
        torch.testing.assert_close(quotient.dist(path[k], path[k + 1]), length / 5, rtol=1e-8, atol=1e-8)
        step = quotient.total_space.log(path[k + 1], path[k])
        vertical = quotient.vertical_projection(step, path[k])
        assert float(quotient.total_space.norm(vertical, path[k]).max()) < 1e-8


@EACH
def test_means_are_invariant_and_stationary(name: str) -> None:
    """Moving each point along its orbit leaves the mean of Q; no small horizontal step lowers the variance."""
    quotient = QUOTIENTS[name]
    generator = torch.Generator().manual_seed(2)
    first = points(name, 1, 3)
    data = torch.cat(
        [quotient_geodesic(quotient, first[0], x, torch.tensor([0.3]))[0][None] for x in points(name, 9, 4)]
    )
    mean = frechet_mean(quotient, data)
    assert bool(mean.converged)
    assert mean.kind is (AlignmentKind.STATIONARY if name == "radius" else AlignmentKind.GLOBAL)
    action = quotient.action if isinstance(quotient, GroupQuotient) else RotationAction(3)
    turned = action.act(action.group.random((len(data),), generator, data), data)
    assert float(quotient.dist(frechet_mean(quotient, turned).point, mean.point)) < 1e-6

    def variance(x: Tensor) -> float:
        return float((quotient.dist(data, x.expand_as(data).contiguous()) ** 2).mean())

    assert variance(mean.point) == pytest.approx(float(mean.variance), rel=1e-9)
    for seed in range(4):
        noise = torch.randn(mean.point.shape, generator=torch.Generator().manual_seed(seed), dtype=mean.point.dtype)
        step = quotient.horizontal_projection(quotient.total_space.white_noise(noise, mean.point), mean.point)
        assert variance(quotient.total_space.exp(1e-2 * step, mean.point)) > variance(mean.point)


def test_mean_radius() -> None:
    """R^3/SO(3) is a half line with the distance of radii, where a mean is a weighted mean."""
    quotient = QUOTIENTS["radius"]
    data = points("radius", 7, 5)
    weights = torch.arange(1.0, 8.0, dtype=torch.float64)
    mean = frechet_mean(quotient, data, weights=weights)
    expected = (weights * data.norm(dim=-1)).sum() / weights.sum()
    torch.testing.assert_close(mean.point.norm(), expected)
    with pytest.raises(ValueError, match="not negative"):
        frechet_mean(quotient, data, weights=-weights)
    with pytest.raises(ValueError, match="at least one point"):
        frechet_mean(quotient, data[:0])


def test_energy_distance_tells_laws_apart_up_to_the_group() -> None:
    quotient = QUOTIENTS["clouds"]
    base = points("clouds", 1, 6)
    generator = torch.Generator().manual_seed(7)

    def sample(count: int, scale: float) -> Tensor:
        noise = torch.randn(count, 4, 3, generator=generator, dtype=torch.float64)
        x = base + scale * noise
        return RotationAction(3).act(SpecialOrthogonal(3).random((count,), generator, x), x)

    same = [float(energy_distance(quotient, sample(40, 0.2), sample(40, 0.2))) for _ in range(12)]
    spread = float(torch.tensor(same).std())
    assert abs(sum(same) / len(same)) < 4 * spread / math.sqrt(len(same))
    assert float(energy_distance(quotient, sample(40, 0.2), sample(40, 0.4))) > 8 * spread
    with pytest.raises(ValueError, match="at least two"):
        energy_distance(quotient, base, base)


def test_pairwise_distances() -> None:
    quotient = QUOTIENTS["clouds"]
    a, b = points("clouds", 3, 8), points("clouds", 4, 9)
    table = pairwise_distances(quotient, a, b)
    assert table.shape == (3, 4)
    torch.testing.assert_close(table[1, 2], quotient.dist(a[1], b[2]))
