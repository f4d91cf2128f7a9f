"""Our total spaces as manifolds of geomstats."""

# geomstats has no annotations, and its abstract methods are taken to return None
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast, final

import torch
from torch import Tensor
from typing_extensions import override

from groups._geomstats import Manifold, RiemannianMetric, double_precision
from quotient.embedded import EmbeddedSpace
from quotient.errors import GeometryError
from quotient.geomstats_space import AdaptedSpace
from quotient.total_space import TotalSpace

#: The absolute tolerance of geomstats.
ATOL = 1e-12


def batch(count: int) -> tuple[int, ...]:
    """Batch shape of ``count`` points in geomstats, which has no batches of one."""
    return () if count == 1 else (count,)


def close(first: Tensor, second: Tensor, point_ndim: int, atol: float) -> Tensor:
    """Whether points agree, |difference| <= atol * max(1, |second|) in the largest entry, boolean ``[...]``."""
    axes = tuple(range(-point_ndim, 0))
    size = second.abs().amax(axes).clamp_min(1.0)
    return (first - second).abs().amax(axes) <= atol * size


def together(*tensors: Tensor | None) -> list[Tensor]:
    """The tensors broadcast against each other.

    Raises:
        GeometryError: when one is missing: geomstats leaves base points out where a metric is constant.
    """
    given = [tensor for tensor in tensors if tensor is not None]
    if len(given) < len(tensors):
        raise GeometryError("a base point is needed, got None: tangent vectors live at a point")
    return [tensor.contiguous() for tensor in torch.broadcast_tensors(*given)]


def tensor_derivative(
    tensor: Callable[..., Tensor],
    extend: Callable[[Tensor], Callable[[Tensor], Tensor]],
    derive: Callable[[Callable[[Tensor], Tensor]], Tensor],
    vectors: Sequence[Tensor],
    point: Tensor,
) -> Tensor:
    """(nabla T)(v_1, ..., v_k) = nabla(T(V_1, ..., V_k)) - sum_i T(v_1, ..., nabla V_i, ..., v_k).

    Args:
        tensor: T(v_1, ..., v_k, x).
        extend: a vector at x to a field V with V(x) = v.
        derive: a field to its covariant derivative at x in one direction.
        vectors: v_1, ..., v_k at x.
        point: x.
    """
    fields = [extend(vector) for vector in vectors]
    total = derive(lambda y: tensor(*(field(y) for field in fields), y))
    for number, field in enumerate(fields):
        moved = [*vectors]
        moved[number] = derive(field)
        total = total - tensor(*moved, point)
    return total


@final
class SpaceView(Manifold):
    """A total space as a manifold of geomstats, with its metric.

    Points and tangent vectors keep their dtype. A point belongs to M when it is its own ``projection``; that is
    geomstats' own on a manifold of geomstats, the linear projection on a flat space, and else exp_x(0), which the
    embedded spaces compute with a final projection.

    Args:
        space: M.
        generator: of random points and vectors.
    """

    metric: SpaceMetric

    def __init__(self, space: TotalSpace, generator: torch.Generator) -> None:
        super().__init__(dim=space.dim, shape=space.shape, intrinsic=False, equip=False)
        self.space = space
        self.generator = generator
        self.equip_with_metric(SpaceMetric)

    def __repr__(self) -> str:
        return f"SpaceView({self.space!r})"

    @staticmethod
    def default_metric() -> type[RiemannianMetric]:
        """The metric that a view is born with."""
        return SpaceMetric

    @override
    def belongs(self, point: Tensor, atol: float = ATOL) -> Tensor:
        rank = self.point_ndim
        if tuple(point.shape[point.ndim - rank :]) != self.shape:
            return torch.zeros(point.shape[: max(point.ndim - rank, 0)], dtype=torch.bool)
        if isinstance(self.space, AdaptedSpace):
            with double_precision():
                return cast(Any, self.space.manifold).belongs(point.double(), atol=atol)
        return close(self.projection(point), point, rank, atol)

    @override
    def is_tangent(self, vector: Tensor, base_point: Tensor | None = None, atol: float = ATOL) -> Tensor:
        v, x = together(vector, base_point)
        return close(self.space.to_tangent(v, x), v, self.point_ndim, atol)

    @override
    def to_tangent(self, vector: Tensor, base_point: Tensor | None = None) -> Tensor:
        v, x = together(vector, base_point)
        return self.space.to_tangent(self.space.keep(v), x)

    @override
    def projection(self, point: Tensor) -> Tensor:
        if isinstance(self.space, AdaptedSpace):
            with double_precision():
                return self.space.manifold.projection(point.double()).to(point.dtype)
        if self.space.flat:
            return self.space.keep(self.space.to_tangent(point, point))
        return self.space.exp(torch.zeros_like(point), point)

    @override
    def random_point(self, n_samples: int = 1, bound: float = 1.0) -> Tensor:
        """Points in double precision of the law of the total space, which ``bound`` does not change."""
        del bound
        return self.space.random_point(batch(n_samples), self.generator)

    def normal(self, base_point: Tensor, n_samples: int) -> Tensor:
        """Standard normal arrays, one at every base point, or ``n_samples`` of them at one."""
        single = base_point.ndim == self.point_ndim
        shape = (*batch(n_samples), *base_point.shape) if single else base_point.shape
        return torch.randn(shape, dtype=base_point.dtype, generator=self.generator, device=base_point.device)

    @override
    def random_tangent_vec(self, base_point: Tensor | None = None, n_samples: int = 1) -> Tensor:
        (x,) = together(base_point)
        return self.to_tangent(self.normal(x, n_samples), x)


@final
class SpaceMetric(RiemannianMetric):
    """The metric of a total space. Curvature has the sign of textbooks and of ``Connection.curvature``.

    Args:
        space: the view.
    """

    def __init__(self, space: SpaceView) -> None:
        super().__init__(space=space)
        self._total = space.space

    @override
    def inner_product(self, tangent_vec_a: Tensor, tangent_vec_b: Tensor, base_point: Tensor | None = None) -> Tensor:
        if base_point is None and isinstance(self._total, EmbeddedSpace):
            # that of the arrays, the same at every point
            base_point = torch.zeros_like(tangent_vec_a)
        return self._total.inner_product(*together(tangent_vec_a, tangent_vec_b, base_point))

    @override
    def exp(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        return self._total.exp(*together(tangent_vec, base_point))

    @override
    def log(self, point: Tensor, base_point: Tensor) -> Tensor:
        return self._total.log(*together(point, base_point))

    @override
    def curvature(
        self, tangent_vec_a: Tensor, tangent_vec_b: Tensor, tangent_vec_c: Tensor, base_point: Tensor | None = None
    ) -> Tensor:
        return self._total.curvature(*together(tangent_vec_a, tangent_vec_b, tangent_vec_c, base_point))

    @override
    def curvature_derivative(
        self,
        tangent_vec_a: Tensor,
        tangent_vec_b: Tensor,
        tangent_vec_c: Tensor,
        tangent_vec_d: Tensor,
        base_point: Tensor | None = None,
    ) -> Tensor:
        along, *vectors, x = together(tangent_vec_a, tangent_vec_b, tangent_vec_c, tangent_vec_d, base_point)
        return tensor_derivative(
            self._total.curvature,
            lambda vector: lambda y: self._total.to_tangent(vector, y),
            lambda field: self._total.covariant_derivative(field, along, x),
            vectors,
            x,
        )
