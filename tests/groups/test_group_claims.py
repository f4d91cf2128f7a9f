"""check_action on groups that say something false of themselves."""

import pytest
import torch
from torch import Tensor

from groups import (
    AbstractMatrixGroup,
    CyclicGroup,
    Group,
    GroupAction,
    SpecialOrthogonal,
    Torus,
    WeightedCircleAction,
)
from groups.check import check_action
from groups.claims import Verdict
from groups.laws import MetricSpace
from quotient import ComplexEuclidean, Euclidean


class Matrices2(AbstractMatrixGroup):
    """Base of small matrix groups that say something false."""

    n = 2
    generators: tuple[tuple[float, ...], ...] = ((0.0, -1.0, 1.0, 0.0),)
    is_complex = False  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]
    compact = True  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]
    unimodular = True  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]
    connected = True  # pyright: ignore[reportIncompatibleMethodOverride, reportAssignmentType]

    @property
    def dim(self) -> int:
        return len(self.generators)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.n, self.n)

    def _make_basis(self) -> Tensor:
        return torch.tensor(self.generators, dtype=torch.float64).reshape(-1, self.n, self.n)

    def inverse(self, element: Tensor) -> Tensor:
        return torch.linalg.inv(element)

    def random(self, batch_shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
        return self.exp(torch.randn(*batch_shape, self.dim, generator=generator, dtype=torch.float64))


class AffineLine(Matrices2):
    """x -> a x + b with a > 0, not unimodular."""

    generators = ((1.0, 0.0, 0.0, 0.0), (0.0, 1.0, 0.0, 0.0))
    compact = False  # pyright: ignore[reportAssignmentType]


class Boosts(Matrices2):
    generators = ((0.0, 1.0, 1.0, 0.0),)


class WrongInverse(Matrices2):
    def inverse(self, element: Tensor) -> Tensor:
        return element


class WrongComposition(Matrices2):
    """Symmetrised products are not associative."""

    generators = tuple(tuple(row) for row in SpecialOrthogonal(3).basis.flatten(1).tolist())
    n = 3

    def compose(self, first: Tensor, second: Tensor) -> Tensor:
        return (first @ second + second @ first) / 2


class WrongBracket(Matrices2):
    generators = WrongComposition.generators
    n = 3

    def bracket(self, first: Tensor, second: Tensor) -> Tensor:
        return second @ first - first @ second


class WithReflections(Matrices2):
    def random(self, batch_shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
        flip = torch.randn(*batch_shape, 1, 1, generator=generator, dtype=torch.float64).sign()
        mirror = torch.cat([torch.ones_like(flip), flip], -2) * torch.eye(2, dtype=torch.float64)
        return super().random(batch_shape, generator, like) @ mirror


class Translated(GroupAction):
    """Translations that claim to be a compact group."""

    def __init__(self) -> None:
        self.group = Matrices2Shift()

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return x + g[..., 0, 1:2]


class Matrices2Shift(Matrices2):
    generators = ((0.0, 1.0, 0.0, 0.0),)


class OnVectors(GroupAction):
    isometric = False

    def __init__(self, group: Group) -> None:
        self.group = group

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.einsum("...ij,...j->...i", g, x)


LIES: dict[str, tuple[GroupAction, MetricSpace, str]] = {
    "not unimodular": (OnVectors(AffineLine()), Euclidean(2), "claim: unimodular"),
    "boosts are not compact": (OnVectors(Boosts()), Euclidean(2), "claim: compact"),
    "translations are not compact": (Translated(), Euclidean(3), "claim: compact"),
    "wrong inverse": (OnVectors(WrongInverse()), Euclidean(2), "group: inverse"),
    "inverse does not undo": (OnVectors(WrongInverse()), Euclidean(2), "action: g^-1 (g x) = x"),
    "wrong composition": (OnVectors(WrongComposition()), Euclidean(3), "group: associative"),
    "composition and action": (OnVectors(WrongComposition()), Euclidean(3), "action: (g h) x = g (h x)"),
    "wrong bracket": (OnVectors(WrongBracket()), Euclidean(3), "group: bracket = derivative of Ad"),
    "reflections": (OnVectors(WithReflections()), Euclidean(2), "claim: connected"),
}


@pytest.mark.parametrize("name", list(LIES))
@pytest.mark.parametrize("seed", range(5))
def test_lies_are_refuted_by_the_law_that_names_them(name: str, seed: int) -> None:
    action, space, law = LIES[name]
    result = check_action(action, space, seed=seed).result(law)
    assert result.verdict is Verdict.REFUTED, f"{result.residual} within {result.tolerance}"
    assert result.witness
    assert result.residual > 100 * result.tolerance


def test_the_base_of_these_groups_tells_the_truth() -> None:
    report = check_action(OnVectors(Matrices2()), Euclidean(2))
    assert report.ok, str(report)


class CircleOnTwo(GroupAction):
    """exp(i 2 theta) on both entries: theta = pi acts trivially."""

    linear = True
    locally_free = True

    def __init__(self, weights: tuple[int, ...], *, effective: bool, order: int) -> None:
        self._circle = WeightedCircleAction(weights)
        self.group = self._circle.group
        self.effective = effective
        self.principal_stabilizer_order = order

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return self._circle.act(g, x)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("weights", "order", "kernel"), [((1, 2), 1, False), ((2, 2), 2, True), ((2, 4), 2, True), ((3, 0), 3, True)]
)
def test_kernels_and_principal_stabilizers(weights: tuple[int, ...], order: int, kernel: bool, seed: int) -> None:  # noqa: FBT001
    space = ComplexEuclidean(2)
    true = check_action(CircleOnTwo(weights, effective=not kernel, order=order), space, seed=seed)
    assert not true.refuted, str(true)
    effective = check_action(CircleOnTwo(weights, effective=True, order=order), space, seed=seed)
    assert {r.law for r in effective.refuted} == ({"claim: effective"} if kernel else set())
    if order > 1:
        free = check_action(CircleOnTwo(weights, effective=not kernel, order=1), space, seed=seed)
        assert {r.law for r in free.refuted} == {"claim: order of the principal stabiliser"}


def test_a_group_with_an_idle_factor_is_not_effective() -> None:
    class Idle(GroupAction):
        group = Torus(2)
        effective = True

        def act(self, g: Tensor, x: Tensor) -> Tensor:
            turn = g[..., :1] - g[..., 1:]
            return torch.complex(torch.cos(turn), torch.sin(turn)) * x

    report = check_action(Idle(), ComplexEuclidean(2))
    assert {r.law for r in report.refuted} == {"claim: effective"}


@pytest.mark.parametrize(("order", "refuted"), [(1, True), (2, False), (3, True)])
def test_order_of_finite_stabilizers_is_exact(order: int, refuted: bool) -> None:  # noqa: FBT001
    """Z_4 turning the plane by half turns: 0 and 2 fix every point."""

    class HalfTurns(GroupAction):
        group = CyclicGroup(4)
        linear = True
        principal_stabilizer_order = order

        def act(self, g: Tensor, x: Tensor) -> Tensor:
            return (1.0 - 2.0 * (g % 2)).unsqueeze(-1) * x

    report = check_action(HalfTurns(), Euclidean(2))
    assert bool(report.refuted) == refuted, str(report)
