"""Geomstats' own bundles under the laws that ours keep: which they break, and which they do not implement."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from groups import double_precision

with double_precision():
    from geomstats.geometry.full_rank_correlation_matrices import (
        FullRankCorrelationAffineQuotientMetric,
        FullRankCorrelationMatrices,
    )
    from geomstats.geometry.general_linear import GeneralLinear
    from geomstats.geometry.group_action import SpecialOrthogonalComposeAction
    from geomstats.geometry.matrices import MatricesMetric
    from geomstats.geometry.pre_shape import PreShapeSpace
    from geomstats.geometry.quotient_metric import QuotientMetric
    from geomstats.geometry.rank_k_psd_matrices import PSDBuresWassersteinMetric, RankKPSDMatrices
    from geomstats.geometry.spd_matrices import SPDMatrices
    from geomstats.test.random import KendalShapeRandomDataGenerator, RandomDataGenerator
    from geomstats.test_cases.geometry.fiber_bundle import GeneralLinearBuresWassersteinBundle
    from geomstats.test_cases.geometry.pre_shape import KendallShapeMetricTestCase, PreShapeBundleTestCase
    from geomstats.test_cases.geometry.quotient_metric import QuotientMetricTestCase

CallLaw = Callable[..., None]


def kendall(n_points: int, dim: int) -> Any:
    total = PreShapeSpace(n_points, dim)
    total.equip_with_group_action("rotations")
    return SimpleNamespace(base=total.equip_with_quotient(), total_space=total)


def geomstats_spd() -> Any:
    total = GeneralLinear(3, equip=False)
    total.equip_with_metric(MatricesMetric)
    total.equip_with_group_action(SpecialOrthogonalComposeAction(3))
    total.fiber_bundle = GeneralLinearBuresWassersteinBundle(total)
    base = SPDMatrices(3, equip=False)
    base.metric = QuotientMetric(base, total)
    return SimpleNamespace(base=base, total_space=total)


def geomstats_base(base: Any, metric: type) -> Any:
    base.metric = metric(base)
    return SimpleNamespace(base=base, total_space=base.metric._total_space)


THEIRS: dict[str, Callable[[], Any]] = {
    "PreShapeBundle(4, 3)": lambda: kendall(4, 3),
    "PreShapeBundle(3, 2)": lambda: kendall(3, 2),
    "GeneralLinearBuresWassersteinBundle(3)": geomstats_spd,
    "BuresWassersteinBundle(4, 2)": lambda: geomstats_base(
        RankKPSDMatrices(4, 2, equip=False), PSDBuresWassersteinMetric
    ),
    "CorrelationMatricesBundle(3)": lambda: geomstats_base(
        FullRankCorrelationMatrices(3, equip=False), FullRankCorrelationAffineQuotientMetric
    ),
}


#: Laws that geomstats' own bundles break, at these tolerances and on these points whatever the seed.
BROKEN = {
    "PreShapeBundle(4, 3)": ["test_tangent_riemannian_submersion_after_horizontal_lift"],
    "PreShapeBundle(3, 2)": ["test_tangent_riemannian_submersion_after_horizontal_lift"],
    "GeneralLinearBuresWassersteinBundle(3)": [
        "test_align_vec",
        "test_alignment_is_symmetric",
        "test_log_after_align_is_horizontal",
        "test_dist_point_to_itself_is_zero",
        "test_exp_after_log",
        "test_geodesic_bvp_reverse",
        "test_geodesic_bvp_vec",
    ],
    "BuresWassersteinBundle(4, 2)": [
        "test_tangent_riemannian_submersion_after_horizontal_lift",
        "test_log_after_exp",
    ],
    "CorrelationMatricesBundle(3)": [
        "test_align_vec",
        "test_log_after_align_is_horizontal",
        "test_dist_point_to_itself_is_zero",
    ],
}
#: Of the interface of bundles, implemented for Kendall's only.
UNANSWERED = ["test_integrability_tensor_vec", "test_integrability_tensor_derivative_vec"]


def check(call_law: CallLaw, name: str, law: str) -> None:
    theirs = THEIRS[name]()
    of_metric = law in dir(QuotientMetricTestCase)
    call_law(
        QuotientMetricTestCase if of_metric else PreShapeBundleTestCase,
        law,
        space=theirs.base,
        base=theirs.base,
        total_space=theirs.total_space,
        data_generator=RandomDataGenerator(theirs.base if of_metric else theirs.total_space, 10.0),
        base_data_generator=RandomDataGenerator(theirs.base, 10.0),
    )


@pytest.mark.parametrize(("name", "law"), [(name, law) for name, laws in BROKEN.items() for law in laws])
def test_laws_that_their_bundles_break(call_law: CallLaw, name: str, law: str) -> None:
    with pytest.raises(AssertionError):
        check(call_law, name, law)


@pytest.mark.parametrize("law", ["test_horizontal_lift_is_horizontal", "test_inner_product_is_symmetric"])
@pytest.mark.parametrize("name", THEIRS)
def test_laws_that_their_bundles_keep(call_law: CallLaw, name: str, law: str) -> None:
    """So that what breaks is the law and not the way it is called."""
    check(call_law, name, law)


@pytest.mark.parametrize("law", UNANSWERED)
@pytest.mark.parametrize("name", [name for name in THEIRS if not name.startswith("PreShape")])
def test_their_bundles_without_integrability_tensor(call_law: CallLaw, name: str, law: str) -> None:
    with pytest.raises(NotImplementedError):
        check(call_law, name, law)


def test_their_law_of_sectional_curvature_contradicts_itself(call_law: CallLaw) -> None:
    """It asks <R(v, u) v, u> = <R(u, v) v, u>, of which one is minus the other."""
    theirs = THEIRS["PreShapeBundle(3, 2)"]()
    with pytest.raises(AssertionError):
        call_law(
            KendallShapeMetricTestCase,
            "test_sectional_curvature_lower_bound",
            space=theirs.base,
            total_space=theirs.total_space,
            data_generator=KendalShapeRandomDataGenerator(theirs.total_space, 1.0),
        )
