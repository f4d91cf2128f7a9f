"""check_action: true actions pass at every seed, planted lies are refuted by the law that names them."""

import math

import pytest
import torch
from torch import Tensor

from groups import (
    ActionError,
    DirectProduct,
    GroupAction,
    LeftMultiplication,
    PermutationAction,
    PhaseAction,
    ProductAction,
    QuaternionPhaseAction,
    RigidMotionAction,
    RotationAction,
    SpecialOrthogonal,
    SpecialUnitary,
    Torus,
    TranslationAction,
    Translations,
    Unitary,
    VectorAction,
    WeightedCircleAction,
)
from groups.check import check_action
from groups.claims import Evidence, Report, Verdict, judge
from groups.laws import MetricSpace
from quotient import ComplexEuclidean, Euclidean, Matrices, PointClouds

SEEDS = range(5)
MASK = torch.tensor([True, True, True, False])

TRUE: dict[str, tuple[GroupAction, MetricSpace]] = {
    "rotations": (RotationAction(3), PointClouds(4, 3)),
    "masked rigid motions": (RigidMotionAction(3, mask=MASK), PointClouds(4, 3, mask=MASK)),
    "plane rigid motions": (RigidMotionAction(2), PointClouds(4, 2)),
    "translations": (TranslationAction(3), PointClouds(4, 3)),
    "phases": (PhaseAction(), ComplexEuclidean(3)),
    "weighted circle": (WeightedCircleAction([1, 2]), ComplexEuclidean(2)),
    "spinors": (VectorAction(SpecialUnitary(2)), ComplexEuclidean(2)),
    "quaternions": (QuaternionPhaseAction(), Matrices(2, 4)),
    "permutations": (PermutationAction(4), PointClouds(4, 3)),
    "both sides": (
        ProductAction(LeftMultiplication(SpecialOrthogonal(4)), RotationAction(3)),
        Matrices(4, 3),
    ),
}


def rotated(g: Tensor, x: Tensor) -> Tensor:
    return torch.einsum("...ij,...j->...i", g, x)


class Rotation(GroupAction):
    group = SpecialOrthogonal(3)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return rotated(g, x)


class Stretching(Rotation):
    """Conjugate to rotations, hence an action, but of an ellipsoid."""

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        axes = torch.tensor([1.0, 1.0, 1.2], dtype=x.dtype)
        return rotated(g, x / axes) * axes


class FromTheRight(Rotation):
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return rotated(g.mT, x)


class FlippedGenerator(Rotation):
    def infinitesimal(self, x: Tensor) -> Tensor:
        fields = torch.einsum("aij,...j->a...i", self.group.basis_like(x), x)
        return torch.cat([-fields[:1], fields[1:]])


class ScaledGenerators(Rotation):
    def infinitesimal(self, x: Tensor) -> Tensor:
        return 1.001 * torch.einsum("aij,...j->a...i", self.group.basis_like(x), x)


class ClaimedLinear(GroupAction):
    """Translations are affine."""

    group = Translations(3)
    linear = True

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return x + g


class ClaimedFree(Rotation):
    """A rotation about x fixes x."""

    free = True


class ClaimedLocallyFree(Rotation):
    locally_free = True


class DoubleAngle(GroupAction):
    """Every point is fixed by -1: locally free, not free."""

    group = Unitary(1)
    free = True

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return (g * g)[..., 0] * x


class NoIdentity(Rotation):
    """Projects on the plane first, so that g h = (g h) but e does nothing like the identity."""

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return rotated(g, x - x.mean(-1, keepdim=True))


class Raising(Rotation):
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        raise RuntimeError("no such move")


LIES: dict[str, tuple[GroupAction, MetricSpace, str]] = {
    "not isometric": (Stretching(), Euclidean(3), "claim: isometric"),
    "a right action": (FromTheRight(), Euclidean(3), "action: (g h) x = g (h x)"),
    "a right action's brackets": (FromTheRight(), Euclidean(3), "action: bracket reversed"),
    "one generator flipped": (FlippedGenerator(), Euclidean(3), "action: generators = derivative of act"),
    "generators too long": (ScaledGenerators(), Euclidean(3), "action: generators = derivative of act"),
    "affine, not linear": (ClaimedLinear(), Euclidean(3), "claim: linear"),
    "not free": (ClaimedFree(), Euclidean(3), "claim: free"),
    "not locally free": (ClaimedLocallyFree(), Euclidean(3), "claim: locally free"),
    "finite stabilisers": (DoubleAngle(), ComplexEuclidean(2), "claim: free"),
    "identity moves points": (NoIdentity(), Euclidean(3), "action: e x = x"),
}


