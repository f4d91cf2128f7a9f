"""Any manifold of geomstats that has a metric, as a total space."""

from __future__ import annotations

import abc
import math
from collections.abc import Callable
from functools import reduce
from typing import Any, final

import numpy as np
import torch
from torch import Tensor
from typing_extensions import override

from groups import directional_derivative
from groups._geomstats import Manifold, double_precision, geomstats_half_space, geomstats_spd
from quotient.errors import GeometryError
from quotient.total_space import TotalSpace


class AdaptedSpace(TotalSpace):
    """A geomstats manifold with any metric g, in the coordinates of its arrays.

    Let Pi_x be geomstats' projection of arrays on T_xM, and extend the metric to all arrays of a neighbourhood,

        G_x(u, v) = g_x(Pi_x u, Pi_x v) + <(1 - Pi_x) u, (1 - Pi_x) v>

    so that M lies in (arrays, G) isometrically with normal projection 1 - Pi_x. Then, with the Christoffel symbols of G
    from Koszul's formula,

        nabla_u X = Pi (D_u X + Gamma(u, X))
        2 G(Gamma(u, v), w) = (D_u G)(v, w) + (D_v G)(u, w) - (D_w G)(u, v)

    all by automatic differentiation of geomstats' inner product, in float64. Cost of a covariant derivative: two
    forward and one reverse differentiation of g, and a linear solve in the number of array entries. Points are real.

    Args:
        manifold: from geomstats, with a metric, extrinsic (points are arrays, not charts of a different shape).

    Raises:
        GeometryError: when the manifold has no metric.
    """

    def __init__(self, manifold: Manifold) -> None:
        if not hasattr(manifold, "metric"):
            raise GeometryError(f"{type(manifold).__name__} has no metric: call its equip_with_metric() first")
        self.manifold = manifold
        self._geomstats: Any = manifold

    @override
    @abc.abstractmethod
    def __repr__(self) -> str: ...

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return tuple(self._geomstats.shape)

    @property
    @override
    def dim(self) -> int:
        return int(self._geomstats.dim)

    @property
    @override
    def flat(self) -> bool:
        return False

    @property
    def _size(self) -> int:
        return math.prod(self.shape)

    @override
    def to_tangent(self, vector: Tensor, base_point: Tensor) -> Tensor:
        return self._call(self._geomstats.to_tangent, vector, base_point)

    def _call(self, function: Callable[..., Tensor], *arguments: Tensor) -> Tensor:
        """A function of geomstats in double precision on one batch axis, returned in the dtype of its arguments."""
        dtype = reduce(torch.promote_types, (argument.dtype for argument in arguments))
        wide = torch.broadcast_tensors(*(argument.double() for argument in arguments))
        rank = len(self.shape)
        batch = wide[0].shape[: wide[0].ndim - rank]
        with double_precision():
            result = function(*(argument.reshape(-1, *self.shape) for argument in wide))
        return result.reshape((*batch, *result.shape[1:])).to(dtype)

    @override
    def metric(self, first: Tensor, second: Tensor, base_point: Tensor) -> Tensor:
        tangent, inner_product = self._geomstats.to_tangent, self._geomstats.metric.inner_product
        return self._call(lambda u, v, x: inner_product(tangent(u, x), tangent(v, x), x), first, second, base_point)

    def _extended(self, first: Tensor, second: Tensor, base_point: Tensor) -> Tensor:
        """G_x(u, v)."""
        rest = (first - self.to_tangent(first, base_point)) * (second - self.to_tangent(second, base_point))
        return self.metric(first, second, base_point) + rest.sum(tuple(range(-len(self.shape), 0)))

    def _basis(self, like: Tensor) -> Tensor:
        eye = torch.eye(self._size, dtype=torch.float64, device=like.device)
        return eye.reshape(-1, *(1,) * (like.ndim - len(self.shape)), *self.shape)

    def _matrix(self, base_point: Tensor) -> Tensor:
        """The matrix of G_x in the standard basis of the arrays, ``[..., n, n]``."""
        basis = self._basis(base_point).expand(-1, *base_point.shape)
        rows = self._extended(basis.unsqueeze(0), basis.unsqueeze(1), base_point)
        return rows.movedim((0, 1), (-2, -1))

    def _raise_index(self, covector: Tensor, base_point: Tensor) -> Tensor:
        """The tangent u with g(u, w) = sum(covector * w) for every tangent w."""
        rank = len(self.shape)
        solved = torch.linalg.solve(self._matrix(base_point), covector.flatten(-rank).unsqueeze(-1)).squeeze(-1)
        return self.to_tangent(solved.reshape(covector.shape), base_point)

    @override
    def gradient(self, differential: Tensor, base_point: Tensor) -> Tensor:
        lead = differential.shape[: differential.ndim - base_point.ndim]
        x = base_point.double().expand(*lead, *base_point.shape)
        return self._raise_index(differential.double().expand(x.shape), x).to(differential.dtype)

    @override
    def covariant_derivative(self, field: Callable[[Tensor], Tensor], direction: Tensor, base_point: Tensor) -> Tensor:
        value, change = directional_derivative(field, base_point, direction)
        x, u, v = (tensor.double().contiguous() for tensor in torch.broadcast_tensors(base_point, direction, value))
        dtype = change.dtype
        bent = self._raise_index(self._koszul(u, v, x), x)
        return (self.to_tangent(change.double(), x) + bent).to(dtype)

    def _koszul(self, first: Tensor, second: Tensor, base_point: Tensor) -> Tensor:
        """The covector w -> G(Gamma(u, v), w)."""

        def lower(vector: Tensor, at: Tensor) -> Tensor:
            return torch.func.grad(lambda w: self._extended(vector, w, at).sum())(torch.zeros_like(at))

        first_part = directional_derivative(lambda y: lower(second, y), base_point, first)[1]
        second_part = directional_derivative(lambda y: lower(first, y), base_point, second)[1]
        third_part = torch.func.grad(lambda y: self._extended(first, second, y).sum())(base_point)
        return 0.5 * (first_part + second_part - third_part)

    def _orthonormal_basis(self, base_point: Tensor) -> Tensor:
        """G-orthonormal basis of the arrays, flattened, ``[..., n, n]``; row j is e_j."""
        factor = torch.linalg.cholesky(self._matrix(base_point.double()))
        eye = torch.eye(self._size, dtype=torch.float64, device=base_point.device)
        return torch.linalg.solve_triangular(factor, eye.expand_as(factor), upper=False)

    @override
    def parseval_frame(self, base_point: Tensor) -> Tensor:
        rows = self._orthonormal_basis(base_point).movedim(-2, 0)
        return self.to_tangent(rows.reshape(self._size, *base_point.shape), base_point.double()).to(base_point.dtype)

    @override
    def white_noise(self, normal: Tensor, base_point: Tensor) -> Tensor:
        rows = self._orthonormal_basis(base_point)
        mixed = torch.einsum("...j,...ji->...i", normal.double().flatten(-len(self.shape)), rows)
        return self.to_tangent(mixed.reshape(normal.shape), base_point.double()).to(normal.dtype)

    @override
    def exp(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        return self._call(self._geomstats.metric.exp, tangent_vec, base_point)

    @override
    def log(self, point: Tensor, base_point: Tensor) -> Tensor:
        return self._call(self._geomstats.metric.log, point, base_point)

    @override
    def random_point(self, batch_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """What geomstats draws, from its own law, seeded by ``generator``; the global generators are left alone."""
        seed = int(torch.randint(2**31 - 1, (), generator=generator))
        numpy_state = np.random.get_state()  # noqa: NPY002
        with torch.random.fork_rng(devices=[]), double_precision():
            torch.manual_seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            try:
                drawn = self._geomstats.random_point(math.prod(batch_shape))
            finally:
                np.random.set_state(numpy_state)  # noqa: NPY002
        return drawn.double().reshape(*batch_shape, *self.shape)


@final
class GeomstatsSpace(AdaptedSpace):
    """A manifold of geomstats as a total space, see :class:`AdaptedSpace`.

    Args:
        manifold: from geomstats, with a metric.

    Example:
        >>> import torch
        >>> from groups import SpecialOrthogonal
        >>> from geomstats.geometry.poincare_ball import PoincareBall
        >>> from quotient import GeomstatsSpace
        >>> disk = GeomstatsSpace(PoincareBall(2))
        >>> x, u, v = torch.tensor([[0.3, 0.4], [1.0, 0.0], [0.0, 1.0]]).double()
        >>> round(float(disk.sectional_curvature(u, v, x)), 9)
        -1.0
    """

    def __repr__(self) -> str:
        return f"GeomstatsSpace({type(self.manifold).__name__}, {list(self.shape)})"


@final
class SPDMatrices(AdaptedSpace):
    """Symmetric positive definite matrices with the affine-invariant metric tr(x^-1 u x^-1 v) [Pennec2006].

    Args:
        n: number of rows.
    """

    def __init__(self, n: int) -> None:
        super().__init__(geomstats_spd(n))

    def __repr__(self) -> str:
        return f"SPDMatrices({self.shape[0]})"


@final
class HyperbolicHalfSpace(AdaptedSpace):
    """H^n as the half space x_n > 0 with the metric |dx|^2 / x_n^2.

    Args:
        dim: n.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(geomstats_half_space(dim))

    def __repr__(self) -> str:
        return f"HyperbolicHalfSpace({self.shape[0]})"
