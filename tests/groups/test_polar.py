"""Nearest group elements in closed form, against random elements, small motions, and descent along the orbit."""

import pytest
import torch
from torch import Tensor

from groups import (
    Conjugation,
    GroupAction,
    LeftMultiplication,
    Orthogonal,
    RightMultiplication,
    SpecialOrthogonal,
    SpecialUnitary,
    Unitary,
    VectorAction,
)
from groups.group import AbstractMatrixGroup, element_dtype
from groups.polar import nearest_group_element
from quotient import AlignmentKind, ComplexMatrices, GroupQuotient, Matrices
from quotient.descent import nearest_by_descent

GROUPS = [
    SpecialOrthogonal(2),
    SpecialOrthogonal(3),
    SpecialOrthogonal(4),
    Orthogonal(3),
    Unitary(1),
    Unitary(3),
    SpecialUnitary(2),
]
EACH = pytest.mark.parametrize("group", GROUPS, ids=repr)


def random(group: AbstractMatrixGroup, *shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    wanted = element_dtype(torch.zeros((), dtype=dtype), is_complex=group.is_complex)
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=wanted)


def nearest(group: AbstractMatrixGroup, cross: Tensor) -> Tensor:
    found = nearest_group_element(group, cross)
    assert found is not None
    return found


def gain(g: Tensor, cross: Tensor) -> Tensor:
    return (g.conj() * cross).real.sum((-2, -1))


@EACH
def test_no_other_element_is_nearer(group: AbstractMatrixGroup) -> None:
    n = group.shape[-1]
    cross = random(group, 200, n, n)
    best = nearest(group, cross)
    identity = torch.eye(n, dtype=best.dtype)
    torch.testing.assert_close(best @ best.mH, identity.expand_as(best), rtol=0, atol=1e-13)
    if isinstance(group, SpecialOrthogonal | SpecialUnitary):
        torch.testing.assert_close(torch.det(best), torch.ones_like(best[:, 0, 0]), rtol=0, atol=1e-12)
    generator = torch.Generator().manual_seed(1)
    others = group.random((500, 1), generator, cross)
    assert (gain(others, cross) <= gain(best, cross) + 1e-12).all()
    for size in (1e-1, 1e-3):
        coordinates = size * torch.randn(50, 1, group.dim, generator=generator, dtype=torch.float64)
        turned = group.exp(coordinates) @ best
        assert (gain(turned, cross) < gain(best, cross) + 1e-13).all()


@EACH
def test_elements_find_themselves(group: AbstractMatrixGroup) -> None:
    n = group.shape[-1]
    g = group.random((100,), torch.Generator().manual_seed(2), random(group, 1))
    root = random(group, 100, n, n, seed=3)
    # g times a positive matrix; quaternions see multiples of one only
    size = 2.5 * torch.eye(n, dtype=root.dtype) if isinstance(group, SpecialUnitary) else root @ root.mH
    torch.testing.assert_close(nearest(group, g @ size), g, rtol=0, atol=1e-9)


@EACH
@pytest.mark.parametrize("scale", [0.0, 1e-200, 1e200])
def test_zero_tiny_and_huge_matrices_have_one(group: AbstractMatrixGroup, scale: float) -> None:
    n = group.shape[-1]
    found = nearest(group, scale * random(group, 5, n, n))
    torch.testing.assert_close(found @ found.mH, torch.eye(n, dtype=found.dtype).expand(5, n, n), rtol=0, atol=1e-12)


@EACH
def test_what_is_not_finite_has_none(group: AbstractMatrixGroup) -> None:
    n = group.shape[-1]
    cross = random(group, 3, n, n)
    cross[1, 0, 0] = torch.nan
    found = nearest(group, cross)
    assert found[1].isnan().any()
    assert found[[0, 2]].isfinite().all()


def test_groups_without_a_closed_form_have_none() -> None:
    assert nearest_group_element(SpecialUnitary(3), torch.eye(3, dtype=torch.complex128)) is None


