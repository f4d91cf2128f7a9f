"""Groups: axioms, bases, Haar measure."""

import math
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor

from groups import DirectProduct, Group, GroupError, SpecialEuclidean, SpecialOrthogonal, Translations, Unitary

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


@pytest.mark.parametrize("group", [SpecialOrthogonal(3), SpecialOrthogonal(4), Unitary(2), Unitary(3)], ids=repr)
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


@pytest.mark.parametrize("n", [2, 3, 4])
def test_haar_moments_of_rotations(n: int) -> None:
    g = draw(SpecialOrthogonal(n), 5, 20_000)
    torch.testing.assert_close(g @ g.mT, torch.eye(n, dtype=torch.float64).expand_as(g), rtol=0, atol=1e-12)
    assert (torch.det(g) > 0).all()
    fixed = draw(SpecialOrthogonal(n), 6)
    for entry in (g[:, 0, 0], (fixed @ g)[:, 0, n - 1], (g @ fixed)[:, n - 1, 0]):
        law = stats.beta(0.5, (n - 1) / 2)
        assert float(stats.kstest((entry**2).numpy(), law.cdf).pvalue) > 1e-4
        assert abs(float(entry.mean())) < 4 / math.sqrt(n * 20_000)
    if n == 3:
        # the angle of a Haar rotation has the density (1 - cos) / pi
        angle = torch.acos(((torch.einsum("bii->b", g) - 1) / 2).clamp(-1, 1))
        assert (
            float(stats.kstest(angle.numpy(), lambda a: (a - torch.sin(torch.tensor(a)).numpy()) / math.pi).pvalue)
            > 1e-4
        )


@pytest.mark.parametrize("n", [1, 3])
def test_haar_moments_of_unitary_matrices(n: int) -> None:
    g = draw(Unitary(n), 7, 20_000)
    assert g.is_complex()
    torch.testing.assert_close(g @ g.mH, torch.eye(n, dtype=g.dtype).expand_as(g), rtol=0, atol=1e-12)
    phase = torch.angle(g[:, 0, n - 1]) / (2 * math.pi) + 0.5
    assert float(stats.kstest(phase.numpy(), "uniform").pvalue) > 1e-4
    if n > 1:
        weight = (g[:, 0, 0].abs() ** 2).numpy()
        assert float(stats.kstest(weight, stats.beta(1, n - 1).cdf).pvalue) > 1e-4


def test_haar_volumes() -> None:
    """Known volumes: 2 pi, 8 pi^2, and U(1), U(2) = U(1) x SU(2) up to the metric."""
    assert SpecialOrthogonal(1).log_haar_volume == 0.0
    assert SpecialOrthogonal(2).log_haar_volume == pytest.approx(math.log(2 * math.pi))
    assert SpecialOrthogonal(3).log_haar_volume == pytest.approx(math.log(8 * math.pi**2))
    assert Unitary(1).log_haar_volume == pytest.approx(math.log(2 * math.pi))
    # SU(2) is a 3-sphere of radius sqrt 2 here and U(2) = (U(1) x SU(2)) / Z_2 with a circle of length 2 pi sqrt 2
    circle, sphere = 2 * math.pi * math.sqrt(2), 2 * math.pi**2 * math.sqrt(8)
    assert Unitary(2).log_haar_volume == pytest.approx(math.log(circle * sphere / 2))


@pytest.mark.parametrize("group", GROUPS, ids=repr)
def test_elements_follow_the_precision_of_points(group: Group) -> None:
    single = torch.zeros(2, dtype=torch.float32)
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


def test_product_splits_and_joins() -> None:
    group = DirectProduct(Unitary(2), SpecialOrthogonal(2))
    g = draw(group, 0, 3)
    unitary, rotation = group.split(g)
    assert unitary.is_complex()
    assert not rotation.is_complex()
    torch.testing.assert_close(group.join([unitary, rotation]), g)
    assert group.compact
    assert not DirectProduct(Translations(1), Unitary(1)).compact
