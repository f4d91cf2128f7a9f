"""Groups: axioms, bases, Haar measure."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from groups import (
    CyclicGroup,
    DirectProduct,
    Group,
    GroupError,
    MatrixGroup,
    SpecialEuclidean,
    SpecialOrthogonal,
    SpecialUnitary,
    SymmetricGroup,
    Torus,
    Translations,
    Unitary,
    UnitQuaternions,
)

GROUPS: list[Group] = [
    SpecialOrthogonal(1),
    SpecialOrthogonal(2),
    SpecialOrthogonal(3),
    SpecialOrthogonal(4),
    SpecialEuclidean(1),
    SpecialEuclidean(2),
    SpecialEuclidean(3),
    Translations(3),
    Unitary(1),
    Unitary(3),
    SpecialUnitary(1),
    SpecialUnitary(2),
    SpecialUnitary(3),
    UnitQuaternions(),
    Torus(2),
    MatrixGroup(list(SpecialOrthogonal(3).basis[:2])),
    MatrixGroup([torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.0, 0.0]])]),
    SymmetricGroup(4),
    CyclicGroup(5),
    DirectProduct(SpecialOrthogonal(3), Translations(2)),
    DirectProduct(Unitary(2), SpecialOrthogonal(2)),
]
LIKE = torch.zeros((), dtype=torch.float64)


def draw(group: Group, seed: int, *batch: int, like: Tensor = LIKE) -> Tensor:
    return group.random(batch, torch.Generator().manual_seed(seed), like)


@pytest.mark.parametrize("group", GROUPS, ids=repr)
def test_group_axioms(group: Group) -> None:
    a, b, c = (draw(group, seed, 5) for seed in range(3))
    identity = group.identity(LIKE)
    assert a.shape == (5, *group.shape)
    tol = {"rtol": 0, "atol": 1e-12}
    torch.testing.assert_close(group.compose(group.compose(a, b), c), group.compose(a, group.compose(b, c)), **tol)
    torch.testing.assert_close(group.compose(a, group.inverse(a)), identity.expand_as(a), **tol)
    torch.testing.assert_close(group.compose(identity, a), a, **tol)


@pytest.mark.parametrize("group", GROUPS, ids=repr)
def test_exponential_starts_along_the_basis_and_is_a_one_parameter_group(group: Group) -> None:
    assert group.basis.shape == (group.dim, *group.shape)
    if not group.dim:
        return
    coordinates = torch.randn(4, group.dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole, third = group.exp(coordinates), group.exp(coordinates / 3)
    torch.testing.assert_close(whole, group.compose(third, group.compose(third, third)), rtol=0, atol=1e-11)
    zero = torch.zeros(group.dim, dtype=torch.float64)
    slopes = torch.stack(
        [torch.func.jvp(group.exp, (zero,), (row,))[1] for row in torch.eye(group.dim, dtype=torch.float64)]
    )
    torch.testing.assert_close(slopes, group.basis, rtol=0, atol=1e-14)
    torch.testing.assert_close(group.coordinates(group.basis), torch.eye(group.dim, dtype=torch.float64))


@pytest.mark.parametrize("group", GROUPS, ids=repr)
def test_lie_algebra_laws_and_the_claim_of_unimodularity(group: Group) -> None:
    c = group.structure_constants
    assert (c + c.transpose(0, 1)).abs().max() < 1e-12 if group.dim else c.numel() == 0
    if not group.dim:
        return
    jacobi = torch.einsum("abk,kcl->abcl", c, c)
    cyclic = jacobi + jacobi.permute(1, 2, 0, 3) + jacobi.permute(2, 0, 1, 3)
    assert cyclic.abs().max() < 1e-12
    traces = torch.einsum("abb->a", c)
    assert (float(traces.abs().max()) < 1e-12) == group.unimodular


@pytest.mark.parametrize(
    "group", [SpecialOrthogonal(3), SpecialOrthogonal(4), Unitary(2), Unitary(3), SpecialUnitary(3)], ids=repr
)
def test_compact_groups_have_an_ad_invariant_basis(group: Group) -> None:
    g = draw(group, 3)
    moved = group.coordinates(g @ group.basis @ group.inverse(g))
    torch.testing.assert_close(moved @ moved.T, torch.eye(group.dim, dtype=torch.float64), rtol=0, atol=1e-12)


def test_stabiliser_form_is_ad_invariant_on_rigid_motions() -> None:
    group = SpecialEuclidean(3)
    g = draw(group, 4)
    moved = group.coordinates(g @ group.basis @ group.inverse(g))
    form = group.stabilizer_form
    torch.testing.assert_close(moved @ form @ moved.T, form, rtol=0, atol=1e-12)
    assert (torch.linalg.eigvalsh(form[:3, :3]) > 0).all()


@pytest.mark.parametrize("group", GROUPS, ids=repr)
def test_elements_follow_the_precision_of_points(group: Group) -> None:
    single = torch.zeros(2, dtype=torch.float32)
    if not group.finite:
        assert draw(group, 0, 2, like=single).dtype == (torch.complex64 if group.is_complex else torch.float32)
        assert group.identity(single).dtype == draw(group, 0, 2, like=single).dtype
        assert group.basis_like(single).dtype == group.identity(single).dtype
    assert torch.equal(draw(group, 9, 3), draw(group, 9, 3))


@pytest.fixture
def double_by_default() -> Iterator[None]:
    """geomstats builds its constants in torch's default dtype."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.usefixtures("double_by_default")