ACTIONS: list[tuple[GroupAction, type[Matrices | ComplexMatrices], tuple[int, ...]]] = [
    (VectorAction(SpecialOrthogonal(2)), Matrices, (2,)),
    (VectorAction(SpecialOrthogonal(3)), Matrices, (3,)),
    (VectorAction(SpecialUnitary(2)), ComplexMatrices, (2,)),
    (VectorAction(Unitary(3)), ComplexMatrices, (3,)),
    (LeftMultiplication(SpecialOrthogonal(3)), Matrices, (3, 4)),
    (LeftMultiplication(SpecialUnitary(2)), ComplexMatrices, (2, 3)),
    (RightMultiplication(Orthogonal(3)), Matrices, (4, 3)),
    (RightMultiplication(Unitary(2)), ComplexMatrices, (3, 2)),
]


@pytest.mark.parametrize(
    ("action", "kind", "shape"), ACTIONS, ids=[f"{type(action).__name__}-{action.group!r}" for action, _, _ in ACTIONS]
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_alignment_is_that_of_descent(
    action: GroupAction, kind: type[Matrices | ComplexMatrices], shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    is_complex = kind is ComplexMatrices
    generator = torch.Generator().manual_seed(4)
    wanted = element_dtype(torch.zeros((), dtype=dtype), is_complex=is_complex)
    x, y = torch.randn(2, 20, *shape, generator=generator, dtype=wanted)
    element = action.nearest_element(x, y)
    assert element is not None
    assert element.dtype == element_dtype(x, is_complex=action.group.is_complex)
    if len(shape) == 1:
        # vectors as matrices of one column, so that one kind of space serves both
        assert isinstance(action.group, AbstractMatrixGroup)
        action, x, y = LeftMultiplication(action.group), x.unsqueeze(-1), y.unsqueeze(-1)
    space = kind(*x.shape[1:])
    aligned = GroupQuotient(space, action).align(x, y)
    assert aligned.kind is AlignmentKind.GLOBAL
    wide_x, wide_y = (v.to(torch.complex128 if is_complex else torch.float64) for v in (x, y))
    descended = action.act(nearest_by_descent(space, action, wide_x, wide_y), wide_x)
    here, there = (space.norm(v - y, y) for v in (aligned.point, descended))
    slack = 1e-5 if dtype == torch.float32 else 1e-9
    assert (here <= there + slack).all()
    assert (there <= here + 1e-3).float().mean() > 0.7


SPECTRAL = [Unitary(3), SpecialUnitary(3), Orthogonal(3), SpecialOrthogonal(2), SpecialOrthogonal(3)]


def hermitian(group: AbstractMatrixGroup, count: int, seed: int) -> Tensor:
    n = group.shape[-1]
    matrix = random(group, count, n, n, seed=seed)
    return matrix + matrix.mH


@pytest.mark.parametrize("group", SPECTRAL, ids=repr)
def test_nearest_conjugates_have_their_eigenvalues_in_order(group: AbstractMatrixGroup) -> None:
    action = Conjugation(group)
    x, y = hermitian(group, 50, 5), hermitian(group, 50, 6)
    g = action.nearest_element(x, y)
    assert g is not None
    identity = torch.eye(group.shape[-1], dtype=g.dtype)
    torch.testing.assert_close(g @ g.mH, identity.expand_as(g), rtol=0, atol=1e-12)
    if isinstance(group, SpecialOrthogonal | SpecialUnitary):
        torch.testing.assert_close(torch.det(g), torch.ones_like(g[:, 0, 0]), rtol=0, atol=1e-12)
    gap = (action.act(g, x) - y).abs().square().sum((-2, -1))
    spectra = torch.linalg.eigvalsh(x) - torch.linalg.eigvalsh(y)
    torch.testing.assert_close(gap, spectra.square().sum(-1), rtol=1e-10, atol=1e-10)
    others = group.random((300, 1), torch.Generator().manual_seed(7), x)
    assert ((action.act(others, x) - y).abs().square().sum((-2, -1)) >= gap - 1e-10).all()


def test_conjugations_without_a_closed_form_have_none() -> None:
    x = random(Unitary(3), 2, 3, 3)
    assert Conjugation(Unitary(3)).nearest_element(x, x + x.mH) is None
    assert Conjugation(SpecialOrthogonal(3)).nearest_element(x + x.mH, x + x.mH) is None


def test_conjugates_that_are_not_finite_have_none() -> None:
    x = hermitian(Unitary(2), 2, 8)
    broken = x.clone()
    broken[0, 0, 0] = torch.nan
    g = Conjugation(Unitary(2)).nearest_element(broken, x)
    assert g is not None
    assert g[0].isnan().any()
    assert g[1].isfinite().all()
