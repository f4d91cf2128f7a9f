"""Submersions given by a map, beside the group quotients they equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import pytest
import torch
from geomstats.geometry.euclidean import Euclidean as GeomstatsEuclidean
from geomstats.geometry.grassmannian import Grassmannian
from geomstats.geometry.hypersphere import Hypersphere as GeomstatsHypersphere
from geomstats.geometry.scalar_product_metric import ScalarProductMetric
from geomstats.geometry.spd_matrices import SPDBuresWassersteinMetric
from geomstats.geometry.spd_matrices import SPDMatrices as GeomstatsSPDMatrices
from torch import Tensor

from groups import SpecialOrthogonal, VectorAction, Verdict
from quotient import (
    AlwaysLifted,
    ClaimError,
    Euclidean,
    GeomstatsSpace,
    GroupQuotient,
    IntrinsicBrownianMotion,
    MapSubmersion,
    Matrices,
    ProjectedBrownianMotion,
    SPDMatrices,
    TotalSpace,
    verify,
)
from tests.quotient.test_table_curved import ROWS as CURVED
from tests.quotient.test_table_curved import pre_shapes
from tests.quotient.test_table_flat import ROWS as FLAT
from tests.quotient.test_table_flat import center, normal
from tests.quotient.test_table_frames import ROWS as FRAMES
from tests.quotient.test_table_frames import angle
from tests.quotient.test_table_matrices import ROWS as MATRICES
from tests.quotient.test_table_phases import PAULI
from tests.quotient.test_table_phases import ROWS as PHASES
from tests.quotient.test_table_rows import TOLERANCE, Row, assert_curvature

ROWS = {**FLAT, **PHASES, **MATRICES, **FRAMES, **CURVED}


def scaled(manifold: Any, factor: float) -> GeomstatsSpace:
    """A manifold of geomstats with its metric times a factor."""
    manifold.metric = ScalarProductMetric(manifold, factor)
    return GeomstatsSpace(manifold)


def sphere(dim: int, radius: float) -> GeomstatsSpace:
    """Unit vectors with the metric of a sphere of this radius."""
    return scaled(GeomstatsHypersphere(dim), radius**2)


def subspaces(n: int, k: int, factor: float) -> GeomstatsSpace:
    """Projectors with this multiple of the metric of symmetric matrices."""
    return scaled(Grassmannian(n, k), factor)


def bures_wasserstein(n: int) -> GeomstatsSpace:
    space = GeomstatsSPDMatrices(n, equip=False)
    space.equip_with_metric(SPDBuresWassersteinMetric)
    return GeomstatsSpace(space)


def bloch(z: Tensor) -> Tensor:
    return torch.einsum("...i,aij,...j->...a", z.conj(), PAULI, z).real


def triangle(x: Tensor) -> Tensor:
    """Kendall's sphere of triangles: the Bloch vector of their two Jacobi vectors as complex numbers."""
    jacobi = torch.tensor([[1.0, -1.0, 0.0], [1.0, 1.0, -2.0]], dtype=x.dtype)
    a, b = (jacobi / jacobi.norm(dim=-1, keepdim=True) @ x).unbind(-2)
    dot, cross = (a * b).sum(-1), a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return torch.stack([2 * dot, 2 * cross, (a * a).sum(-1) - (b * b).sum(-1)], -1)


@final
@dataclass(frozen=True, eq=False)
class Pair:
    """A row of the table, the same submersion as a map, and a base with another metric."""

    row: Row
    map: Callable[[Tensor], Tensor]
    base: TotalSpace
    wrong: TotalSpace


def line(factor: float) -> GeomstatsSpace:
    return scaled(GeomstatsEuclidean(1), factor)


def root_two_angle(r: Tensor) -> Tensor:
    return 2**0.5 * angle(r)


