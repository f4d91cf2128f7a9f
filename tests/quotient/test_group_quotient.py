"""GroupQuotient: everything derived from ``act``, against closed forms and between routes."""

import math

import pytest
import torch
from torch import Tensor

from groups import (
    DirectProduct,
    GroupAction,
    PhaseAction,
    ProductAction,
    RigidMotionAction,
    RotationAction,
    SpecialEuclidean,
    SpecialOrthogonal,
    TranslationAction,
    Unitary,
)
from quotient import (
    AlignmentKind,
    ClaimError,
    ComplexEuclidean,
    Euclidean,
    GroupQuotient,
    Matrices,
    PointClouds,
    PointShapeError,
    mean_curvature_from_log_volume,
    mean_curvature_from_projector,
    mean_curvature_from_second_fundamental_form,
)


class VectorRotation(GroupAction):
    """SO(n) on R^n with nothing but ``act``."""

    def __init__(self, n: int) -> None:
        self.group = SpecialOrthogonal(n)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.einsum("...ij,...j->...i", g, x)


class PlanePhase(GroupAction):
    """U(1) on C^n with nothing but ``act``."""

    group = Unitary(1)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return g[..., 0] * x


class RightMultiplication(GroupAction):
    """O(k) near the identity on n x k matrices from the right, as a left action."""

    point_ndim = 2

    def __init__(self, k: int) -> None:
        self.group = SpecialOrthogonal(k)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return x @ g.mT


class Conjugation(GroupAction):
    """SO(n) on n x n matrices by conjugation."""

    point_ndim = 2

    def __init__(self, n: int) -> None:
        self.group = SpecialOrthogonal(n)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return g @ x @ g.mT


