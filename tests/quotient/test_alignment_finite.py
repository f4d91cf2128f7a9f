"""Nearest points of finite orbits, against all elements in turn."""

import itertools

import pytest
import torch
from torch import Tensor

from groups import CyclicGroup, DirectProduct, GroupAction, PermutationAction, SymmetricGroup
from quotient import AlignmentKind, GroupQuotient, Hypersphere, Matrices, PeriodicClouds
from quotient._listing import LARGEST_LISTED, nearest_by_listing


class Turns(GroupAction):
    """Powers of a rotation of order five of the first two coordinates, on the sphere."""

    linear = True

    def __init__(self) -> None:
        self.group = CyclicGroup(5)
        angle = 2 * torch.pi * torch.arange(5, dtype=torch.float64) / 5
        self._cosine, self._sine = angle.cos(), angle.sin()

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        c, s = self._cosine.to(x)[g], self._sine.to(x)[g]
        turned = (c * x[..., 0] - s * x[..., 1], s * x[..., 0] + c * x[..., 1], x[..., 2])
        return torch.stack(torch.broadcast_tensors(*turned), -1)


def clouds(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_particles_are_assigned_optimally(n: int, dtype: torch.dtype) -> None:
    x, y = clouds(30, n, 3, dtype=dtype), clouds(30, n, 3, seed=1, dtype=dtype)
    quotient = GroupQuotient(Matrices(n, 3), PermutationAction(n))
    aligned = quotient.align(x, y)
    assert aligned.kind is AlignmentKind.GLOBAL
    orders = torch.tensor(list(itertools.permutations(range(n))))
    all_gaps = (x[:, orders] - y[:, None]).square().sum((-2, -1))
    torch.testing.assert_close((aligned.point - y).square().sum((-2, -1)), all_gaps.amin(1), rtol=1e-6, atol=0)
    # the same particles in another order
    torch.testing.assert_close(aligned.point.sort(-2).values, x.sort(-2).values)


def test_shuffled_clouds_are_put_back() -> None:
    x = clouds(40, 3)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(2))
    quotient = GroupQuotient(Matrices(40, 3), PermutationAction(40))
    torch.testing.assert_close(quotient.align(x[order] + 1e-6, x).point, x + 1e-6)
    assert float(quotient.dist(x[order], x)) < 1e-12


def test_clouds_that_are_not_finite_stay() -> None:
    x, y = clouds(2, 3, 2), clouds(2, 3, 2, seed=1)
    x[1, 0, 0] = torch.nan
    element = PermutationAction(3).nearest_element(x, y)
    assert element[1].tolist() == [0, 1, 2]


def test_listed_elements_are_the_nearest_on_a_sphere() -> None:
    action, space = Turns(), Hypersphere(2)
    x, y = (torch.nn.functional.normalize(clouds(200, 3, seed=seed), dim=-1) for seed in (3, 4))
    aligned = GroupQuotient(space, action).align(x, y)
    assert aligned.kind is AlignmentKind.GLOBAL
    everywhere = torch.stack([action.act(torch.tensor(k), x) for k in range(5)])
    torch.testing.assert_close((aligned.point * y).sum(-1), (everywhere * y).sum(-1).amax(0), rtol=0, atol=1e-12)


def test_listed_permutations_of_periodic_clouds_take_nearest_images() -> None:
    space, action = PeriodicClouds(3, torch.eye(2)), PermutationAction(3)
    y = torch.rand(3, 2, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    x = y[[2, 0, 1]].clone()
    x[0, 0] += 1.0 - 1e-3
    gap = space.log(y, GroupQuotient(space, action).align(x, y).point)
    assert gap.abs().max() < 2e-3


def test_groups_that_are_infinite_or_too_large_are_not_listed() -> None:
    x = clouds(8, 3)
    assert SymmetricGroup(8).order > LARGEST_LISTED
    assert nearest_by_listing(Matrices(8, 3), PermutationAction(8), x, x) is None
    assert DirectProduct(CyclicGroup(2), CyclicGroup(3)).dim == 0