PAIRS = {
    "radius": Pair(ROWS["2: R^5"], lambda x: x.norm(dim=-1, keepdim=True), Euclidean(1), line(4.0)),
    "Hopf": Pair(ROWS["6: qubit"], bloch, sphere(2, 0.5), sphere(2, 1.0)),
    "triangles": Pair(pre_shapes(3, 2), triangle, sphere(2, 0.5), sphere(2, 1.0)),
    "Gram": Pair(ROWS["8: GL(3)"], lambda y: y @ y.mT, bures_wasserstein(3), SPDMatrices(3)),
    "projector": Pair(ROWS["7b: subspaces"], lambda q: q @ q.mT, subspaces(5, 3, 0.5), subspaces(5, 3, 1.0)),
    "column": Pair(ROWS["7a: sphere S^3"], lambda g: g[..., 0], sphere(3, 2**0.5), sphere(3, 1.0)),
    "planes": Pair(
        ROWS["7a: planes of SO(4)"],
        lambda g: g[..., :2] @ g[..., :2].mT,
        subspaces(4, 2, 1.0),
        subspaces(4, 2, 0.5),
    ),
    "height": Pair(ROWS["17a: horocycles"], lambda p: p[..., 1:].log(), Euclidean(1), line(4.0)),
    "class angle": Pair(ROWS["18: class angles"], root_two_angle, Euclidean(1), line(0.5)),
}
SLOW = {"projector", "planes"}
EACH = pytest.mark.parametrize("pair", PAIRS.values(), ids=list(PAIRS))


def submersion(pair: Pair) -> MapSubmersion:
    return MapSubmersion(pair.row.space, pair.base, pair.map)


def assert_same_projections(row: Row, by_map: MapSubmersion, x: Tensor) -> None:
    v = row.tangent(x)
    gap = by_map.vertical_projection(v, x) - row.quotient.vertical_projection(v, x)
    assert float((row.space.norm(gap, x) / row.space.norm(v, x)).max()) < TOLERANCE


@EACH
def test_map_and_group_have_the_same_fibres(pair: Pair) -> None:
    x = pair.row.draw(12)
    by_map = submersion(pair)
    assert (by_map.horizontal_frame(x).rank == pair.row.space.dim - pair.row.dimension).all()
    assert_same_projections(pair.row, by_map, x)
    assert_curvature(pair.row, x, by_map.mean_curvature(x))


@EACH
def test_map_is_riemannian_for_one_metric_of_the_base(pair: Pair) -> None:
    x = pair.row.draw(12)
    by_map = submersion(pair)
    assert float(by_map.riemannian_defect(x).max()) < TOLERANCE
    by_map.check_riemannian(x)
    wrong = MapSubmersion(pair.row.space, pair.wrong, pair.map)
    assert float(wrong.riemannian_defect(x).min()) > 0.1
    with pytest.raises(ClaimError, match="not a Riemannian submersion"):
        wrong.check_riemannian(x)


@pytest.mark.parametrize(
    "pair",
    [pytest.param(pair, marks=pytest.mark.slow if name in SLOW else ()) for name, pair in PAIRS.items()],
    ids=list(PAIRS),
)
def test_steps_of_the_projected_motion_are_the_same(pair: Pair) -> None:
    x = pair.row.draw(4)
    normal = torch.randn(x.shape, generator=torch.Generator().manual_seed(5), dtype=x.dtype)
    step = torch.tensor(1e-3, dtype=torch.float64)
    by_map, by_group, without = (
        motion.step(x, step, normal)
        for motion in (
            ProjectedBrownianMotion(submersion(pair), rule=AlwaysLifted()),
            ProjectedBrownianMotion(pair.row.quotient, rule=AlwaysLifted()),
            ProjectedBrownianMotion(submersion(pair), rule=AlwaysLifted(), curvature_drift=0.0),
        )
    )
    torch.testing.assert_close(by_map, by_group, rtol=0, atol=1e-11)
    bent = float(pair.row.space.norm(pair.row.mean_curvature(x), x).max()) > 1e-6
    assert (float((without - by_group).abs().max()) > 1e-9) is bent


REDUNDANT = {
    "clouds": (ROWS["3: clouds in space"], lambda x: center(x) @ center(x).mT),
    "shapes": (ROWS["10: shapes in space"], lambda x: x @ x.mT),
    "low rank": (ROWS["9: rank 3"], lambda y: y @ y.mT),
    "correlations": (ROWS["16: correlations"], lambda s: s / _roots(s)),
}


def _roots(s: Tensor) -> Tensor:
    d = torch.diagonal(s, dim1=-2, dim2=-1).sqrt()
    return d.unsqueeze(-1) * d.unsqueeze(-2)