@pytest.mark.parametrize("name", list(TRUE))
@pytest.mark.parametrize("seed", SEEDS)
def test_true_actions_pass(name: str, seed: int) -> None:
    action, space = TRUE[name]
    report = check_action(action, space, seed=seed)
    assert report.ok, str(report)
    assert report.result("action: (g h) x = g (h x)").verdict is Verdict.HOLDS


@pytest.mark.parametrize("name", list(LIES))
@pytest.mark.parametrize("seed", SEEDS)
def test_lies_are_refuted_by_the_law_that_names_them(name: str, seed: int) -> None:
    action, space, law = LIES[name]
    result = check_action(action, space, seed=seed).result(law)
    assert result.verdict is Verdict.REFUTED, f"{result.residual} within {result.tolerance}"
    assert result.witness
    assert result.residual > 100 * result.tolerance


def test_a_lie_does_not_spread_to_laws_that_hold() -> None:
    assert {r.law for r in check_action(Stretching(), Euclidean(3)).refuted} == {"claim: isometric"}
    assert {r.law for r in check_action(ClaimedLinear(), Euclidean(3)).refuted} == {"claim: linear"}
    assert {r.law for r in check_action(DoubleAngle(), ComplexEuclidean(2)).refuted} == {"claim: free"}


def test_free_actions_may_claim_it() -> None:
    class Free(RigidMotionAction):  # pyright: ignore[reportGeneralTypeIssues]
        free = True

    report = check_action(Free(3), PointClouds(4, 3))
    assert report.result("claim: free").verdict is Verdict.HOLDS


def test_an_exception_is_a_refutation() -> None:
    result = check_action(Raising(), Euclidean(3)).result("action: e x = x")
    assert result.verdict is Verdict.REFUTED
    assert result.reason == "RuntimeError: no such move"
    with pytest.raises(ActionError, match="no such move"):
        check_action(Raising(), Euclidean(3)).raise_if_refuted()


def test_numbers_that_are_not_numbers_are_refutations() -> None:
    residual = torch.tensor([0.0, math.nan])
    assert judge("law", lambda: Evidence(residual, 1e-9), seed=0).verdict is Verdict.REFUTED


def test_loose_tolerances_decide_nothing() -> None:
    loose = judge("law", lambda: Evidence(torch.ones(2), torch.tensor([1.0, 2.0])), seed=0)
    assert loose.verdict is Verdict.NOT_APPLICABLE
    mixed = judge("law", lambda: Evidence(torch.ones(2), torch.tensor([1.0, 1e-9])), seed=0)
    assert mixed.verdict is Verdict.REFUTED


def test_reports_read_well_and_repeat() -> None:
    report = check_action(Stretching(), Euclidean(3), seed=3)
    lines = str(report).splitlines()
    assert lines[0] == "Stretching of SpecialOrthogonal(3) on Euclidean(3)"
    assert any("claim: isometric" in line and "REFUTED" in line for line in lines)
    assert "refuted with seed 3" in lines[-1]
    assert all(name in lines[-1] for name in ("g = [[", "x = [", "v = [", "w = ["))
    assert str(check_action(Stretching(), Euclidean(3), seed=3)) == str(report)
    with pytest.raises(ActionError, match=r"'claim: isometric' is refuted with seed 3: residual .* at g = "):
        report.raise_if_refuted()
    with pytest.raises(KeyError, match="no law is called"):
        report.result("nonsense")


def test_witnesses_reproduce_the_defect() -> None:
    witness = check_action(Stretching(), Euclidean(3)).result("claim: isometric").witness
    g, v, w = witness["g"], witness["v"], witness["w"]
    action = Stretching()
    defect = action.act(g, v) @ action.act(g, w) - v @ w
    assert defect.abs() > 1e-3 * v.norm() * w.norm()


def test_a_report_that_holds_raises_nothing() -> None:
    Report("nothing", ()).raise_if_refuted()
    product = DirectProduct(Torus(1), Translations(2))
    assert check_action(ProductAction(PhaseAction()), ComplexEuclidean(2)).ok
    assert product.dim == 3


@pytest.mark.slow
@pytest.mark.parametrize("name", list(TRUE))
def test_true_actions_pass_at_twenty_seeds(name: str) -> None:
    action, space = TRUE[name]
    for seed in range(100, 120):
        report = check_action(action, space, seed=seed)
        assert report.ok, str(report)
