"""The permutation that brings one cloud nearest to another, against all of them."""

import pytest
import torch

from groups import PermutationAction, SymmetricGroup
from quotient import GroupQuotient, Matrices
from quotient.orbit_space import AlignmentKind


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.complex128])
@pytest.mark.parametrize("batch", [(), (0,), (6,), (2, 3)])
def test_no_other_permutation_is_nearer(batch: tuple[int, ...], dtype: torch.dtype) -> None:
    action = PermutationAction(5)
    stream = torch.Generator().manual_seed(len(batch))
    x, y = torch.randn(2, *batch, 5, 3, generator=stream, dtype=dtype)
    nearest = action.nearest_element(x, y)
    assert nearest.shape == (*batch, 5)
    every = SymmetricGroup(5).elements(x).reshape(-1, *(1,) * len(batch), 5)
    gaps = (action.act(every, x) - y).abs().square().sum((-2, -1))
    found = (action.act(nearest, x) - y).abs().square().sum((-2, -1))
    torch.testing.assert_close(found, gaps.amin(0))


def test_alignment_undoes_a_permutation_and_is_global() -> None:
    action = PermutationAction(7)
    quotient = GroupQuotient(Matrices(7, 2), action)
    stream = torch.Generator().manual_seed(0)
    x = torch.randn(40, 7, 2, generator=stream, dtype=torch.float64)
    moved = action.act(action.group.random((40,), stream, x), x)
    aligned = quotient.align(moved, x)
    assert aligned.kind is AlignmentKind.GLOBAL
    assert torch.equal(aligned.point, x)
    assert not torch.equal(moved, x)
    far = x + 0.3
    assert bool((quotient.dist(moved, far) <= (moved - far).norm(dim=(-2, -1)) + 1e-12).all())


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_clouds_that_are_not_finite_keep_their_order(value: float) -> None:
    action = PermutationAction(3)
    x = torch.tensor([[[0.0], [1.0], [2.0]], [[0.0], [value], [2.0]]])
    y = torch.tensor([[2.0], [1.0], [0.0]])
    assert action.nearest_element(x, y).tolist() == [[2, 1, 0], [0, 1, 2]]
