"""Where intuition fails: finite groups, singular strata, reflections, masses, drifts and groups of infinite volume."""

from __future__ import annotations

from typing import final

import pytest
import torch
from torch import Tensor
from typing_extensions import override

from groups import (
    ActionError,
    CyclicGroup,
    GroupAction,
    GroupError,
    PermutationAction,
    ProductAction,
    RightMultiplication,
    RigidMotionAction,
    RotationAction,
    SpecialOrthogonal,
    SymmetricGroup,
    TranslationAction,
    Translations,
)
from quotient import Euclidean, FlatSpace, GroupQuotient, Matrices, PointClouds, ShapeSpace
from tests.quotient.test_table_flat import center, log_pair_sums, normal, pair_sums, turns
from tests.quotient.test_table_rows import (
    Named,
    Process,
    Row,
    assert_geometry,
    assert_named,
    assert_process,
    assert_routes,
    on_span,
)


@final
class WeightedClouds(FlatSpace):
    """Clouds with the kinetic metric sum_a m_a <u_a, v_a>."""

    def __init__(self, masses: Tensor, dim: int) -> None:
        self.masses = masses.unsqueeze(-1)
        self._shape = (len(masses), dim)

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return self._shape

    @property
    @override
    def dim(self) -> int:
        return self._shape[0] * self._shape[1]

    @override
    def metric(self, first: Tensor, second: Tensor, base_point: Tensor) -> Tensor:
        return (self.masses * first * second).sum((-2, -1))

    @override
    def gradient(self, differential: Tensor, base_point: Tensor) -> Tensor:
        return differential / self.masses

    @override
    def parseval_frame(self, base_point: Tensor) -> Tensor:
        return super().parseval_frame(base_point) / self.masses.sqrt()

    @override
    def white_noise(self, normal: Tensor, base_point: Tensor) -> Tensor:
        return normal / self.masses.sqrt()


MASSES = torch.tensor([1.0, 12.0, 16.0, 0.5, 3.0], dtype=torch.float64)


def mean_by_mass(v: Tensor) -> Tensor:
    return (MASSES.unsqueeze(-1) * v).sum(-2, keepdim=True) / MASSES.sum()


def weighted(x: Tensor) -> Tensor:
    """The isometry with the standard metric, of clouds about their centre of mass."""
    return MASSES.sqrt().unsqueeze(-1) * (x - mean_by_mass(x))


def massive_translations() -> Row:
    return Row(
        quotient=GroupQuotient(WeightedClouds(MASSES, 3), TranslationAction(3)),
        dimension=3,
        vertical=lambda v, x: mean_by_mass(v).expand(v.shape),
        log_volume=lambda x: torch.zeros_like(x[..., 0, 0]),
        mean_curvature=torch.zeros_like,
    )


def massive_motions() -> Row:
    """As with unit masses after the isometry x -> sqrt(m) x."""

    def vertical(v: Tensor, x: Tensor) -> Tensor:
        return mean_by_mass(v) + on_span(turns(weighted(x)), weighted(v), 2) / MASSES.sqrt().unsqueeze(-1)

    return Row(
        quotient=GroupQuotient(WeightedClouds(MASSES, 3), RigidMotionAction(3)),
        dimension=6,
        vertical=vertical,
        log_volume=lambda x: log_pair_sums(weighted(x)),
        mean_curvature=lambda x: -(x - mean_by_mass(x)) @ pair_sums(weighted(x)),
        magnitudes=(1e-3, 1.0, 1e3),
    )


def like_particles(n: int) -> Row:
    """Particles on a line modulo permutations: the ranked process moves freely between collisions."""

    def ranked(x: Tensor) -> Tensor:
        return x.squeeze(-1).sort(-1).values

    return Row(
        quotient=GroupQuotient(PointClouds(n, 1), PermutationAction(n)),
        dimension=0,
        vertical=lambda v, x: torch.zeros_like(v),
        log_volume=lambda x: torch.zeros_like(x[..., 0, 0]),
        mean_curvature=torch.zeros_like,
        process=Process(
            ranked,
            lambda x: torch.zeros_like(ranked(x)),
            lambda x: torch.zeros_like(ranked(x)),
            lambda x: torch.eye(n, dtype=torch.float64).expand(*x.shape[:-2], n, n),
        ),
        named={"collision": Named(torch.tensor([[1.0], [1.0], [2.0], [0.0]], dtype=torch.float64), 0, regular=True)},
    )


