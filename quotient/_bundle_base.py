"""The base of a fibre bundle as a manifold of geomstats, with its quotient metric."""

# geomstats has no annotations, and its abstract methods are taken to return None
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor
from typing_extensions import override

from groups._geomstats import Manifold, QuotientMetric
from quotient._geomstats_views import ATOL, close, tensor_derivative, together
from quotient.errors import ClaimError
from quotient.group_quotient import GroupQuotient
from quotient.orbit_space import AlignmentKind, OrbitSpace
from quotient.submersion import RiemannianSubmersion

if TYPE_CHECKING:
    from quotient.bundle_view import FiberBundleView

_SAME_FIBER = 1e-6


def fiber_dimension(quotient: RiemannianSubmersion, points: Tensor) -> int:
    """Dimension of a generic fibre, the largest trace of the vertical projection at the points ``[n, ...]``."""
    space = quotient.total_space
    frame = space.parseval_frame(points)
    vertical = quotient.vertical_projection(frame, points.expand_as(frame))
    return round(float(space.inner_product(vertical, frame, points.expand_as(frame)).sum(0).max()))


def check_fibers(
    quotient: RiemannianSubmersion,
    submersion: Callable[[Tensor], Tensor],
    lift: Callable[[Tensor], Tensor] | None,
    points: Tensor,
) -> None:
    """Refuse a map that is not constant on orbits, or not one to one on them, and a lift that is no section of it.

    Raises:
        ClaimError: with the largest residual at the points ``[n, ...]``.
    """
    values = submersion(points)
    size = 1.0 + values.abs().max()

    def refuse(residual: Tensor, what: str) -> None:
        if not bool(residual <= _SAME_FIBER * size):
            raise ClaimError(f"{quotient!r}: {what}, residual {float(residual):.3g}")

    if isinstance(quotient, GroupQuotient):
        group = quotient.action.group
        elements = group.random((len(points),), torch.Generator().manual_seed(1), points)
        moved = submersion(quotient.action.act(elements, points))
        refuse((moved - values).abs().max(), "the map is not constant on orbits")
    if lift is None:
        return
    lifted = lift(values)
    refuse((submersion(lifted) - values).abs().max(), "the lift is not a section of the map: map(lift(q)) is not q")
    if isinstance(quotient, OrbitSpace) and _in_closed_form(quotient, points):
        aligned = quotient.align(lifted, points)
        if aligned.kind is AlignmentKind.GLOBAL:
            gap = (aligned.point - points).abs().max()
            refuse(gap, "points with one value of the map lie on several orbits, take a larger group")


def _in_closed_form(quotient: OrbitSpace, points: Tensor) -> bool:
    """Whether alignments are cheap and sure enough to decide a construction."""
    return not isinstance(quotient, GroupQuotient) or quotient.action.nearest_element(points, points) is not None


@final
class BaseView(Manifold):
    """The base of a bundle as a manifold of geomstats.

    Everything comes from the bundle: q belongs to the base when pi(lift(q)) = q with the lift in M; v is tangent at q
    when it is the image of its horizontal lift.

    Args:
        bundle: the bundle.
        dim: dimension of the base.
        shape: shape of a point of the base.
    """

    metric: BaseMetric

    def __init__(self, bundle: FiberBundleView, *, dim: int, shape: tuple[int, ...]) -> None:
        super().__init__(dim=dim, shape=shape, intrinsic=False, equip=False)
        self.fiber_bundle = bundle
        self.equip_with_metric(BaseMetric)

    def __repr__(self) -> str:
        return f"BaseView({self.fiber_bundle.quotient!r})"

    @staticmethod
    def default_metric() -> type[QuotientMetric]:
        """The metric that a view is born with."""
        return BaseMetric

    @override
    def belongs(self, point: Tensor, atol: float = ATOL) -> Tensor:
        rank = self.point_ndim
        if tuple(point.shape[point.ndim - rank :]) != self.shape:
            return torch.zeros(point.shape[: max(point.ndim - rank, 0)], dtype=torch.bool)
        lifted = self.fiber_bundle.lift(point)
        there = close(self.fiber_bundle.riemannian_submersion(lifted), point, rank, atol)
        return there & self.fiber_bundle.total_space.belongs(lifted, atol=atol)

    @override
    def is_tangent(self, vector: Tensor, base_point: Tensor | None = None, atol: float = ATOL) -> Tensor:
        v, q = together(vector, base_point)
        return close(self.to_tangent(v, q), v, self.point_ndim, atol)

    @override
    def to_tangent(self, vector: Tensor, base_point: Tensor | None = None) -> Tensor:
        v, q = together(vector, base_point)
        above = self.fiber_bundle.lift(q)
        lifted = self.fiber_bundle.horizontal_lift(v, fiber_point=above)
        return self.fiber_bundle.tangent_riemannian_submersion(lifted, above)

    @override
    def random_point(self, n_samples: int = 1, bound: float = 1.0) -> Tensor:
        """Images of random points of the total space, in double precision."""
        return self.fiber_bundle.riemannian_submersion(self.fiber_bundle.total_space.random_point(n_samples, bound))

    @override
    def random_tangent_vec(self, base_point: Tensor | None = None, n_samples: int = 1) -> Tensor:
        (q,) = together(base_point)
        above = self.fiber_bundle.lift(q)
        vector = self.fiber_bundle.total_space.random_tangent_vec(above, n_samples)
        return self.fiber_bundle.tangent_riemannian_submersion(vector, above)


