"""Actions of semidirect products: every law, and the quotients that are known otherwise."""

import math

import pytest
import torch
from torch import Tensor

from groups import (
    CyclicGroup,
    GroupAction,
    PermutationAction,
    SemidirectProduct,
    SpecialOrthogonal,
    SymmetricGroup,
    Torus,
    Translations,
    VectorAction,
)
from groups.check import check_action
from groups.claims import Verdict
from quotient import ComplexEuclidean, GroupQuotient, PointClouds, ShapeSpace, verify


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sixths(h: Tensor, n: Tensor) -> Tensor:
    """Turn vectors of the plane by multiples of 60 degrees."""
    angle = math.pi / 3 * h.to(n.dtype)
    cosine, sine = torch.cos(angle), torch.sin(angle)
    return torch.stack([cosine * n[..., 0] - sine * n[..., 1], sine * n[..., 0] + cosine * n[..., 1]], -1)


def permute(h: Tensor, n: Tensor) -> Tensor:
    return PermutationAction(3).act(h, n.unsqueeze(-1)).squeeze(-1)


class RigidMotions(GroupAction):
    """SE(n) as R^n x| SO(n) on clouds."""

    point_ndim = 2
    free = True
    locally_free = True
    effective = True
    principal_stabilizer_order = 1

    def __init__(self, n: int) -> None:
        turns = SpecialOrthogonal(n)
        self.motions = SemidirectProduct(Translations(n), turns, VectorAction(turns).act)
        self.group = self.motions

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        translation, rotation = self.motions.split(g)
        return x @ rotation.mT + translation.unsqueeze(-2)

    def center(self, x: Tensor) -> Tensor:
        return x - x.mean(-2, keepdim=True)


class WallpaperMotions(GroupAction):
    """R^2 x| Z_6 on clouds in the plane."""

    point_ndim = 2

    def __init__(self) -> None:
        self.motions = SemidirectProduct(Translations(2), CyclicGroup(6), sixths)
        self.group = self.motions

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        translation, turn = self.motions.split(g)
        return sixths(turn.unsqueeze(-1), x) + translation.unsqueeze(-2)


class LatticePermutations(GroupAction):
    """T^3 x| S_3 on C^3: the normaliser of the diagonal torus, without signs."""

    linear = True

    def __init__(self) -> None:
        self.motions = SemidirectProduct(Torus(3), SymmetricGroup(3), permute)
        self.group = self.motions

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        angles, order = self.motions.split(g)
        return torch.polar(torch.ones_like(angles), angles) * permute(order, x)


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("n", [2, 3])
def test_every_law_of_rigid_motions_holds(n: int, seed: int) -> None:
    report = check_action(RigidMotions(n), PointClouds(n + 2, n), seed=seed)
    assert report.ok, str(report)
    silent = {r.law for r in report.results if r.verdict is Verdict.NOT_APPLICABLE}
    assert silent == {"claim: compact", "claim: linear"}


@pytest.mark.parametrize("seed", range(2))
def test_every_law_holds_where_the_acting_group_is_finite(seed: int) -> None:
    for action, space in ((WallpaperMotions(), PointClouds(3, 2)), (LatticePermutations(), ComplexEuclidean(3))):
        report = check_action(action, space, seed=seed)
        assert report.ok, str(report)


def test_quotient_by_rigid_motions_is_size_and_shape_space() -> None:
    quotient, closed = GroupQuotient(PointClouds(4, 3), RigidMotions(3)), ShapeSpace(4, 3)
    x, v = normal(7, 6, 4, 3), normal(8, 6, 4, 3)
    for method in ("mean_curvature", "log_orbit_volume"):
        torch.testing.assert_close(getattr(quotient, method)(x), getattr(closed, method)(x), rtol=0, atol=1e-10)
    torch.testing.assert_close(quotient.horizontal_projection(v, x), closed.horizontal_projection(v, x))
    report = verify(quotient)
    assert report.ok, str(report)