ROWS = {
    "13: masses": massive_translations(),
    "3: masses": massive_motions(),
    "15: like particles": like_particles(4),
}
EACH = pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))


@EACH
def test_geometry(row: Row) -> None:
    assert_geometry(row)


@EACH
def test_routes(row: Row) -> None:
    assert_routes(row)


def test_like_particles() -> None:
    assert_named(ROWS["15: like particles"])
    assert_process(ROWS["15: like particles"])


def test_momentum_and_not_the_centroid_vanishes_on_horizontal_vectors() -> None:
    x, v = normal(0, 6, 5, 3), normal(1, 6, 5, 3)
    level = ROWS["13: masses"].quotient.horizontal_projection(v, x)
    assert float((MASSES.unsqueeze(-1) * level).sum(-2).abs().max()) < 1e-12
    assert float(level.sum(-2).abs().min()) > 1e-3


def test_score_modulo_permutations_is_an_average_weighted_by_posteriors() -> None:
    """grad log sum_s p(s x) = sum_s w_s s^-1 (grad log p)(s x), w_s = p(s x) / sum p."""
    group, action = SymmetricGroup(3), PermutationAction(3)
    template = normal(0, 3, 2)

    def log_density(x: Tensor) -> Tensor:
        return -((x - template) ** 2).sum((-2, -1)) - 0.3 * x[..., 0, 0] ** 4

    x = normal(1, 5, 3, 2)
    elements = group.elements(x).unsqueeze(1)
    score = torch.func.grad(lambda y: log_density(action.act(elements, y)).logsumexp(0).sum())(x)
    moved = action.act(elements, x)
    single = torch.func.grad(lambda y: log_density(y).sum())(moved)
    back = action.act(group.inverse(elements), single)
    weights = log_density(moved).softmax(0)[..., None, None]
    torch.testing.assert_close((weights * back).sum(0), score, rtol=0, atol=1e-12)
    assert float((back.mean(0) - score).abs().max()) > 0.1
    assert float(((weights * single).sum(0) - score).abs().max()) > 0.1


@pytest.mark.parametrize("n_points", [2, 3, 4, 5])
def test_codimension_of_collinear_clouds(n_points: int) -> None:
    """2 N - 4 horizontal directions are turned by the stabiliser; for two points none, since all are collinear."""
    axis = torch.tensor([[0.0, 0.0, 1.0]], dtype=torch.float64)
    line = torch.linspace(-1, 2, n_points, dtype=torch.float64)[:, None] ** 2 * axis
    quotient = GroupQuotient(PointClouds(n_points, 3), RigidMotionAction(3))
    frame = quotient.total_space.parseval_frame(line).contiguous()
    spin = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64)

    def level(v: Tensor) -> Tensor:
        return quotient.horizontal_projection(v, line.expand(v.shape))

    moved = level(level(frame) @ spin.mT).flatten(1)
    assert int(torch.linalg.matrix_rank(moved, atol=1e-9)) == 2 * n_points - 4
    assert int(quotient.orbit_dimension(line)) == 5
    assert bool(quotient.stratum(line).regular) is (n_points == 2)


@pytest.mark.parametrize("distance", [1e-1, 1e-2, 1e-4])
def test_curvature_is_one_over_the_distance_to_collinear_clouds(distance: float) -> None:
    line = center(torch.linspace(-1, 2, 4, dtype=torch.float64)[:, None] ** 2 * torch.tensor([[0.0, 0.0, 1.0]]))
    quotient = GroupQuotient(PointClouds(4, 3), RigidMotionAction(3))
    away = quotient.horizontal_projection(normal(3, 4, 3), line) * torch.tensor([1.0, 1.0, 0.0])
    x = line + distance * away / away.norm()
    assert float(quotient.mean_curvature(x).norm()) * distance == pytest.approx(1.0, rel=10 * distance**2 + 1e-9)
    assert float(quotient.mean_curvature(line).norm()) < 2.0


