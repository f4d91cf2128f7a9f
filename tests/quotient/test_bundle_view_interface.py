"""What the geomstats view takes and refuses, its total spaces and its actions."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from groups import OrthogonalAction, PhaseAction, RotationAction, double_precision
from groups._geomstats import FiberBundle
from quotient import (
    ClaimError,
    ComplexHypersphere,
    GeometryError,
    GroupQuotient,
    HyperbolicHalfSpace,
    MapSubmersion,
    Matrices,
    PeriodicClouds,
    PointClouds,
    PreShapes,
    RotationMatrices,
    ShapeSpace,
    SPDMatrices,
    Stiefel,
    SymmetricMatrices,
    TotalSpace,
    fiber_bundle,
)
from quotient._geomstats_views import SpaceView

SPACES = [
    Matrices(3, 2),
    SymmetricMatrices(3),
    PointClouds(4, 3, mask=torch.tensor([True, True, True, False])),
    PreShapes(4, 3),
    ComplexHypersphere(2),
    Stiefel(4, 2),
    RotationMatrices(3),
    PeriodicClouds(3, torch.eye(2)),
    SPDMatrices(2),
    HyperbolicHalfSpace(2),
]


def square(y: Tensor) -> Tensor:
    return y @ y.mT


def view(space: TotalSpace) -> SpaceView:
    return SpaceView(space, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("space", SPACES, ids=repr)
def test_total_spaces(space: TotalSpace) -> None:
    manifold = view(space)
    x = manifold.projection(manifold.random_point(4)) if space.flat else manifold.random_point(4)
    assert (manifold.dim, manifold.shape) == (space.dim, space.shape)
    assert manifold.belongs(x, atol=1e-9).tolist() == [True] * 4
    v, w = manifold.random_tangent_vec(x), manifold.random_tangent_vec(x)
    assert not torch.equal(v[0], v[1])
    assert manifold.is_tangent(v, x, atol=1e-9).all()
    assert manifold.belongs(manifold.metric.exp(0.1 * v, x), atol=1e-9).all()
    assert torch.allclose(manifold.metric.inner_product(v, w, x), space.inner_product(v, w, x))
    assert manifold.random_tangent_vec(x[0], 7).shape == (7, *space.shape)
    assert manifold.belongs(x[..., :1], atol=1e-9).tolist() == [False] * 4


@pytest.mark.parametrize(
    ("space", "outside"),
    [
        (SymmetricMatrices(2), torch.tensor([[1.0, 2.0], [0.0, 1.0]])),
        (PreShapes(2, 2), torch.tensor([[1.0, 0.0], [0.0, 0.0]])),
        (PreShapes(2, 2), torch.tensor([[1.0, 0.0], [-1.0, 0.0]])),
        (Stiefel(2, 1), torch.tensor([[1.0], [1.0]])),
        (SPDMatrices(2), -torch.eye(2)),
        (HyperbolicHalfSpace(2), torch.tensor([1.0, -1.0])),
    ],
    ids=repr,
)
def test_points_outside(space: TotalSpace, outside: Tensor) -> None:
    assert not bool(view(space).belongs(outside.double(), atol=1e-6))


def test_curvature_of_total_spaces_has_the_sign_of_textbooks() -> None:
    sphere = view(PreShapes(3, 2))
    x = sphere.random_point()
    u, v = sphere.random_tangent_vec(x), sphere.random_tangent_vec(x)
    assert float(sphere.metric.sectional_curvature(u, v, x)) == pytest.approx(1.0)
    assert float(sphere.metric.curvature_derivative(u, v, u, v, x).abs().max()) < 1e-10


def test_float32_stays_float32() -> None:
    bundle = fiber_bundle(GroupQuotient(PreShapes(4, 3), RotationAction(3)))
    x, y = bundle.base.random_point(2).float().unbind(0)
    v = bundle.base.random_tangent_vec(x)
    results = [bundle.base.metric.exp(v, x), bundle.base.metric.log(y, x), bundle.base.metric.dist(x, y)]
    assert [result.dtype for result in results] == [torch.float32] * 3
    assert torch.get_default_dtype() == torch.float32


def test_the_action_becomes_a_right_action() -> None:
    bundle = fiber_bundle(GroupQuotient(Matrices(4, 3), OrthogonalAction(3)))
    act = bundle.total_space.group_action
    x = bundle.total_space.random_point()
    g, h = act.action.group.random((2,), torch.Generator().manual_seed(1), x).unbind(0)
    assert act.group_elem_shape == (3, 3)
    assert torch.allclose(act(h, act(g, x)), act(g @ h, x))
    assert not torch.allclose(act(h, act(g, x)), act(h @ g, x))


def plane() -> GroupQuotient:
    return GroupQuotient(Matrices(3, 2), OrthogonalAction(2))


@pytest.mark.parametrize(
    ("map", "lift", "message"),
    [
        (lambda y: y[..., :1, :], None, "not constant on orbits"),
        (square, lambda q: q[..., :2], "not a section"),
    ],
    ids=["map", "lift"],
)
def test_wrong_maps_are_refused(
    map: Callable[[Tensor], Tensor],  # noqa: A002
    lift: Callable[[Tensor], Tensor] | None,
    message: str,
) -> None:
    with pytest.raises(ClaimError, match=message):
        fiber_bundle(plane(), map=map, lift=lift)


def test_without_a_section_nothing_starts_on_the_base() -> None:
    bundle = fiber_bundle(plane(), map=square)
    x = bundle.total_space.random_point(3)
    q = bundle.riemannian_submersion(x)
    assert bundle.base.dim == 5
    with pytest.raises(GeometryError, match="lift="):
        bundle.base.metric.dist(q, q)
    # but at a fibre point everything works
    v = bundle.tangent_riemannian_submersion(bundle.total_space.random_tangent_vec(x), x)
    lifted = bundle.horizontal_lift(v, fiber_point=x)
    assert bundle.is_horizontal(lifted, x, atol=1e-9).all()
    assert torch.allclose(bundle.tangent_riemannian_submersion(lifted, x), v)


def test_a_map_alone_has_projections_but_no_alignment() -> None:
    space = Matrices(3, 2)
    by_map = fiber_bundle(MapSubmersion(space, SymmetricMatrices(3), square))
    by_group = fiber_bundle(plane())
    x = by_map.total_space.random_point(4)
    v, w = by_map.total_space.random_tangent_vec(x), by_map.total_space.random_tangent_vec(x)
    assert by_map.base.dim == by_group.base.dim == 5
    assert torch.allclose(by_map.vertical_projection(v, x), by_group.vertical_projection(v, x))
    twists = [bundle.integrability_tensor(v, w, x) for bundle in (by_map, by_group)]
    assert torch.allclose(twists[0], twists[1], atol=1e-7)
    with pytest.raises(GeometryError, match="given by a map"):
        by_map.align(x, x)


def test_horizontal_lifts_need_one_point() -> None:
    bundle = fiber_bundle(ShapeSpace(4, 3))
    x, y = bundle.total_space.random_point(2).unbind(0)
    v = bundle.base.random_tangent_vec(x)
    with pytest.raises(GeometryError, match="got neither"):
        bundle.horizontal_lift(v)
    with pytest.raises(GeometryError, match="differs"):
        bundle.horizontal_lift(v, base_point=x, fiber_point=y)
    assert torch.allclose(bundle.horizontal_lift(v, base_point=x, fiber_point=x), v)


def test_base_points_are_needed_on_curved_metrics() -> None:
    manifold = view(SPDMatrices(2))
    v = torch.eye(2).double()
    with pytest.raises(GeometryError, match="base point"):
        manifold.metric.inner_product(v, v)
    assert float(view(PreShapes(3, 2)).metric.inner_product(torch.ones(3, 2), torch.ones(3, 2))) == 6.0


def test_padding_must_be_the_same_for_all() -> None:
    mask = torch.tensor([[True, True, False], [True, True, True]])
    with pytest.raises(GeometryError, match="padding"):
        fiber_bundle(ShapeSpace(3, 2, mask=mask))
    assert fiber_bundle(ShapeSpace(3, 2, mask=mask[1])).base.dim == 3


def test_vectors_along_fibers_are_vertical() -> None:
    """Also for points that are vectors, over which geomstats' own test sums the batch."""
    bundle = fiber_bundle(GroupQuotient(ComplexHypersphere(3), PhaseAction()))
    x = bundle.total_space.random_point(5)
    w = bundle.base.random_tangent_vec(x)
    assert bundle.is_vertical(1j * x, x).tolist() == [True] * 5
    assert bundle.is_horizontal(1j * x, x).tolist() == [False] * 5
    assert bundle.is_vertical(w, x).tolist() == [False] * 5
    assert bundle.is_horizontal(w, x, atol=1e-10).tolist() == [True] * 5
    assert bundle.is_vertical(x, x).tolist() == [False] * 5
    assert FiberBundle.is_horizontal(bundle, w, x).shape == ()


def test_parallel_transport_by_the_ladder_keeps_lengths_and_angles() -> None:
    base = fiber_bundle(GroupQuotient(PreShapes(4, 3), RotationAction(3))).base
    x = base.random_point()
    u, v, direction = (0.2 * base.random_tangent_vec(x) for _ in range(3))
    with double_precision():
        end = base.metric.exp(direction, x)
        moved = [
            base.metric.ladder_parallel_transport(w, x, direction, n_rungs=20)["transported_tangent_vec"]
            for w in (u, v)
        ]
    inner = base.metric.inner_product
    assert base.is_tangent(moved[0], end, atol=1e-6)
    assert float(inner(moved[0], moved[0], end) / inner(u, u, x)) == pytest.approx(1.0, abs=1e-3)
    scale = float((inner(u, u, x) * inner(v, v, x)).sqrt())
    assert float(inner(moved[0], moved[1], end) - inner(u, v, x)) / scale == pytest.approx(0.0, abs=1e-3)
