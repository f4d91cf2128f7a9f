"""How orbits of the table lie in their spaces, and the curvature of what is left when they are divided out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from groups import GroupAction, MatrixGroup, PhaseAction
from quotient import (
    ClaimError,
    ComplexHypersphere,
    GroupQuotient,
    HyperbolicHalfSpace,
    fiber_geometry,
    integrability_tensor,
    mean_curvature_from_log_volume,
    mean_curvature_from_projector,
    quotient_sectional_curvature,
    second_fundamental_form,
)
from tests.quotient.test_table_curved import ROWS as CURVED
from tests.quotient.test_table_flat import ROWS as FLAT
from tests.quotient.test_table_frames import ROWS as FRAMES
from tests.quotient.test_table_matrices import ROWS as MATRICES
from tests.quotient.test_table_phases import ROWS as PHASES
from tests.quotient.test_table_rows import TOLERANCE, Row

ROWS = {**FLAT, **PHASES, **MATRICES, **FRAMES, **CURVED}
COUNT = 6

SLOW = pytest.mark.slow
POLAR = [
    *("1: plane", "2: R^5", "3': two points", "11: beta 1", "irrep 2", "13: crystal", "18: class angles"),
    pytest.param("11: beta 2", marks=SLOW),
]
TWISTED = [
    *("4: cone over CP^2", "6: qubit", "10: shapes in space", "12a: three spinors"),
    *(pytest.param(name, marks=SLOW) for name in ("3: clouds in space", "9: rank 3")),
]
GEODESIC = [
    *("5: CP^2", "6: qubit", "13: crystal"),
    *(pytest.param(name, marks=SLOW) for name in ("7a: frames of SO(4)", "7a: planes of SO(4)", "7b: subspaces")),
]
BENT = ["1: plane", "10: shapes in space", "11: beta 1", "16: correlations", "17a: horocycles"]


def level_vectors(row: Row, x: Tensor) -> tuple[Tensor, Tensor]:
    """Two orthonormal horizontal vectors."""
    space, quotient = row.space, row.quotient
    u, v = (quotient.horizontal_projection(row.tangent(x, seed), x) for seed in (1, 2))
    axes = (..., *[None] * len(space.shape))
    u = u / space.norm(u, x)[axes]
    v = v - space.inner_product(u, v, x)[axes] * u
    return u, v / space.norm(v, x)[axes]


def curvature(row: Row, u: Tensor, v: Tensor, x: Tensor) -> Tensor:
    return quotient_sectional_curvature(row.quotient, u, v, x)


def assert_is(found: Tensor, expected: Tensor | float) -> None:
    assert float((found - expected).abs().max()) < TOLERANCE


def one_plus(overlap: Tensor, times: float = 3.0) -> Tensor:
    """1 + 3 <J u, v>^2: curvature of complex projective space for orthonormal u and v."""
    return 1 + times * overlap**2


def test_bloch_sphere_has_radius_one_half() -> None:
    row = ROWS["6: qubit"]
    x = row.draw(COUNT)
    u, v = level_vectors(row, x)
    found = curvature(row, u, v, x)
    assert_is(found, 4.0)
    twist = integrability_tensor(row.quotient, u, v, x)
    assert_is(row.space.norm(twist, x), 1.0)
    with pytest.raises(AssertionError):
        assert_is(1 + row.space.inner_product(twist, twist, x), found)


@pytest.mark.parametrize("n", [2, 3])
def test_complex_projective_spaces(n: int) -> None:
    """Four on complex lines, between one and four elsewhere."""
    space = ComplexHypersphere(n + 1)
    quotient = GroupQuotient(space, PhaseAction())
    x = space.random_point((COUNT,), torch.Generator().manual_seed(0))
    row = ROWS["5: CP^2"]
    row = Row(quotient, 1, row.vertical, row.log_volume, row.mean_curvature)
    u, v = level_vectors(row, x)
    assert_is(curvature(row, u, 1j * u, x), 4.0)
    found = curvature(row, u, v, x)
    overlap = ((1j * u).conj() * v).real.sum(-1)
    assert_is(found, one_plus(overlap))
    assert ((found > 1) & (found < 4)).all()
    with pytest.raises(AssertionError):
        assert_is(found, one_plus(overlap, times=1.0))


def test_shapes_in_the_plane_are_complex_projective() -> None:
    """Rotating every particle by a right angle is multiplication by i."""
    row = ROWS["10: shapes in the plane"]
    x = row.draw(COUNT)
    u, v = level_vectors(row, x)
    turned = torch.stack([-u[..., 1], u[..., 0]], -1)
    assert_is(curvature(row, u, v, x), one_plus((turned * v).sum((-2, -1))))
    assert_is(curvature(row, u, turned, x), 4.0)


def test_sphere_as_a_quotient_of_rotations() -> None:
    """|d(g e_1)|^2 is half of the horizontal |dg|^2: radius sqrt 2."""
    row = ROWS["7a: sphere S^3"]
    x = row.draw(COUNT)
    u, v = level_vectors(row, x)
    assert_is(curvature(row, u, v, x), 0.5)
    with pytest.raises(AssertionError):
        assert_is(curvature(row, u, v, x), 1.0)


def grassmannian(u: Tensor, v: Tensor) -> Tensor:
    """(|u^T v - v^T u|^2 + |u v^T - v u^T|^2) / 2 for orthonormal horizontal vectors in the metric tr(u^T v)."""
    one, two = u.mT @ v, u @ v.mT
    return 0.5 * ((one - one.mT).square().sum((-2, -1)) + (two - two.mT).square().sum((-2, -1)))


def test_grassmannians() -> None:
    """The metric of frames of SO(n) is twice that of the Stiefel manifold, so curvatures are half."""
    stiefel, rotations = ROWS["7b: subspaces"], ROWS["7a: planes of SO(4)"]
    x = stiefel.draw(COUNT)
    u, v = level_vectors(stiefel, x)
    found = curvature(stiefel, u, v, x)
    assert_is(found, grassmannian(u, v))
    assert ((found > 0) & (found < 2)).all()
    g = rotations.draw(COUNT)
    u, v = level_vectors(rotations, g)
    scale = 2**0.5
    assert_is(curvature(rotations, u, v, g), 0.5 * grassmannian(scale * u[..., :2], scale * v[..., :2]))


@pytest.mark.parametrize("name", POLAR)
def test_polar_actions_are_integrable(name: str) -> None:
    row = ROWS[name]
    x = row.draw(COUNT)
    geometry = fiber_geometry(row.quotient, x)
    assert geometry.integrable.all(), geometry.twisting


@pytest.mark.parametrize("name", TWISTED)
def test_other_actions_are_not_integrable(name: str) -> None:
    row = ROWS[name]
    geometry = fiber_geometry(row.quotient, row.draw(COUNT))
    assert float(geometry.twisting.min()) > 1e-3
    assert not geometry.integrable.any()


@pytest.mark.parametrize("name", ["11: beta 2", "11: beta 1"])
def test_weyl_chambers_are_flat(name: str) -> None:
    row = ROWS[name]
    x = row.draw(COUNT)
    u, v = level_vectors(row, x)
    assert_is(curvature(row, u, v, x), 0.0)
    low_rank = ROWS["9: rank 3"]
    y = low_rank.draw(COUNT)
    assert (curvature(low_rank, *level_vectors(low_rank, y), y) > 1e-6).all()


@pytest.mark.parametrize("name", GEODESIC)
def test_totally_geodesic_orbits(name: str) -> None:
    row = ROWS[name]
    geometry = fiber_geometry(row.quotient, row.draw(COUNT))
    assert geometry.totally_geodesic.all(), geometry.bending
    assert geometry.minimal.all(), geometry.mean_curvature


@pytest.mark.parametrize("name", BENT)
def test_bent_orbits(name: str) -> None:
    row = ROWS[name]
    x = row.draw(COUNT)
    geometry = fiber_geometry(row.quotient, x)
    assert not geometry.totally_geodesic.any()
    assert not geometry.minimal.any()
    assert_is(geometry.mean_curvature / row.space.norm(row.mean_curvature(x), x), 1.0)


def test_size_of_the_tensors_of_known_orbits() -> None:
    """|II| = sqrt(n - 1) / r for spheres of R^n, and |A| = sqrt 2 over S^3: two orthonormal pairs of |A_u v| = 1."""
    row = ROWS["2: R^5"]
    x = row.draw(COUNT)
    assert_is(fiber_geometry(row.quotient, x).bending * x.norm(dim=-1), 2.0)
    qubit = ROWS["6: qubit"]
    assert_is(fiber_geometry(qubit.quotient, qubit.draw(COUNT)).twisting, 2**0.5)


TENSORS = ["3: clouds in space", "9: rank 3", "12b: three spinors", "10: shapes in space", "16: correlations"]


@pytest.mark.parametrize("name", TENSORS)
def test_tensors_from_the_gram_matrix(name: str) -> None:
    """A_u v = -A^+_ab <nabla_u xi_a, v> xi_b and II(xi_a, xi_b) = -1/2 (grad A_ab)^hor."""
    row = ROWS[name]
    quotient, space = row.quotient, row.space
    x = row.draw(COUNT)
    u, v = level_vectors(row, x)
    fields = quotient.generators(x)
    axis = x.ndim - len(space.shape)
    slopes = []
    for a in range(fields.shape[axis]):

        def field(y: Tensor, a: int = a) -> Tensor:
            return quotient.generators(y).select(axis, a)

        slopes.append(space.inner_product(space.covariant_derivative(field, u, x), v, x))
    weights = -torch.einsum(
        "...ab,...b->...a", torch.linalg.pinv(quotient.gram(x), hermitian=True), torch.stack(slopes, -1)
    )
    expected = (weights.reshape(*weights.shape, *[1] * len(space.shape)) * fields).sum(axis)
    found = integrability_tensor(quotient, u, v, x)
    assert_is(space.norm(found - expected, x) / (1 + space.norm(expected, x)), 0.0)
    one, two = fields.select(axis, 0), fields.select(axis, fields.shape[axis] - 1)
    slope = torch.func.grad(lambda y: quotient.gram(y)[..., 0, -1].sum())(x)
    bent = -0.5 * quotient.horizontal_projection(space.gradient(slope, x), x)
    gap = space.norm(second_fundamental_form(quotient, one, two, x) - bent, x)
    assert_is(gap / (1 + space.norm(bent, x)), 0.0)


def test_group_that_is_not_unimodular() -> None:
    """H = 0 where there is one orbit; its volume density has a gradient of length one, all of it vertical."""
    row = ROWS["17b: half plane"]
    x = row.draw(COUNT)
    assert_is(row.quotient.mean_curvature(x), 0.0)
    slope = torch.func.grad(lambda y: row.quotient.log_orbit_volume(y).sum())(x)
    assert_is(row.space.norm(row.space.gradient(slope, x), x), 1.0)
    with pytest.raises(ClaimError, match="not unimodular"):
        mean_curvature_from_log_volume(row.quotient, x)


class AffineInSpace(GroupAction):
    """(x_1, x_2, y) -> (a x_1 + b, a x_2, a y): orbits are surfaces at a constant distance from the plane x_2 = 0."""

    group = MatrixGroup([torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.0, 0.0]])])

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        shift = g[..., 0, 1].unsqueeze(-1) * torch.tensor([1.0, 0.0, 0.0], dtype=x.dtype)
        return g[..., 0, 0].unsqueeze(-1) * x + shift


def test_equidistant_surfaces_of_hyperbolic_space() -> None:
    """|H| = 2 tanh(distance); the volume density is not invariant, and only its horizontal slope is -H."""
    quotient = GroupQuotient(HyperbolicHalfSpace(3), AffineInSpace())
    space = quotient.total_space
    x = space.random_point((COUNT,), torch.Generator().manual_seed(0))
    one, two, y = x.unbind(-1)
    turn = torch.stack([torch.zeros_like(one), -y, two], -1)
    expected = (2 * two * y / (two**2 + y**2)).unsqueeze(-1) * turn
    for route in (quotient.mean_curvature, lambda p: mean_curvature_from_projector(quotient, p)):
        assert_is(route(x), expected)
    assert_is(space.norm(expected, x), 2 * torch.tanh(torch.asinh(two / y)).abs())
    slope = torch.func.grad(lambda p: quotient.log_orbit_volume(p).sum())(x)
    raised = space.gradient(slope, x)
    assert_is(-quotient.horizontal_projection(raised, x), expected)
    with pytest.raises(AssertionError):
        assert_is(-raised, expected)
    with pytest.raises(ClaimError, match="not unimodular"):
        mean_curvature_from_log_volume(quotient, x)