@final
class BaseMetric(QuotientMetric):
    """Geomstats' quotient metric, with the curvature of the base in the sign of ``Connection.curvature``.

    O'Neill's formula for horizontal x, y, z in that sign, which is that of textbooks [ONeill1966]:

        R_Q(x, y) z = P R_M(x, y) z + 2 A_z A_x y - A_x A_y z + A_y A_x z

    geomstats' own method adds the terms in A with the other sign.

    Args:
        space: the base.
    """

    def __init__(self, space: BaseView) -> None:
        self._bundle = space.fiber_bundle
        super().__init__(space=space, total_space=space.fiber_bundle.total_space)

    def _lifted(self, *vectors: Tensor, base_point: Tensor | None) -> list[Tensor]:
        *wide, q = together(*vectors, base_point)
        above = self._bundle.lift(q)
        return [*(self._bundle.horizontal_lift(vector, fiber_point=above) for vector in wide), above]

    def _horizontal_curvature(self, x: Tensor, y: Tensor, z: Tensor, point: Tensor) -> Tensor:
        """R_Q as a tensor on M, of the horizontal parts of x, y, z; horizontal."""
        project, twist = self._bundle.horizontal_projection, self._bundle.integrability_tensor
        x, y, z = (project(vector, point) for vector in (x, y, z))
        above = self._bundle.total_space.metric.curvature(x, y, z, point)
        bent = 2 * twist(z, twist(x, y, point), point)
        bent = bent - twist(x, twist(y, z, point), point) + twist(y, twist(x, z, point), point)
        return project(above + bent, point)

    @override
    def curvature(
        self, tangent_vec_a: Tensor, tangent_vec_b: Tensor, tangent_vec_c: Tensor, base_point: Tensor | None = None
    ) -> Tensor:
        x, y, z, above = self._lifted(tangent_vec_a, tangent_vec_b, tangent_vec_c, base_point=base_point)
        return self._bundle.tangent_riemannian_submersion(self._horizontal_curvature(x, y, z, above), above)

    @override
    def curvature_derivative(
        self,
        tangent_vec_a: Tensor,
        tangent_vec_b: Tensor,
        tangent_vec_c: Tensor,
        tangent_vec_d: Tensor,
        base_point: Tensor | None = None,
    ) -> Tensor:
        """(nabla_a R)(b, c) d, with nabla_a y = P nabla_a(P y) on horizontal fields; three nested differentiations."""
        along, *vectors, above = self._lifted(
            tangent_vec_a, tangent_vec_b, tangent_vec_c, tangent_vec_d, base_point=base_point
        )
        space, project = self._bundle.quotient.total_space, self._bundle.horizontal_projection
        derived = tensor_derivative(
            self._horizontal_curvature,
            lambda vector: lambda p: project(vector, p),
            lambda field: project(space.covariant_derivative(field, along, above), above),
            vectors,
            above,
        )
        return self._bundle.tangent_riemannian_submersion(derived, above)

    @override
    def directional_curvature_derivative(
        self, tangent_vec_a: Tensor, tangent_vec_b: Tensor, base_point: Tensor | None = None
    ) -> Tensor:
        """(nabla_a R)(b, a) b."""
        return self.curvature_derivative(tangent_vec_a, tangent_vec_b, tangent_vec_a, tangent_vec_b, base_point)
