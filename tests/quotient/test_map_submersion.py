"""Submersions given by a map, beside the group quotients they equal."""

import pytest
import torch
from torch import Tensor

from groups import GroupAction, RigidMotionAction, SpecialOrthogonal
from quotient import ClaimError, Euclidean, GroupQuotient, MapSubmersion, Matrices, PointClouds


class VectorRotation(GroupAction):
    def __init__(self, n: int) -> None:
        self.group = SpecialOrthogonal(n)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.einsum("...ij,...j->...i", g, x)


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("n", [2, 4])
def test_radius_equals_rotations(n: int) -> None:
    by_map = MapSubmersion(Euclidean(n), Euclidean(1), lambda x: x.norm(dim=-1, keepdim=True))
    by_group = GroupQuotient(Euclidean(n), VectorRotation(n))
    x, v = normal(0, 5, n), normal(1, 5, n)
    torch.testing.assert_close(by_map.vertical_projection(v, x), by_group.vertical_projection(v, x))
    torch.testing.assert_close(by_map.mean_curvature(x), by_group.mean_curvature(x))
    assert float(by_map.riemannian_defect(x).max()) < 1e-12
    by_map.check_riemannian(x)


def test_squared_radius_is_not_riemannian_but_has_the_same_fibres() -> None:
    by_map = MapSubmersion(Euclidean(3), Euclidean(1), lambda x: (x * x).sum(-1, keepdim=True))
    x, v = normal(2, 5, 3), normal(3, 5, 3)
    by_group = GroupQuotient(Euclidean(3), VectorRotation(3))
    torch.testing.assert_close(by_map.horizontal_projection(v, x), by_group.horizontal_projection(v, x))
    with pytest.raises(ClaimError, match="not a Riemannian submersion"):
        by_map.check_riemannian(x)


def test_redundant_invariants_span_the_same_horizontal_space() -> None:
    """The full Gram matrix of a centred cloud has more entries than the quotient has dimensions."""

    def gram(x: Tensor) -> Tensor:
        centered = x - x.mean(-2, keepdim=True)
        return centered @ centered.mT

    by_map = MapSubmersion(PointClouds(5, 3), Matrices(5, 5), gram)
    by_group = GroupQuotient(PointClouds(5, 3), RigidMotionAction(3))
    x, v = normal(4, 2, 5, 3), normal(5, 2, 5, 3)
    torch.testing.assert_close(
        by_map.horizontal_projection(v, x), by_group.horizontal_projection(v, x), rtol=0, atol=1e-10
    )
    torch.testing.assert_close(by_map.mean_curvature(x), by_group.mean_curvature(x), rtol=0, atol=1e-8)
    assert (by_map.horizontal_frame(x).rank == 9).all()
