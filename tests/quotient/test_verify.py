"""verify: true quotients pass at every seed."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from groups import (
    Conjugation,
    GroupAction,
    PermutationAction,
    PhaseAction,
    RightMultiplication,
    RigidMotionAction,
    RotationAction,
    SpecialOrthogonal,
    TranslationAction,
    VectorAction,
)
from groups.claims import Verdict
from quotient import (
    ComplexEuclidean,
    Euclidean,
    GroupQuotient,
    MapSubmersion,
    Matrices,
    OrbitSpace,
    PointClouds,
    RiemannianSubmersion,
    ShapeSpace,
    laws,
)
from quotient.strategies import group_elements, points, tangent_vectors
from quotient.verification import verify

MASK = torch.tensor([True, True, True, True, False])


def radius(x: Tensor) -> Tensor:
    return torch.linalg.vector_norm(x, dim=-1, keepdim=True)


TRUE: dict[str, RiemannianSubmersion] = {
    "R2/SO(2)": GroupQuotient(Euclidean(2), VectorAction(SpecialOrthogonal(2))),
    "R5/SO(5)": GroupQuotient(Euclidean(5), VectorAction(SpecialOrthogonal(5))),
    "C3/U(1)": GroupQuotient(ComplexEuclidean(3), PhaseAction()),
    "clouds/SE(3)": GroupQuotient(PointClouds(5, 3), RigidMotionAction(3)),
    "clouds/SO(3)": GroupQuotient(PointClouds(4, 3), RotationAction(3)),
    "clouds/SE(2)": GroupQuotient(PointClouds(4, 2), RigidMotionAction(2)),
    "clouds/R3": GroupQuotient(PointClouds(4, 3), TranslationAction(3)),
    "matrices/SO(3)": GroupQuotient(Matrices(5, 3), RightMultiplication(SpecialOrthogonal(3))),
    "matrices/conjugation": GroupQuotient(Matrices(3, 3), Conjugation(SpecialOrthogonal(3))),
    "shapes": ShapeSpace(5, 3),
    "plane shapes": ShapeSpace(4, 2),
    "pairs of points": ShapeSpace(2, 3),
    "masked shapes": ShapeSpace(5, 3, mask=MASK),
    "shapes with different masks": ShapeSpace(5, 3, mask=torch.stack([MASK, torch.ones_like(MASK)])),
    "radius": MapSubmersion(Euclidean(3), Euclidean(1), radius),
}


@pytest.mark.parametrize("name", list(TRUE))
def test_true_quotients_pass(name: str) -> None:
    report = verify(TRUE[name], seed=0)
    assert report.ok, str(report)
    assert report.result("H: derivative of the projector").verdict is Verdict.HOLDS


@pytest.mark.slow
@pytest.mark.parametrize("name", list(TRUE))
@pytest.mark.parametrize("seed", range(1, 21))
def test_true_quotients_pass_at_twenty_seeds(name: str, seed: int) -> None:
    report = verify(TRUE[name], seed=seed, n=2)
    assert report.ok, str(report)


class WrittenTurns(GroupAction):
    """Rotations of the plane as a user writes them: alignment is by descent, and distances may be upper bounds."""

    group = SpecialOrthogonal(2)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.einsum("...ij,...j->...i", g, x)


def test_what_does_not_apply_is_said_with_the_reason() -> None:
    report = verify(GroupQuotient(Euclidean(2), WrittenTurns()), n=2)
    silent = {r.law: r.reason for r in report.results if r.verdict is Verdict.NOT_APPLICABLE}
    assert silent["H: tr_V Hess f + <H, grad f> = 0"] == "no invariant function was given"
    assert "dist: symmetric" in silent
    assert all(silent.values())


def test_finite_groups_have_nothing_to_project() -> None:
    report = verify(GroupQuotient(PointClouds(3, 2), PermutationAction(3)), n=2)
    for law in ("P: idempotent", "P: equivariant", "H: trace of the second fundamental form"):
        assert report.result(law).verdict is Verdict.HOLDS, law


def test_trace_identity_on_given_invariants() -> None:
    """Together with a function that is not invariant and one whose curvature is wrong."""

    def invariant(x: Tensor) -> Tensor:
        gram = x @ x.mT
        return gram[..., 0, 1] ** 2 + gram[..., 0, 0] * gram[..., 2, 1]

    law = "H: tr_V Hess f + <H, grad f> = 0"
    quotient = TRUE["clouds/SO(3)"]
    assert verify(quotient, invariants=[invariant], n=2).result(law).verdict is Verdict.HOLDS
    coordinate = verify(quotient, invariants=[lambda x: x[..., 0, 0]], n=2).result(law)
    assert coordinate.verdict is Verdict.REFUTED

    def side(x: Tensor) -> Tensor:
        return ((x[..., 0, :] - x[..., 1, :]) ** 2).sum(-1)

    assert verify(TRUE["shapes"], invariants=[side], n=2).result(law).verdict is Verdict.HOLDS


def test_reports_repeat() -> None:
    assert str(verify(TRUE["shapes"], seed=5, n=1)) == str(verify(TRUE["shapes"], seed=5, n=1))


@given(data=st.data())
@pytest.mark.parametrize("name", ["C3/U(1)", "clouds/SE(3)", "shapes with different masks"])
def test_strategies_serve_any_quotient(name: str, data: st.DataObject) -> None:
    quotient = TRUE[name]
    space = quotient.total_space
    x = data.draw(points(space))
    v = data.draw(tangent_vectors(space, x))
    once = quotient.horizontal_projection(v, x)
    gap = space.norm(quotient.horizontal_projection(once, x) - once, x)
    # rounding moves the orbit's tangent space by the condition number of the point
    assert isinstance(quotient, OrbitSpace)
    condition = laws.vertical_space(quotient, x).condition
    assert (gap <= 1e-13 * condition * space.norm(v, x)).all()


@given(data=st.data())
def test_strategy_of_elements_reaches_near_and_far(data: st.DataObject) -> None:
    group = SpecialOrthogonal(3)
    g = data.draw(group_elements(group))
    assert ((g @ g.mT - torch.eye(3, dtype=g.dtype)).abs() < 1e-12).all()
    assert data.draw(group_elements(group, dtype=torch.float32)).dtype is torch.float32
