"""Geomstats' own test cases on our bundles, law by law. What is not implemented must raise, and is not a pass."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from groups import OrthogonalAction, PhaseAction, RigidMotionAction, RotationAction, double_precision
from quotient import (
    ComplexHypersphere,
    FiberBundleView,
    GroupQuotient,
    Matrices,
    PointClouds,
    PreShapes,
    ShapeSpace,
    fiber_bundle,
)

with double_precision():
    from geomstats.test.random import KendalShapeRandomDataGenerator, RandomDataGenerator
    from geomstats.test_cases.geometry.fiber_bundle import FiberBundleTestCase
    from geomstats.test_cases.geometry.group_action import GroupActionTestCase
    from geomstats.test_cases.geometry.pre_shape import KendallShapeMetricTestCase, PreShapeBundleTestCase
    from geomstats.test_cases.geometry.quotient_metric import QuotientMetricTestCase

CallLaw = Callable[..., None]


def laws_of(case: type) -> list[str]:
    marks = {name: getattr(getattr(case, name), "pytestmark", []) for name in dir(case) if name.startswith("test_")}
    return [name for name, found in marks.items() if any(mark.name in ("random", "vec") for mark in found)]


#: Laws that geomstats states for Kendall's bundle and metric, of methods that every bundle has.
ANY_BUNDLE = [
    "test_horizontal_projection_is_tangent",
    "test_integrability_tensor_identity_1",
    "test_integrability_tensor_identity_2",
    "test_integrability_tensor_derivative_is_alternate",
    "test_integrability_tensor_derivative_is_skew_symmetric",
    "test_integrability_tensor_derivative_reverses_hor",
    "test_integrability_tensor_derivative_reverses_ver",
]
#: Of bundles by rotations of the rows.
ROTATIONS = [
    "test_alignment_is_symmetric",
    "test_horizontal_projection_correctness",
    "test_vertical_projection_correctness",
]
CURVATURE = ["test_curvature_bianchi_identity", "test_curvature_is_skew_operator"]
CURVATURE_DERIVATIVE = [
    "test_curvature_derivative_bianchi_identity",
    "test_curvature_derivative_is_skew_operator",
    "test_directional_curvature_derivative_is_quadratic",
]
BUNDLE_LAWS = [*laws_of(FiberBundleTestCase), *ANY_BUNDLE]
#: What geomstats does not derive for a metric on arrays: symbols of a chart, and parallel transport in closed form.
UNANSWERED = [
    name
    for name in laws_of(QuotientMetricTestCase)
    if "riemann_tensor" in name
    or "parallel_transport" in name
    or "geodesic_equation" in name
    or "metric_matrix" in name
]
METRIC_LAWS = [name for name in laws_of(QuotientMetricTestCase) if name not in UNANSWERED]


def square(y: Tensor) -> Tensor:
    return y @ y.mT


def root(rank: int) -> Callable[[Tensor], Tensor]:
    """The section of y -> y y^T by the largest eigenvalues."""

    def lift(q: Tensor) -> Tensor:
        values, vectors = torch.linalg.eigh(q)
        return vectors[..., -rank:] * values[..., -rank:].sqrt().unsqueeze(-2)

    return lift


def bloch(z: Tensor) -> Tensor:
    """Pure states of a qubit to unit vectors."""
    a, b = z.unbind(-1)
    c = 2 * a.conj() * b
    return torch.stack([c.real, c.imag, (a.conj() * a - b.conj() * b).real], -1)


def state(n: Tensor) -> Tensor:
    x, y, z = n.unbind(-1)
    first = ((1 + z) / 2).sqrt()
    return torch.stack([torch.complex(first, torch.zeros_like(first)), torch.complex(x, y) / (2 * first)], -1)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def of_rows(n: int, k: int) -> FiberBundleView:
    quotient = GroupQuotient(Matrices(n, k), OrthogonalAction(k))
    return fiber_bundle(quotient, map=square, lift=root(k), generator=seeded())


OURS: dict[str, Callable[[], FiberBundleView]] = {
    "PreShapes(4, 3) / SO(3)": lambda: fiber_bundle(
        GroupQuotient(PreShapes(4, 3), RotationAction(3)), generator=seeded()
    ),
    "PreShapes(3, 2) / SO(2)": lambda: fiber_bundle(
        GroupQuotient(PreShapes(3, 2), RotationAction(2)), generator=seeded()
    ),
    "R^(4 x 3) / SE(3)": lambda: fiber_bundle(
        GroupQuotient(PointClouds(4, 3), RigidMotionAction(3)), generator=seeded()
    ),
    "ShapeSpace(4, 3)": lambda: fiber_bundle(ShapeSpace(4, 3), generator=seeded()),
    "S^3 / U(1)": lambda: fiber_bundle(GroupQuotient(ComplexHypersphere(2), PhaseAction()), generator=seeded()),
    "S^3 -> S^2": lambda: fiber_bundle(
        GroupQuotient(ComplexHypersphere(2), PhaseAction()), map=bloch, lift=state, generator=seeded()
    ),
    "GL(3) -> SPD(3)": lambda: of_rows(3, 3),
    "R^(4 x 2) -> PSD_2(4)": lambda: of_rows(4, 2),
}
OF_ROTATIONS = ["PreShapes(4, 3) / SO(3)", "PreShapes(3, 2) / SO(2)", "R^(4 x 3) / SE(3)", "GL(3) -> SPD(3)"]


def check_bundle(call_law: CallLaw, name: str, law: str) -> None:
    bundle = OURS[name]()
    call_law(
        PreShapeBundleTestCase,
        law,
        total_space=bundle.total_space,
        base=bundle.base,
        data_generator=RandomDataGenerator(bundle.total_space, 10.0),
        base_data_generator=RandomDataGenerator(bundle.base, 10.0),
    )


def check_metric(call_law: CallLaw, name: str, law: str) -> None:
    """Tangent vectors are short enough for logarithms to be unique.

    Points of the base are compared by their distance where they are represented by fibre points, as for Kendall's.
    """
    bundle = OURS[name]()
    by_fiber_points = bundle.map is None
    generator = (
        KendalShapeRandomDataGenerator(bundle.total_space, 10.0)
        if by_fiber_points
        else RandomDataGenerator(bundle.base, 30.0)
    )
    call_law(
        KendallShapeMetricTestCase if by_fiber_points else QuotientMetricTestCase,
        law,
        space=bundle.base,
        total_space=bundle.total_space,
        data_generator=generator,
    )


def test_the_catalogue_of_laws_is_whole() -> None:
    assert (len(BUNDLE_LAWS), len(METRIC_LAWS), len(UNANSWERED)) == (28, 21, 12)
    assert set(ANY_BUNDLE) | set(ROTATIONS) <= set(laws_of(PreShapeBundleTestCase))
    assert set(CURVATURE) | set(CURVATURE_DERIVATIVE) <= set(laws_of(KendallShapeMetricTestCase))


@pytest.mark.parametrize(
    "law", [pytest.param(law, marks=pytest.mark.slow) if "derivative" in law else law for law in BUNDLE_LAWS]
)
@pytest.mark.parametrize("name", OURS)
def test_bundle(call_law: CallLaw, name: str, law: str) -> None:
    check_bundle(call_law, name, law)


@pytest.mark.parametrize("law", ROTATIONS)
@pytest.mark.parametrize("name", OF_ROTATIONS)
def test_bundle_of_rotations(call_law: CallLaw, name: str, law: str) -> None:
    check_bundle(call_law, name, law)


@pytest.mark.parametrize("law", METRIC_LAWS)
@pytest.mark.parametrize("name", OURS)
def test_metric(call_law: CallLaw, name: str, law: str) -> None:
    check_metric(call_law, name, law)


@pytest.mark.slow
@pytest.mark.parametrize("law", [*CURVATURE, *CURVATURE_DERIVATIVE])
@pytest.mark.parametrize("name", ["PreShapes(4, 3) / SO(3)", "R^(4 x 3) / SE(3)"])
def test_curvature(call_law: CallLaw, name: str, law: str) -> None:
    check_metric(call_law, name, law)


@pytest.mark.parametrize("law", UNANSWERED)
@pytest.mark.parametrize("name", OURS)
def test_what_geomstats_does_not_derive_raises(call_law: CallLaw, name: str, law: str) -> None:
    with pytest.raises(NotImplementedError):
        check_metric(call_law, name, law)


@pytest.mark.parametrize("law", laws_of(GroupActionTestCase))
@pytest.mark.parametrize("name", ["PreShapes(4, 3) / SO(3)", "R^(4 x 3) / SE(3)", "GL(3) -> SPD(3)", "S^3 / U(1)"])
def test_group_action(call_law: CallLaw, name: str, law: str) -> None:
    total: Any = OURS[name]().total_space
    group, like = total.group_action.action.group, torch.zeros((), dtype=torch.float64)

    class GeomstatsGroup:
        identity = group.identity(like)
        inverse = staticmethod(group.inverse)

        @staticmethod
        def random_point(n_samples: int = 1) -> Tensor:
            return group.random(() if n_samples == 1 else (n_samples,), total.generator, like)

    call_law(GroupActionTestCase, law, group_action=total.group_action, space=total, group=GeomstatsGroup())
