"""A quotient as a fibre bundle of geomstats, on which its quotient metrics, means and principal components work."""

# geomstats has no annotations, and its abstract methods are taken to return None
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from collections.abc import Callable
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups import GroupAction, directional_derivative
from groups._geomstats import FiberBundle, GeomstatsGroupAction
from quotient._bundle_base import BaseView, check_fibers, fiber_dimension
from quotient._geomstats_views import ATOL, SpaceView, close, tensor_derivative, together
from quotient._products import real_rows
from quotient.errors import GeometryError
from quotient.group_quotient import GroupQuotient
from quotient.map_submersion import MapSubmersion
from quotient.oneill import integrability_tensor
from quotient.orbit_space import OrbitSpace
from quotient.submersion import RiemannianSubmersion

PointMap = Callable[[Tensor], Tensor]


def fiber_bundle(
    quotient: RiemannianSubmersion,
    *,
    map: PointMap | None = None,  # noqa: A002
    lift: PointMap | None = None,
    generator: torch.Generator | None = None,
) -> FiberBundleView:
    """A quotient as a fibre bundle of geomstats.

    The result is a ``geomstats.geometry.fiber_bundle.FiberBundle``; its ``base`` is the quotient as a manifold of
    geomstats with a quotient metric, which ``FrechetMean``, ``TangentPCA`` and the like take.

    Without a map, points of the base are represented by any point of their fibre and tangent vectors by horizontal
    ones, as geomstats does for Kendall's shapes: ``riemannian_submersion`` and ``lift`` are the identity,
    ``tangent_riemannian_submersion`` and ``horizontal_lift`` the horizontal projection. With a map pi, points of the
    base are its values, and a section of it is needed for all that starts on the base.

    Args:
        quotient: pi: M -> Q.
        map: pi, batched and constant on fibres; that of a :class:`MapSubmersion` by default.
        lift: a section of pi, batched: pi(lift(q)) = q. It should give NaN, not raise, on arrays outside of pi(M).
        generator: of random points, on the CPU; seeded with 0 by default.

    Raises:
        ClaimError: when pi is not constant on orbits, when the lift is no section, or when orbits are smaller than the
            fibres of pi (SO(k) does not act transitively on the fibres of Y -> Y Y^T, O(k) does).
        GeometryError: when the padding of the total space differs between items.

    Example:
        >>> import torch
        >>> from groups import RotationAction
        >>> from quotient import GroupQuotient, PreShapes, fiber_bundle
        >>> triangles = fiber_bundle(GroupQuotient(PreShapes(3, 2), RotationAction(2)))
        >>> x, u, v = PreShapes(3, 2).random_point((3,), torch.Generator().manual_seed(0))
        >>> round(float(triangles.base.metric.sectional_curvature(u, v, x)), 9)
        4.0
    """
    return FiberBundleView(quotient, map=map, lift=lift, generator=generator)


@final
class RightAction(GeomstatsGroupAction):
    """A left action of ours as a right action, (x, g) -> g^-1 x: geomstats supposes right actions on bundles.

    Acting with h and then with g is acting with h g. Orbits are the same.

    Args:
        action: the left action.
    """

    def __init__(self, action: GroupAction) -> None:
        self.action = action

    @property
    def group_elem_shape(self) -> tuple[int, ...]:
        """Shape of a group element."""
        return self.action.group.shape

    @override
    def __call__(self, group_elem: Tensor, point: Tensor) -> Tensor:
        return self.action.act(self.action.group.inverse(group_elem), point)