def normal(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


QUOTIENTS = {
    "R2/SO(2)": (GroupQuotient(Euclidean(2), VectorRotation(2)), normal(0, 6, 2)),
    "R5/SO(5)": (GroupQuotient(Euclidean(5), VectorRotation(5)), normal(1, 6, 5)),
    "C3/U(1)": (GroupQuotient(ComplexEuclidean(3), PlanePhase()), normal(2, 6, 3, dtype=torch.complex128)),
    "clouds/SE(3)": (GroupQuotient(PointClouds(5, 3), RigidMotionAction(3)), normal(3, 6, 5, 3)),
    "clouds/SO(3)": (GroupQuotient(PointClouds(4, 3), RotationAction(3)), normal(4, 6, 4, 3)),
    "clouds/SE(2)": (GroupQuotient(PointClouds(4, 2), RigidMotionAction(2)), normal(5, 6, 4, 2)),
    "clouds/R3": (GroupQuotient(PointClouds(4, 3), TranslationAction(3)), normal(6, 6, 4, 3)),
    "matrices/SO(3)": (GroupQuotient(Matrices(5, 3), RightMultiplication(3)), normal(7, 6, 5, 3)),
    "Sym(3)/SO(3)": (GroupQuotient(Matrices(3, 3), Conjugation(3)), normal(8, 6, 3, 3)),
}


@pytest.mark.parametrize("name", list(QUOTIENTS))
def test_routes_to_the_mean_curvature_agree(name: str) -> None:
    quotient, x = QUOTIENTS[name]
    curvature = quotient.mean_curvature(x)
    scale = 1e-10 * (1 + curvature.abs().max())
    for route in (
        mean_curvature_from_projector,
        mean_curvature_from_second_fundamental_form,
        mean_curvature_from_log_volume,
    ):
        assert (route(quotient, x) - curvature).abs().max() <= scale, route.__name__
    assert (quotient.vertical_projection(curvature, x)).abs().max() <= scale


@pytest.mark.parametrize("name", list(QUOTIENTS))
def test_projection_laws(name: str) -> None:
    quotient, x = QUOTIENTS[name]
    space = quotient.total_space
    v, w = torch.randn_like(x), torch.randn_like(x)
    pv, pw = quotient.horizontal_projection(v, x), quotient.horizontal_projection(w, x)
    torch.testing.assert_close(quotient.horizontal_projection(pv, x), pv, rtol=0, atol=1e-12)
    torch.testing.assert_close(space.inner_product(pv, w, x), space.inner_product(v, pw, x), rtol=0, atol=1e-11)
    rank = len(space.shape)
    killed = quotient.horizontal_projection(quotient.generators(x), x.unsqueeze(-rank - 1))
    assert killed.abs().max() < 1e-12
    assert quotient.is_horizontal(pv, x).all()
    assert not quotient.is_horizontal(v, x).any()


@pytest.mark.parametrize("name", list(QUOTIENTS))
def test_projection_and_curvature_are_equivariant_and_the_volume_invariant(name: str) -> None:
    quotient, x = QUOTIENTS[name]
    action = quotient.action
    g = action.group.random((6,), torch.Generator().manual_seed(1), x)
    v = torch.randn_like(x)

    def differential(vector: Tensor) -> Tensor:
        return torch.func.jvp(lambda y: action.act(g, y), (x,), (vector,))[1]

    moved = action.act(g, x)
    projected = differential(quotient.horizontal_projection(v, x))
    torch.testing.assert_close(quotient.horizontal_projection(differential(v), moved), projected, rtol=0, atol=1e-10)
    turned = differential(quotient.mean_curvature(x))
    torch.testing.assert_close(quotient.mean_curvature(moved), turned, rtol=0, atol=1e-9)
    torch.testing.assert_close(quotient.log_orbit_volume(moved), quotient.log_orbit_volume(x), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", list(QUOTIENTS))
def test_trace_identity_for_an_invariant_function(name: str) -> None:
    """tr_V Hess f + <H, grad f> = 0 for every invariant f, without Monte Carlo."""
    quotient, x = QUOTIENTS[name]
    if isinstance(quotient.action, RigidMotionAction | TranslationAction):
        invariant = lambda y: ((y[0] - y[1]) ** 2).sum() ** 2 + ((y[1] - y[2]) * (y[0] - y[2])).sum()  # noqa: E731
    elif isinstance(quotient.action, Conjugation):
        invariant = lambda y: torch.trace(y @ y @ y) + torch.trace(y) * torch.trace(y @ y.mT)  # noqa: E731
    elif x.is_complex():
        invariant = lambda y: (y[0].conj() * y[1]).real ** 2 + (y.abs() ** 2).sum() ** 2  # noqa: E731
    elif x.ndim == 3:
        invariant = lambda y: (y @ y.mT)[0, 1] ** 2 + (y @ y.mT)[0, 0] * (y @ y.mT)[2, 1]  # noqa: E731
    else:
        invariant = lambda y: (y @ y) ** 2  # noqa: E731
    frame = quotient.vertical_frame(x)
    curvature = quotient.mean_curvature(x)
    for k in range(len(x)):
        point = x[k]
        gradient = torch.func.grad(invariant)(point)
        second = sum(
            quotient.total_space.inner_product(u, torch.func.jvp(torch.func.grad(invariant), (point,), (u,))[1], point)
            for u in frame.vectors[k]
        )
        total = second + quotient.total_space.inner_product(curvature[k], gradient, point)
        assert abs(float(total)) < 1e-9 * (1 + abs(float(second)))


def test_curvature_can_be_differentiated() -> None:
    quotient = GroupQuotient(PointClouds(3, 3), RigidMotionAction(3))
    x = normal(9, 3, 3)
    assert torch.autograd.gradcheck(quotient.mean_curvature, (x.clone().requires_grad_(),), atol=1e-6)
    assert torch.autograd.gradcheck(quotient.log_orbit_volume, (x.clone().requires_grad_(),), atol=1e-6)
    v = normal(10, 3, 3)
    project = lambda y: quotient.horizontal_projection(v, y)  # noqa: E731
    assert torch.autograd.gradcheck(project, (x.clone().requires_grad_(),), atol=1e-6)


@pytest.mark.parametrize(
    ("closed", "derived", "space", "shape", "dtype"),
    [
        (PhaseAction(), PlanePhase(), ComplexEuclidean(3), (3,), torch.complex128),
        (RotationAction(3), RightMultiplication(3), PointClouds(4, 3), (4, 3), torch.float64),
    ],
)
def test_descent_finds_the_closed_form_alignment(
    closed: GroupAction, derived: GroupAction, space: Euclidean, shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    point, target = normal(11, 6, *shape, dtype=dtype), normal(12, 6, *shape, dtype=dtype)
    exact = GroupQuotient(space, closed).align(point, target)
    found = GroupQuotient(space, derived).align(point, target)
    assert exact.kind is AlignmentKind.GLOBAL
    assert found.kind is AlignmentKind.STATIONARY
    torch.testing.assert_close(found.point, exact.point, rtol=0, atol=1e-6)
    distances = GroupQuotient(space, derived).dist(point, target)
    torch.testing.assert_close(distances, GroupQuotient(space, closed).dist(point, target), rtol=0, atol=1e-9)


def test_bad_arguments_are_refused_with_a_remedy() -> None:
    class Scaling(GroupAction):
        group = SpecialOrthogonal(2)
        isometric = False

        def act(self, g: Tensor, x: Tensor) -> Tensor:
            return x

    class Shrinking(GroupAction):
        group = SpecialOrthogonal(2)

        def act(self, g: Tensor, x: Tensor) -> Tensor:
            return (g @ x.unsqueeze(-1)).squeeze(-1)[..., :1]

    with pytest.raises(ClaimError, match="change the metric"):
        GroupQuotient(Euclidean(2), Scaling())
    quotient = GroupQuotient(Euclidean(2), VectorRotation(2))
    with pytest.raises(PointShapeError, match=r"\[\.\.\., 2\], got \(3,\)"):
        quotient.mean_curvature(torch.zeros(3))
    with pytest.raises(PointShapeError, match="convert with"):
        quotient.mean_curvature(torch.zeros(2, dtype=torch.int64))
    with pytest.raises(ValueError, match="keep the shape"):
        GroupQuotient(Euclidean(2), Shrinking()).mean_curvature(torch.ones(2))
    with pytest.raises(PointShapeError, match="complex"):
        GroupQuotient(ComplexEuclidean(2), PhaseAction()).mean_curvature(torch.ones(2))


def test_product_of_commuting_rotations_and_phases() -> None:
    class Left(GroupAction):
        group = SpecialOrthogonal(4)
        point_ndim = 2

        def act(self, g: Tensor, x: Tensor) -> Tensor:
            return g @ x

    both = ProductAction(Left(), RotationAction(3))
    assert isinstance(both.group, DirectProduct)
    quotient = GroupQuotient(Matrices(4, 3), both)
    x = normal(13, 2, 4, 3)
    assert (quotient.orbit_dimension(x) == 9).all()
    s = torch.linalg.svdvals(x)
    moved = both.act(both.group.random((2,), torch.Generator().manual_seed(0), x), x)
    torch.testing.assert_close(torch.linalg.svdvals(moved), s)
    torch.testing.assert_close(
        mean_curvature_from_projector(quotient, x), quotient.mean_curvature(x), rtol=0, atol=1e-9
    )


def test_rigid_motions_group_law() -> None:
    group = SpecialEuclidean(3)
    generator = torch.Generator().manual_seed(0)
    like = torch.zeros((), dtype=torch.float64)
    g, h = group.random((5,), generator, like), group.random((5,), generator, like)
    action = RigidMotionAction(3)
    x = normal(14, 5, 4, 3)
    torch.testing.assert_close(action.act(group.compose(g, h), x), action.act(g, action.act(h, x)))
    torch.testing.assert_close(action.act(group.inverse(g), action.act(g, x)), x)
    assert math.isclose(float(torch.det(group.rotation(g)).min()), 1.0, abs_tol=1e-12)