@pytest.mark.parametrize(("row", "map"), REDUNDANT.values(), ids=list(REDUNDANT))
def test_redundant_invariants_span_the_same_horizontal_space(row: Row, map: Callable[[Tensor], Tensor]) -> None:  # noqa: A002
    """More invariants than the quotient has dimensions: the fibres are right, and the base is not what was named."""
    x = row.draw(8)
    shape = map(x).shape
    by_map = MapSubmersion(row.space, Matrices(shape[-2], shape[-1]), map)
    assert_same_projections(row, by_map, x)
    assert_curvature(row, x, by_map.mean_curvature(x))
    assert by_map.riemannian_defect(x).isinf().all()


@pytest.mark.parametrize("n", [2, 4])
def test_radius_equals_rotations(n: int) -> None:
    by_map = MapSubmersion(Euclidean(n), Euclidean(1), lambda x: x.norm(dim=-1, keepdim=True))
    by_group = GroupQuotient(Euclidean(n), VectorAction(SpecialOrthogonal(n)))
    x, v = normal(0, 5, n), normal(1, 5, n)
    torch.testing.assert_close(by_map.vertical_projection(v, x), by_group.vertical_projection(v, x))
    torch.testing.assert_close(by_map.mean_curvature(x), by_group.mean_curvature(x))
    assert verify(by_map).ok


def test_squared_radius_is_not_riemannian_but_has_the_same_fibres() -> None:
    by_map = MapSubmersion(Euclidean(3), Euclidean(1), lambda x: (x * x).sum(-1, keepdim=True))
    x, v = normal(2, 5, 3), normal(3, 5, 3)
    by_group = GroupQuotient(Euclidean(3), VectorAction(SpecialOrthogonal(3)))
    torch.testing.assert_close(by_map.horizontal_projection(v, x), by_group.horizontal_projection(v, x))
    with pytest.raises(ClaimError, match="not a Riemannian submersion"):
        by_map.check_riemannian(x)


def distance_to_circle(x: Tensor) -> Tensor:
    """To the unit circle of the plane z = 0; fibres are tori."""
    out = torch.linalg.vector_norm(x[..., :2], dim=-1) - 1
    return torch.stack([out, x[..., 2]], -1).norm(dim=-1, keepdim=True)


def test_distances_to_a_curve_are_riemannian_but_not_markov() -> None:
    """Lap f = 1 / f + (rho - 1) / (rho f) varies along the tori: the outer half is less bent than the inner one."""
    tubes = MapSubmersion(Euclidean(3), Euclidean(1), distance_to_circle)
    x = normal(0, 20, 3)
    x = x[distance_to_circle(x).squeeze(-1) < 0.9]
    assert len(x) >= 4
    tubes.check_riemannian(x)
    f = distance_to_circle(x)
    rho = torch.linalg.vector_norm(x[:, :2], dim=-1, keepdim=True)
    bend = tubes.tangent_map(tubes.mean_curvature(x), x)
    torch.testing.assert_close(bend, -(1 / f + (rho - 1) / (rho * f)), rtol=1e-9, atol=1e-9)
    with pytest.raises(ClaimError, match="varies along the fibres"):
        ProjectedBrownianMotion(tubes)
    report = verify(tubes, points=x)
    assert report.result("process: d pi(H) constant along fibres").verdict is Verdict.REFUTED
    assert report.result("map: d pi isometric on horizontal vectors").verdict is Verdict.HOLDS
    step = IntrinsicBrownianMotion(tubes).step(x, torch.tensor(1e-3, dtype=torch.float64), normal(1, *x.shape))
    assert step.isfinite().all()


def test_distances_to_a_line_are_both() -> None:
    """The same distances in a cylinder, whose fibres all have the curvature 1 / f."""
    tubes = MapSubmersion(Euclidean(3), Euclidean(1), lambda x: x[..., :2].norm(dim=-1, keepdim=True))
    x = normal(0, 8, 3)
    tubes.check_riemannian(x)
    bend = tubes.tangent_map(tubes.mean_curvature(x), x)
    torch.testing.assert_close(bend, -1 / tubes.map(x), rtol=1e-9, atol=1e-9)
    assert ProjectedBrownianMotion(tubes).quotient is tubes