def test_geomstats_has_the_same_groups() -> None:
    for ours in (SpecialOrthogonal(3), SpecialEuclidean(3), SpecialEuclidean(2)):
        g, h = draw(ours, 1, 4), draw(ours, 2, 4)
        theirs: Any = ours.geomstats
        assert theirs.belongs(g, atol=1e-8).all()
        torch.testing.assert_close(theirs.compose(g, h), ours.compose(g, h))
        torch.testing.assert_close(theirs.inverse(g), ours.inverse(g))


def test_errors_name_the_group() -> None:
    with pytest.raises(GroupError, match="n >= 1, got 0"):
        SpecialOrthogonal(0)
    with pytest.raises(GroupError, match="n >= 1, got 0"):
        Translations(0)
    with pytest.raises(GroupError, match="n >= 1, got -1"):
        Unitary(-1)
    with pytest.raises(GroupError, match=r"coordinates \[\.\.\., 3\], got \(2,\)"):
        SpecialOrthogonal(3).exp(torch.zeros(2))


def test_exponential_takes_views() -> None:
    c = torch.randn(28, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    view = c.mT.movedim(-2, 0)[..., 2:]
    group = SpecialOrthogonal(2)
    assert torch.equal(group.exp(view), group.exp(view.contiguous()))


def test_product_splits_and_joins() -> None:
    group = DirectProduct(Unitary(2), SpecialOrthogonal(2))
    g = draw(group, 0, 3)
    unitary, rotation = group.split(g)
    assert unitary.is_complex()
    assert not rotation.is_complex()
    torch.testing.assert_close(group.join([unitary, rotation]), g)
    assert group.compact
    assert not DirectProduct(Translations(1), Unitary(1)).compact


def test_a_matrix_group_is_closed_under_brackets_and_knows_its_claims() -> None:
    rotations = MatrixGroup(list(SpecialOrthogonal(3).basis[:2]))
    assert (rotations.dim, rotations.compact, rotations.unimodular) == (3, True, True)
    affine = MatrixGroup([torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.0, 0.0]])])
    assert (affine.dim, affine.compact, affine.unimodular) == (2, False, False)
    trace = torch.einsum("bii->b", draw(rotations, 3, 4000))
    angle = torch.acos(((trace - 1) / 2).clamp(-1, 1)).numpy()
    assert float(stats.kstest(angle, lambda a: (a - np.sin(a)) / math.pi).pvalue) > 1e-4
    with pytest.raises(GroupError, match="one size"):
        MatrixGroup([torch.zeros(2, 2), torch.zeros(3, 3)])
    with pytest.raises(GroupError, match="vanish"):
        MatrixGroup([torch.zeros(2, 2)])


def test_finite_groups_list_their_elements() -> None:
    for group in (SymmetricGroup(4), CyclicGroup(5)):
        elements = group.elements(LIKE)
        assert len(elements) == group.order == len(torch.unique(elements, dim=0))
        table = group.compose(elements[:, None], elements[None, :])
        for row in table:
            assert len(torch.unique(row, dim=0)) == group.order
        assert group.finite
        assert group.log_haar_volume == pytest.approx(math.log(group.order))
    g = draw(SymmetricGroup(3), 0, 6000)
    _, counts = torch.unique(g, dim=0, return_counts=True)
    assert float(stats.chisquare(counts.numpy()).pvalue) > 1e-4
    with pytest.raises(GroupError, match="draw random"):
        SymmetricGroup(11).elements(LIKE)
    with pytest.raises(GroupError, match="n >= 1"):
        CyclicGroup(0)
