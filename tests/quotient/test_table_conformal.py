"""Rescaling: isometric for |x|^-2 dx^2 and refused for dx^2; Kendall's shapes as a quotient by similarities."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import pytest
import torch
from torch import Tensor
from typing_extensions import override

from groups import (
    GroupAction,
    MatrixGroup,
    ProductAction,
    RotationAction,
    Verdict,
    check_action,
    directional_derivative,
)
from groups.laws import array_norm
from quotient import (
    CenteredClouds,
    ClaimError,
    Euclidean,
    FlatSpace,
    GroupQuotient,
    PreShapes,
    TotalSpace,
    verify,
)
from tests.quotient.test_table_flat import center, log_pair_sums, normal, pair_sums, turns
from tests.quotient.test_table_rows import (
    MAGNITUDES,
    Named,
    Process,
    Row,
    assert_geometry,
    assert_named,
    assert_process,
    assert_routes,
    on_span,
)


@final
class Cylinder(TotalSpace):
    """A flat space without its origin, with the metric |x|^-2 dx^2: the product of a line (log |x|) and a sphere.

    nabla_u X = D_u X - (<x, u> X + <x, X> u - <u, X> x) / |x|^2.
    """

    def __init__(self, flat: FlatSpace) -> None:
        self.around = flat

    def __repr__(self) -> str:
        return f"Cylinder({self.around!r})"

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return self.around.shape

    @property
    @override
    def dim(self) -> int:
        return self.around.dim

    @property
    @override
    def flat(self) -> bool:
        return False

    def _dot(self, first: Tensor, second: Tensor) -> Tensor:
        rank = len(self.shape)
        return (first * second).sum(tuple(range(-rank, 0)))[(..., *[None] * rank)]

    @override
    def metric(self, first: Tensor, second: Tensor, base_point: Tensor) -> Tensor:
        return (self._dot(first, second) / self._dot(base_point, base_point)).flatten(-len(self.shape)).squeeze(-1)

    @override
    def to_tangent(self, vector: Tensor, base_point: Tensor) -> Tensor:
        return self.around.to_tangent(vector, base_point)

    @override
    def gradient(self, differential: Tensor, base_point: Tensor) -> Tensor:
        return self._dot(base_point, base_point) * self.to_tangent(differential, base_point)

    @override
    def covariant_derivative(self, field: Callable[[Tensor], Tensor], direction: Tensor, base_point: Tensor) -> Tensor:
        value, change = directional_derivative(field, base_point, direction)
        x, u = base_point, direction
        bent = self._dot(x, u) * value + self._dot(x, value) * u - self._dot(u, value) * x
        return change - bent / self._dot(x, x)

    @override
    def parseval_frame(self, base_point: Tensor) -> Tensor:
        return self._dot(base_point, base_point).sqrt() * self.around.parseval_frame(base_point)

    @override
    def white_noise(self, normal: Tensor, base_point: Tensor) -> Tensor:
        return self._dot(base_point, base_point).sqrt() * self.around.white_noise(normal, base_point)

    @override
    def exp(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        """Along the cylinder: |x| e^a (cos b x / |x| + sin b w / b), v / |x| = a x / |x| + w, b = |w|."""
        size = self._dot(base_point, base_point).sqrt()
        foot, v = base_point / size, tangent_vec / size
        a = self._dot(foot, v)
        w = v - a * foot
        b = self._dot(w, w).sqrt()
        return size * torch.exp(a) * (torch.cos(b) * foot + torch.sinc(b / torch.pi) * w)

    @override
    def random_point(self, batch_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        return self.around.random_point(batch_shape, generator)


class Rescaling(GroupAction):
    """x -> s x for s > 0; claims to be isometric, which depends on the metric."""

    group = MatrixGroup([torch.ones(1, 1)])
    linear = True

    def __init__(self, point_ndim: int = 1) -> None:
        self.point_ndim = point_ndim

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return g.reshape(g.shape[:-2] + (1,) * self.point_ndim) * x

    def center(self, x: Tensor) -> Tensor:
        return x / array_norm(x, self.point_ndim)[(..., *[None] * self.point_ndim)]


class HonestRescaling(Rescaling):
    isometric = False


def directions(n: int) -> Row:
    """The sphere: 1/2 Lap x / |x| = -(n - 1) / 2 x / |x|."""

    def unit(x: Tensor) -> Tensor:
        return x / x.norm(dim=-1, keepdim=True)

    def drift(x: Tensor) -> Tensor:
        return -0.5 * (n - 1) * unit(x)

    return Row(
        quotient=GroupQuotient(Cylinder(Euclidean(n)), Rescaling()),
        dimension=1,
        vertical=lambda v, x: unit(x) * (unit(x) * v).sum(-1, keepdim=True),
        log_volume=lambda x: torch.zeros_like(x[..., 0]),
        mean_curvature=torch.zeros_like,
        process=Process(unit, drift, drift),
        magnitudes=MAGNITUDES,
    )


def similarities(n_points: int, d: int) -> Row:
    """Kendall's shapes again, by SO(d) x R_+; invariants are the Gram entries of x / |x|, as for pre-shapes."""
    rotations = d * (d - 1) // 2

    def square(x: Tensor) -> Tensor:
        return array_norm(x, 2)[..., None, None] ** 2

    def curvature(x: Tensor) -> Tensor:
        return -square(x) * (x @ pair_sums(x)) + rotations * x

    def gram(x: Tensor) -> Tensor:
        return (x @ x.mT / square(x)).flatten(-2)

    def drift(x: Tensor) -> Tensor:
        centering = torch.eye(n_points, dtype=torch.float64) - 1 / n_points
        return (d * centering).flatten() - d * (n_points - 1) * gram(x)

    def intrinsic(x: Tensor) -> Tensor:
        return drift(x) + (curvature(x) @ x.mT / square(x)).flatten(-2)

    def vertical(v: Tensor, x: Tensor) -> Tensor:
        return on_span(torch.cat([turns(x), x.unsqueeze(-3)], -3), v, 2)

    line = center(torch.linspace(-1, 2, n_points, dtype=torch.float64)[:, None] * normal(2, 1, d))
    return Row(
        quotient=GroupQuotient(Cylinder(CenteredClouds(n_points, d)), ProductAction(RotationAction(d), Rescaling(2))),
        dimension=rotations + 1,
        vertical=vertical,
        log_volume=lambda x: log_pair_sums(x) - rotations * array_norm(x, 2).log(),
        mean_curvature=curvature,
        process=Process(gram, drift, intrinsic),
        magnitudes=MAGNITUDES,
        named={"line": Named(line, 2 if d == 2 else 3, regular=d == 2)},
    )


