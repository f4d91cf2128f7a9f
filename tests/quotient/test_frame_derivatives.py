"""Derivatives through both routes to frames, transforms of functions, and actions with parameters."""

import math

import pytest
import torch
from torch import Tensor

from groups import GroupAction, SpecialEuclidean, SpecialOrthogonal
from quotient import GroupQuotient, Matrices, PointClouds, ShapeSpace
from quotient.strategies import CloudShape, random_cloud


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class RigidMotion(GroupAction):
    """SE(3) on clouds with nothing but ``act``."""

    point_ndim = 2

    def __init__(self) -> None:
        self.rigid = SpecialEuclidean(3)
        self.group = self.rigid

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return x @ self.rigid.rotation(g).mT + self.rigid.translation(g).unsqueeze(-2)


class Conjugation(GroupAction):
    """SO(3) on 3 x 3 matrices, whose rows do not move by themselves: through frames."""

    point_ndim = 2
    group = SpecialOrthogonal(3)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return g @ x @ g.mT


class TiltedTurn(GroupAction):
    """SO(2) turning clouds about an axis that is a parameter."""

    point_ndim = 2
    group = SpecialOrthogonal(2)

    def __init__(self, angle: Tensor) -> None:
        self.angle = angle

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        s, c, zero = self.angle.sin(), self.angle.cos(), torch.zeros_like(self.angle)
        plane = torch.stack([torch.stack([c, s, zero]), torch.stack([zero, zero, zero + 1])])
        return x + x @ plane.mT @ (g - torch.eye(2, dtype=g.dtype)).mT @ plane


MOMENTS = (GroupQuotient(PointClouds(4, 3), RigidMotion()), normal(0, 2, 4, 3))
FRAMES = (GroupQuotient(Matrices(3, 3), Conjugation()), normal(1, 2, 3, 3))
# nearly collinear: certified for the projection, but not for the curvature
MIXED = (MOMENTS[0], normal(2, 2, 4, 3) * torch.tensor([1.0, 0.02, 0.02], dtype=torch.float64) + 0.3)
ROUTES = pytest.mark.parametrize(("quotient", "x"), [MOMENTS, FRAMES, MIXED], ids=["moments", "frames", "both"])


def line(seed: int, count: int) -> Tensor:
    return random_cloud(CloudShape.COLLINEAR, n_points=count, dim=3, offset=1.0, scale=1.0, seed=seed)


