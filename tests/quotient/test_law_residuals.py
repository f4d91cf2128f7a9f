"""Residuals of the laws on quotients that break them, against their equations evaluated by hand; any batch shape."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from groups import Conjugation, PermutationAction, RigidMotionAction, RotationAction, SpecialOrthogonal, VectorAction
from quotient import (
    CenteredClouds,
    ClaimError,
    Euclidean,
    GroupQuotient,
    MapSubmersion,
    PeriodicClouds,
    PointClouds,
    PointShapeError,
    RotationMatrices,
    ShapeSpace,
    SymmetricMatrices,
    laws,
)
from quotient._affine_fields import read_fields
from quotient._bundle_base import check_fibers


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def row(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


PLANE = GroupQuotient(Euclidean(2), VectorAction(SpecialOrthogonal(2)))


def test_trace_identity_names_the_worst_component() -> None:
    """For f = (x_1^2, 5 |x|^2) and circles: tr_V Hess f + <H, grad f> at (a, b).

    The field W = e_theta sin or cos gives W W f - (nabla_W W) f = Hess f(V, V) summed, 2 b^2 / r^2 for x_1^2, and
    <H, grad f> = -2 a^2 / r^2. The second component is invariant and its scale is another.
    """
    a, b = 0.6, 1.7
    r2 = a * a + b * b

    def first(x: Tensor) -> Tensor:
        return x[..., :1] ** 2

    def both(x: Tensor) -> Tensor:
        return torch.cat([first(x), 50 * (x**2).sum(-1, keepdim=True)], -1)

    gap = 2 * (b * b - a * a) / r2
    alone = float(laws.trace_identity(PLANE, first, row(a, b)))
    # the scale is the sum of the terms, 2 b^2 / r^2 + 2 a^2 / r^2 = 2 at least
    assert 0 < alone <= gap / 2
    invariant = float(laws.trace_identity(PLANE, lambda x: (x**2).sum(-1, keepdim=True), row(a, b)))
    assert invariant < 1e-12
    together = float(laws.trace_identity(PLANE, both, row(a, b)))
    # the gap of the one, relative to the larger scale of the other
    assert together < alone / 10


def test_residuals_of_one_point_and_of_two_batch_axes_agree() -> None:
    quotient = GroupQuotient(CenteredClouds(4, 3), RotationAction(3))
    points = quotient.total_space.to_tangent(normal(0, 2, 5, 4, 3), torch.zeros(4, 3, dtype=torch.float64))
    vertical = laws.vertical_space(quotient, points)
    terms = laws.second_fundamental_terms(quotient, vertical, points)
    follow = laws.generators_follow_action(quotient, RotationAction(3), vertical, points)
    scale = laws.curvature_scale(quotient, vertical, points)
    assert terms.shape == (2, 5, 4, 4, 3)
    assert follow.shape == scale.shape == (2, 5)
    one = points[1, 3].contiguous()
    alone = laws.vertical_space(quotient, one)
    torch.testing.assert_close(laws.second_fundamental_terms(quotient, alone, one), terms[1, 3])
    # a part of the scale is a random derivative
    assert 0.2 < float(laws.curvature_scale(quotient, alone, one) / scale[1, 3]) < 5
    gap = laws.generators_follow_action(quotient, RotationAction(3), alone, one)
    assert float(gap) < 1e-14
    assert float(
        laws.curvature_gap(quotient, laws.mean_curvature_from_terms(quotient, alone, one), scale[1, 3], one)
    ) < (1e-12)


def test_finite_groups_have_nothing_vertical_for_any_batch() -> None:
    quotient = GroupQuotient(PointClouds(3, 2), PermutationAction(3))
    for x in (normal(1, 3, 2), normal(1, 4, 3, 2), normal(1, 2, 4, 3, 2)):
        vertical = laws.vertical_space(quotient, x)
        assert laws.generators_follow_action(quotient, quotient.action, vertical, x).tolist() == (
            torch.zeros(x.shape[:-2]).tolist()
        )
        assert float(laws.curvature_scale(quotient, vertical, x).abs().max()) == 0.0


@pytest.mark.parametrize("length", [1.0, 1e-3])
def test_drift_that_varies_along_fibres_is_measured_per_unit_of_length(length: float) -> None:
    """pi(x, y) = x - y^2 / 2: d pi(H) = |d pi| kappa, and a fibre is a parabola.

    On the parabola x = y^2 / 2 + c the curvature is s^-3 with s = sqrt(1 + y^2) = |d pi|, H points to growing x, so
    that d pi(H) = s^-3 s = s^-2, whose derivative along the unit tangent (y, 1) / s is -2 y s^-5.
    """
    submersion = MapSubmersion(Euclidean(2), Euclidean(1), lambda x: x[..., :1] - x[..., 1:] ** 2 / 2)
    x, y = 0.3, 0.8
    s = (1 + y * y) ** 0.5
    point = row(x, y)
    size = (x * x + y * y) ** 0.5
    curvature = s**-3
    step = 1e-3 / max(curvature, 1 / size)
    slope = 2 * y * s**-5 * step
    expected = 1e3 * slope / (s**-2 + s / size)
    # a step along the tangent leaves the parabola, by terms of second order in the step
    met = float(laws.projected_drift_varies(submersion, point, length * row(0.4, -0.9)))
    assert met == pytest.approx(expected, rel=1e-5)


def test_rigid_motions_are_read_with_their_translations() -> None:
    """Far from the origin the rows of generators are centred along the translations before they are multiplied."""
    space, action = PointClouds(6, 3), RigidMotionAction(3)
    known = read_fields(space, action.generators, space.random_point((), torch.Generator().manual_seed(0)))
    assert known.maps is not None
    assert known.maps.translated is not None
    torch.testing.assert_close(known.maps.translated, torch.eye(3, dtype=torch.float64), rtol=0, atol=1e-12)
    rows = normal(2, 6, 3) + 1e6
    centred = known.maps.centered(rows)
    torch.testing.assert_close(centred, rows - rows.mean(-2, keepdim=True), rtol=0, atol=1e-9)


def test_projection_under_vmap_has_the_values_of_a_loop() -> None:
    """Also where some of the clouds of a batch are singular, which takes the slower of two routes."""
    space, x, v = ShapeSpace(4, 3), normal(3, 3, 5, 4, 3), normal(4, 3, 5, 4, 3)
    x[:, 2] = x[:, 2, :1] * torch.linspace(-1, 2, 4, dtype=torch.float64).unsqueeze(-1)
    x = space.center(x)
    found = torch.func.vmap(space.horizontal_projection)(v, x)
    torch.testing.assert_close(
        found, torch.stack([space.horizontal_projection(a, b) for a, b in zip(v, x, strict=True)])
    )


def test_maps_are_judged_relative_to_their_values() -> None:
    """A map is constant on orbits up to rounding of its values, however large they are; small lies are refused."""
    points = normal(5, 8, 2)
    check_fibers(PLANE, lambda x: 1e12 * (x**2).sum(-1, keepdim=True), None, points)
    check_fibers(PLANE, lambda x: (x**2).sum(-1, keepdim=True), None, points)
    with pytest.raises(ClaimError, match="not constant on orbits"):
        check_fibers(PLANE, lambda x: (x**2).sum(-1, keepdim=True) + 1e-3 * x[..., :1], None, points)


@pytest.mark.parametrize("n", [2, 3, 4])
def test_distances_of_rotations_follow_those_of_arrays_up_to_three_dimensions(n: int) -> None:
    """In the plane and in space the distance is a function of the angle, as is that of matrices; from four on not."""
    space = RotationMatrices(n)
    x, y = (space.random_point((400,), torch.Generator().manual_seed(seed)) for seed in (6, 7))
    chords = (x - y).norm(dim=(-2, -1))
    gap = space.log(y, x)
    lengths = space.norm(gap, x)[chords.argsort()]
    rises = lengths.diff()
    assert bool((rises >= -1e-7).all()) == (n < 4)
    assert space.chordal == (n < 4)


def test_lattices_are_square_matrices() -> None:
    for lattice in (torch.ones(3), torch.ones(1, 3, 3), torch.ones(2, 3), torch.ones(3, 3)):
        with pytest.raises(PointShapeError, match="invertible square matrix"):
            PeriodicClouds(4, lattice)
    assert PeriodicClouds(4, torch.eye(2)).shape == (4, 2)


@pytest.mark.parametrize("masked", [False, True])
def test_generators_of_clouds_take_any_batch(masked: bool) -> None:  # noqa: FBT001
    x = normal(8, 2, 5, 4, 3)
    mask = torch.tensor([[True] * 4, [True, True, True, False]] + [[True] * 4] * 3) if masked else None
    space = ShapeSpace(4, 3, mask=mask)
    found = space.generators(x)
    assert found.shape == (2, 5, 6, 4, 3)
    for i in range(2):
        for j in range(5):
            kept = 4 if mask is None else int(mask[j].sum())
            alone = ShapeSpace(kept, 3).generators(x[i, j, :kept])
            torch.testing.assert_close(found[i, j, :, :kept], alone)
            assert float(found[i, j, :, kept:].abs().sum()) == 0.0


@pytest.mark.parametrize("size", [1e-7, 1e-3, 1.0, 1e5])
def test_alignment_by_descent_does_not_depend_on_the_unit_of_length(size: float) -> None:
    """Symmetric matrices under conjugation: nearest are those with the same eigenvectors, ordered alike."""
    quotient = GroupQuotient(SymmetricMatrices(3), Conjugation(SpecialOrthogonal(3)))
    x, y = ((m + m.mT) / 2 for m in (normal(9, 6, 3, 3), normal(10, 6, 3, 3)))
    expected = (torch.linalg.eigvalsh(x) - torch.linalg.eigvalsh(y)).norm(dim=-1)
    found = quotient.dist(size * x, size * y)
    torch.testing.assert_close(found / size, expected, rtol=1e-9, atol=1e-9)