ROWS = {
    "14a: directions": directions(4),
    "14b: shapes in the plane": similarities(4, 2),
    "14b: shapes in space": similarities(5, 3),
}
EACH = pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
NAMED = {name: row for name, row in ROWS.items() if row.named}


@EACH
def test_geometry(row: Row) -> None:
    assert_geometry(row)


@EACH
def test_routes(row: Row) -> None:
    assert_routes(row)


@pytest.mark.parametrize("row", NAMED.values(), ids=list(NAMED))
def test_named_points(row: Row) -> None:
    assert_named(row)


@EACH
def test_process(row: Row) -> None:
    assert_process(row)


def test_connection_of_the_cylinder() -> None:
    """It is metric and free of torsion, and geodesics of the test's own space are curves without acceleration."""
    space = Cylinder(Euclidean(3))
    x, u, a, b = (normal(seed, 5, 3) for seed in range(4))

    def field(y: Tensor, c: Tensor) -> Tensor:
        return torch.sin(y) * c + y.roll(1, -1)

    inner = directional_derivative(lambda y: space.metric(field(y, a), field(y, b), y), x, u)[1]
    along_a = space.covariant_derivative(lambda y: field(y, a), u, x)
    along_b = space.covariant_derivative(lambda y: field(y, b), u, x)
    split = space.metric(along_a, field(x, b), x) + space.metric(field(x, a), along_b, x)
    torch.testing.assert_close(inner, split, rtol=0, atol=1e-11)
    curve = [space.exp(t * u, x) for t in (-1e-3, 0.0, 1e-3)]
    speed = (curve[2] - curve[0]) / 2e-3
    bend = (curve[2] - 2 * curve[1] + curve[0]) / 1e-6
    gamma = space.covariant_derivative(lambda y: speed + 0 * y, speed, x)
    assert float((bend + gamma).abs().max()) < 1e-4


def test_rescaling_is_refused_for_the_flat_metric() -> None:
    """By the claim where it is honest; by measurement where it is not."""
    with pytest.raises(ClaimError, match="isometries"):
        GroupQuotient(Euclidean(3), HonestRescaling())
    claim = check_action(Rescaling(), Euclidean(3)).result("claim: isometric")
    assert claim.verdict is Verdict.REFUTED
    report = verify(GroupQuotient(Euclidean(3), Rescaling()))
    assert report.result("claim: isometric").verdict is Verdict.REFUTED
    with pytest.raises(ClaimError, match="isometric"):
        report.raise_if_refuted()


def test_rescaling_is_accepted_on_the_cylinder() -> None:
    points = normal(0, 8, 3)
    report = verify(GroupQuotient(Cylinder(Euclidean(3)), Rescaling()), points=points)
    assert report.ok, str(report)


def test_both_descriptions_of_shapes_agree() -> None:
    """On |x| = 1 the metrics agree on directions tangent to the sphere, and so do P and H."""
    x, v = PreShapes(5, 3).random_point((6,), torch.Generator().manual_seed(0)), normal(1, 6, 5, 3)
    spheres = GroupQuotient(PreShapes(5, 3), RotationAction(3))
    similar = ROWS["14b: shapes in space"].quotient
    tangent = spheres.total_space.to_tangent(v, x)
    torch.testing.assert_close(
        similar.horizontal_projection(tangent, x), spheres.horizontal_projection(tangent, x), rtol=0, atol=1e-12
    )
    torch.testing.assert_close(similar.mean_curvature(x), spheres.mean_curvature(x), rtol=0, atol=1e-12)