@ROUTES
def test_first_derivatives_match_differences(quotient: GroupQuotient, x: Tensor) -> None:
    v, leaf = normal(3, *x.shape), x.clone().requires_grad_()
    tolerance = 1e-4 if float(x.std(1).min()) < 0.1 else 1e-6
    for function in (
        lambda y: quotient.horizontal_projection(v, y),
        quotient.mean_curvature,
        quotient.log_orbit_volume,
    ):
        assert torch.autograd.gradcheck(function, (leaf,), eps=1e-7, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize(("quotient", "x"), [MOMENTS, FRAMES], ids=["moments", "frames"])
def test_second_derivatives_match_differences(quotient: GroupQuotient, x: Tensor) -> None:
    v, leaf = normal(4, *x[0].shape), x[0].clone().requires_grad_()
    for function in (lambda y: quotient.horizontal_projection(v, y), quotient.mean_curvature):
        assert torch.autograd.gradgradcheck(function, (leaf,), atol=1e-5)


@ROUTES
def test_transforms_of_functions_agree_with_batches(quotient: GroupQuotient, x: Tensor) -> None:
    v, w = normal(5, *x.shape), normal(6, *x.shape)
    mapped = torch.func.vmap(quotient.horizontal_projection)(v, x)
    torch.testing.assert_close(mapped, quotient.horizontal_projection(v, x), rtol=1e-10, atol=1e-10)
    mapped = torch.func.vmap(quotient.mean_curvature)(x)
    torch.testing.assert_close(mapped, quotient.mean_curvature(x), rtol=1e-10, atol=1e-10)
    for function in (lambda y: quotient.horizontal_projection(v, y), quotient.mean_curvature):
        forward = torch.func.jvp(function, (x,), (w,))[1]
        jacobian = torch.autograd.functional.jacobian(function, x).flatten(0, -x.ndim - 1).flatten(1)
        torch.testing.assert_close(forward.flatten(), jacobian @ w.flatten(), rtol=1e-9, atol=1e-9)


def test_gradients_of_a_batch_with_singular_items_are_finite_and_right() -> None:
    derived, closed = MOMENTS[0], ShapeSpace(4, 3)
    x = torch.stack([normal(7, 4, 3), line(8, 4), torch.ones(4, 3, dtype=torch.float64), normal(9, 4, 3) + 1e5])
    v = normal(10, *x.shape)

    def total(quotient: GroupQuotient | ShapeSpace, y: Tensor) -> Tensor:
        return (
            quotient.horizontal_projection(v, y).pow(2).sum()
            + quotient.mean_curvature(y).pow(2).sum()
            + quotient.log_orbit_volume(y).sum()
        )

    found, expected = (torch.func.grad(lambda y, q=quotient: total(q, y))(x) for quotient in (derived, closed))
    assert found.isfinite().all()
    regular = torch.tensor([0, 3])
    torch.testing.assert_close(found[regular], expected[regular], rtol=1e-8, atol=1e-8)
    s = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(derived.log_orbit_volume((x[1] - x[1].mean(0)) * s.exp()), s)
    assert math.isclose(float(slope), 2.0, abs_tol=1e-10)


def test_parameters_of_an_action_are_differentiated_and_never_stale() -> None:
    x, v, w = normal(11, 3, 5, 3), normal(12, 3, 5, 3), normal(13, 3, 5, 3)
    angle = torch.tensor(0.4, dtype=torch.float64, requires_grad=True)
    quotient = GroupQuotient(PointClouds(5, 3), TiltedTurn(angle))
    known = quotient._generators.at(x, 1e-16).known
    assert known is not None
    assert known.maps is not None

    def value(at: float) -> float:
        fresh = GroupQuotient(PointClouds(5, 3), TiltedTurn(torch.tensor(at, dtype=torch.float64)))
        return float((fresh.horizontal_projection(v, x) * w).sum())

    with torch.no_grad():
        before = (quotient.horizontal_projection(v, x) * w).sum()
    assert math.isclose(float(before), value(0.4), rel_tol=1e-12)
    (slope,) = torch.autograd.grad((quotient.horizontal_projection(v, x) * w).sum(), angle)
    assert math.isclose(float(slope), (value(0.4 + 1e-6) - value(0.4 - 1e-6)) / 2e-6, rel_tol=1e-6)
    with torch.no_grad():
        angle += 0.5
        after = (quotient.horizontal_projection(v, x) * w).sum()
    assert math.isclose(float(after), value(0.9), rel_tol=1e-12)
    assert not math.isclose(value(0.9), value(0.4), rel_tol=1e-3)


def test_what_is_learnt_anywhere_serves_everywhere() -> None:
    """First use inside a transform or in inference mode, then training."""
    x, v = MOMENTS[1], normal(14, *MOMENTS[1].shape)
    expected = MOMENTS[0].mean_curvature(x)
    fresh = GroupQuotient(PointClouds(4, 3), RigidMotion())
    slopes = torch.func.vmap(torch.func.grad(lambda y: fresh.mean_curvature(y).square().sum()))(x)
    assert not fresh._generators._known
    with torch.inference_mode():
        torch.testing.assert_close(fresh.mean_curvature(x), expected)
    assert len(fresh._generators._known) == 1
    leaf = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(fresh.mean_curvature(leaf).square().sum(), leaf)
    torch.testing.assert_close(gradient, slopes)
    torch.testing.assert_close(fresh.horizontal_projection(v, x), MOMENTS[0].horizontal_projection(v, x))