@final
class FiberBundleView(FiberBundle):
    """A Riemannian submersion of ours as a fibre bundle of geomstats; made by :func:`fiber_bundle`.

    Attributes:
        quotient: the submersion.
        base: the quotient as a manifold of geomstats with its quotient metric.
        total_space: M as a manifold of geomstats, equipped with this bundle, with ``quotient``, the base, and with
            ``group_action`` where the quotient is by an action.
    """

    def __init__(
        self,
        quotient: RiemannianSubmersion,
        *,
        map: PointMap | None,  # noqa: A002
        lift: PointMap | None,
        generator: torch.Generator | None,
    ) -> None:
        space = quotient.total_space
        if space.batch_shape:
            raise GeometryError(
                f"the padding of {space!r} differs between items, which geomstats cannot express: view one mask "
                "[n_points] at a time"
            )
        self.quotient = quotient
        self.map = quotient.map if map is None and isinstance(quotient, MapSubmersion) else map
        self._section = lift
        self.total_space = SpaceView(space, torch.Generator().manual_seed(0) if generator is None else generator)
        super().__init__(total_space=self.total_space)
        samples = space.random_point((8,), torch.Generator().manual_seed(0))
        if self.map is not None:
            check_fibers(quotient, self.map, lift, samples)
        self.total_space.fiber_bundle = self
        if isinstance(quotient, GroupQuotient):
            self.total_space.equip_with_group_action(RightAction(quotient.action))
        shape = space.shape if self.map is None else tuple(self.map(samples).shape[1:])
        self.base = BaseView(self, dim=space.dim - fiber_dimension(quotient, samples), shape=shape)
        self.total_space.quotient = self.base

    def __repr__(self) -> str:
        return f"FiberBundleView({self.quotient!r})"

    @override
    def riemannian_submersion(self, point: Tensor) -> Tensor:
        return point.clone() if self.map is None else self.map(point)

    @override
    def lift(self, point: Tensor) -> Tensor:
        """A point of the fibre.

        Raises:
            GeometryError: with a map, when no section of it was given.
        """
        if self.map is None:
            return point.clone()
        if self._section is None:
            raise GeometryError(f"{self!r} has no section: give fiber_bundle(..., lift=...), with map(lift(q)) = q")
        return self._section(point)

    @override
    def tangent_riemannian_submersion(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        v, x = together(tangent_vec, base_point)
        if self.map is None:
            return self.quotient.horizontal_projection(v, x)
        return directional_derivative(self.map, x, self.total_space.to_tangent(v, x))[1]

    @override
    def align(self, point: Tensor, base_point: Tensor) -> Tensor:
        """The nearest point of the orbit of ``point`` to ``base_point``.

        Raises:
            GeometryError: when the quotient is given by a map alone.
        """
        if not isinstance(self.quotient, OrbitSpace):
            raise GeometryError(
                f"{self.quotient!r} is given by a map, along whose fibres nothing is known to move: give "
                "fiber_bundle(GroupQuotient(...), map=...) the group that acts on them"
            )
        return self.quotient.align(*together(point, base_point)).point

    @override
    def horizontal_projection(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        return self.quotient.horizontal_projection(*together(tangent_vec, base_point))

    @override
    def vertical_projection(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        return self.quotient.vertical_projection(*together(tangent_vec, base_point))

    @override
    def is_horizontal(self, tangent_vec: Tensor, base_point: Tensor, atol: float = ATOL) -> Tensor:
        v, x = together(tangent_vec, base_point)
        return close(self.horizontal_projection(v, x), v, self.total_space.point_ndim, atol)

    @override
    def is_vertical(self, tangent_vec: Tensor, base_point: Tensor, atol: float = ATOL) -> Tensor:
        v, x = together(tangent_vec, base_point)
        return close(self.vertical_projection(v, x), v, self.total_space.point_ndim, atol)

    @override
    def horizontal_lift(
        self, tangent_vec: Tensor, base_point: Tensor | None = None, fiber_point: Tensor | None = None
    ) -> Tensor:
        """The horizontal w at ``fiber_point`` with d pi(w) = ``tangent_vec``.

        With a map, from the images of a frame e_j of T_xM: w = sum_j c_j P e_j with sum_j c_j d pi(e_j) =
        ``tangent_vec``, in the sense of least squares for arrays that are not tangent to the base.

        Args:
            tangent_vec: tangent to the base at pi(``fiber_point``).
            base_point: a point of the base; not needed where a fibre point is given.
            fiber_point: x; the lift of the base point by default.

        Raises:
            GeometryError: without either point; or, where points of the base are represented by fibre points, when
                both are given and differ.
        """
        if fiber_point is None:
            if base_point is None:
                raise GeometryError("a point of the base or of the fibre is needed, got neither")
            fiber_point = self.lift(base_point)
        elif self.map is None and base_point is not None and not torch.equal(*together(base_point, fiber_point)):
            raise GeometryError(
                "tangent vectors are represented at the base point, got a fibre point that differs from it: move the "
                "vector with the group element that moves one point to the other"
            )
        if self.map is None:
            return self.horizontal_projection(tangent_vec, fiber_point)
        lead = torch.broadcast_shapes(
            tangent_vec.shape[: tangent_vec.ndim - self.base.point_ndim],
            fiber_point.shape[: fiber_point.ndim - self.total_space.point_ndim],
        )
        vector = tangent_vec.expand(*lead, *self.base.shape)
        return self._solve(self.map, vector, fiber_point.expand(*lead, *self.total_space.shape).contiguous())

    def _solve(self, submersion: PointMap, tangent_vec: Tensor, fiber_point: Tensor) -> Tensor:
        frame = self.quotient.total_space.parseval_frame(fiber_point)
        images = directional_derivative(submersion, fiber_point, frame)[1]
        rank = self.base.point_ndim
        columns = real_rows(images, rank).movedim(0, -1)
        target = real_rows(tangent_vec.to(images.dtype), rank).unsqueeze(-1)
        weights = (torch.linalg.pinv(columns) @ target).squeeze(-1).movedim(-1, 0)
        weights = weights.reshape(weights.shape + (1,) * self.total_space.point_ndim)
        horizontal = self.quotient.horizontal_projection(frame, fiber_point.expand_as(frame))
        return (weights * horizontal).sum(0)

    @override
    def integrability_tensor(self, tangent_vec_a: Tensor, tangent_vec_b: Tensor, base_point: Tensor) -> Tensor:
        return integrability_tensor(self.quotient, tangent_vec_a, tangent_vec_b, base_point)

    @override
    def integrability_tensor_derivative(
        self,
        horizontal_vec_x: Tensor,
        horizontal_vec_y: Tensor,
        nabla_x_y: Tensor,
        tangent_vec_e: Tensor,
        nabla_x_e: Tensor,
        base_point: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """nabla_X(A_Y E) = (nabla_X A)_Y E + A_(nabla_X Y) E + A_Y nabla_X E, and A_Y E; by differentiating A."""
        x, y, nabla_y, e, nabla_e, point = together(
            horizontal_vec_x, horizontal_vec_y, nabla_x_y, tangent_vec_e, nabla_x_e, base_point
        )
        space = self.quotient.total_space
        derived = tensor_derivative(
            self.integrability_tensor,
            lambda vector: lambda p: space.to_tangent(vector, p),
            lambda field: space.covariant_derivative(field, x, point),
            [y, e],
            point,
        )
        moved = self.integrability_tensor(nabla_y, e, point) + self.integrability_tensor(y, nabla_e, point)
        return derived + moved, self.integrability_tensor(y, e, point)