class Reflection(GroupAction):
    """Y -> +-Y: with SO(3) all of O(3)."""

    group = CyclicGroup(2)
    linear = True
    point_ndim = 2

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return (1.0 - 2.0 * g.to(x.dtype)).reshape(*g.shape[: g.ndim - len(self.group.shape)], 1, 1) * x


def test_reflections_change_the_quotient_and_no_local_geometry() -> None:
    space, rotations = Matrices(5, 3), RightMultiplication(SpecialOrthogonal(3))
    y, v = normal(0, 6, 5, 3), normal(1, 6, 5, 3)
    one, all_of_it = GroupQuotient(space, rotations), GroupQuotient(space, ProductAction(rotations, Reflection()))
    torch.testing.assert_close(one.vertical_projection(v, y), all_of_it.vertical_projection(v, y), rtol=0, atol=1e-13)
    torch.testing.assert_close(one.mean_curvature(y), all_of_it.mean_curvature(y), rtol=0, atol=1e-13)
    offset = one.log_orbit_volume(y) - all_of_it.log_orbit_volume(y)
    torch.testing.assert_close(offset, offset[0].expand(6), rtol=0, atol=1e-12)
    mirrored = -y
    torch.testing.assert_close(mirrored @ mirrored.mT, y @ y.mT)
    assert float(one.dist(mirrored, y).min()) > 0.5


def test_linear_drift_is_horizontal_for_rotations_but_not_for_translations() -> None:
    x = normal(0, 6, 5, 3) + 3.0
    rotations = GroupQuotient(PointClouds(5, 3), RotationAction(3))
    rigid = GroupQuotient(PointClouds(5, 3), RigidMotionAction(3))
    assert rotations.is_horizontal(-0.5 * x, x, atol=1e-13).all()
    assert not rigid.is_horizontal(-0.5 * x, x, atol=1e-2).any()
    assert rigid.is_horizontal(-0.5 * center(x), x, atol=1e-13).all()


class Shift(GroupAction):
    """x -> x + t along the first axis, with no slice."""

    group = Translations(1)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return x + torch.cat([g, torch.zeros_like(g)], -1)


def test_groups_that_are_not_compact_have_volume_densities_only() -> None:
    """Ratios and gradients are finite; volumes and probability densities on whole orbits are refused."""
    quotient = GroupQuotient(Euclidean(2), Shift())
    x = normal(0, 6, 2)
    assert float(quotient.log_orbit_volume(x).abs().max()) < 1e-12
    with pytest.raises(GroupError, match="infinite"):
        _ = quotient.action.group.log_haar_volume
    with pytest.raises(ActionError, match="no probability density"):
        quotient.center(x)
    rigid = GroupQuotient(PointClouds(4, 3), RigidMotionAction(3))
    one, two = normal(1, 6, 4, 3), normal(2, 6, 4, 3)
    ratio = rigid.log_orbit_volume(one) - rigid.log_orbit_volume(two)
    expected = log_pair_sums(center(one)) - log_pair_sums(center(two))
    torch.testing.assert_close(ratio, expected, rtol=0, atol=1e-11)


def test_aligned_targets_are_not_projected_ones() -> None:
    """Both displacements are horizontal at x, and they differ: the aligned one is the logarithm in the quotient."""
    quotient = ShapeSpace(5, 3)
    x, target = center(normal(0, 6, 5, 3)), center(normal(1, 6, 5, 3))
    aligned = quotient.align(target, x).point - x
    projected = quotient.horizontal_projection(target - x, x)
    assert quotient.is_horizontal(aligned, x, atol=1e-9).all()
    assert float((aligned - projected).flatten(1).norm(dim=-1).min()) > 0.1
    torch.testing.assert_close(aligned.flatten(1).norm(dim=-1), quotient.dist(target, x), rtol=1e-12, atol=0)
