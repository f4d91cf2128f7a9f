"""A Riemannian submersion given by its map."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups import directional_derivative
from quotient._frame import Frame, orthonormal_frame, project
from quotient._generic_direction import rounding_noise
from quotient._products import inner_at
from quotient.curvature import mean_curvature_from_projector
from quotient.errors import ClaimError
from quotient.submersion import RiemannianSubmersion, resolution, upcast
from quotient.total_space import TotalSpace

#: Rounding errors of a computed gradient, in units of the largest gradient beside it: a dozen operations.
_ROUNDINGS = 16.0


@final
class MapSubmersion(RiemannianSubmersion):
    """pi: M -> B given as a differentiable map of real arrays; vertical space = kernel of d pi.

    The gradients of the components of pi span the horizontal space. The map alone says nothing of the volume of fibres.

    Args:
        total_space: M.
        base_space: B with its metric.
        map: pi, batched: points ``[..., *M.shape]`` to points ``[..., *B.shape]``, real.

    Example:
        >>> import torch
        >>> from quotient import Euclidean, MapSubmersion
        >>> radius = MapSubmersion(Euclidean(2), Euclidean(1), lambda x: (x * x).sum(-1, keepdim=True).sqrt())
        >>> radius.mean_curvature(torch.tensor([3.0, 4.0]))
        tensor([-0.1200, -0.1600])
    """

    def __init__(self, total_space: TotalSpace, base_space: TotalSpace, map: Callable[[Tensor], Tensor]) -> None:  # noqa: A002
        self._space = total_space
        self.base_space = base_space
        self.map = map

    def __repr__(self) -> str:
        return f"MapSubmersion({self._space!r}, {self.base_space!r})"

    @property
    @override
    def total_space(self) -> TotalSpace:
        return self._space

    def _gradients(self, point: Tensor) -> Tensor:
        """Riemannian gradients of the components of pi, ``[..., m, *point_shape]``."""
        value, pull_back, *_ = torch.func.vjp(self.map, point)
        rank = len(self.base_space.shape)
        count = math.prod(value.shape[value.ndim - rank :])
        one_hot = torch.eye(count, dtype=value.dtype, device=value.device)
        one_hot = one_hot.reshape(count, *(1,) * (value.ndim - rank), *value.shape[value.ndim - rank :])
        rows = torch.func.vmap(lambda row: pull_back(row.expand_as(value))[0])(one_hot)
        return self._space.gradient(rows, point).movedim(0, point.ndim - len(self._space.shape))

    def horizontal_frame(self, base_point: Tensor) -> Frame:
        """Orthonormal frame of the horizontal space, in double precision.

        A component of pi counts where its gradient stands above what rounding of the point and of the computation of
        pi can produce: of components that depend on others, or are constant, only that is left.
        """
        self._space.check_point(base_point)
        point, eps = upcast(base_point), resolution(base_point)
        rows, noise = rounding_noise(self._space, self._gradients, point)
        inner = inner_at(self._space, point)
        largest = inner(rows, rows).detach().clamp_min(0).amax(-1, keepdim=True).sqrt()
        computed = _ROUNDINGS * torch.finfo(torch.float64).eps / eps * largest
        return orthonormal_frame(rows, inner, torch.maximum(noise, computed), eps)

    @override
    def vertical_projection(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        point = upcast(base_point)
        tangent = self._space.to_tangent(upcast(tangent_vec), point)
        horizontal = project(self.horizontal_frame(base_point), tangent, inner_at(self._space, point))
        return (tangent - horizontal).to(torch.result_type(tangent_vec, base_point))

    @override
    def mean_curvature(self, base_point: Tensor) -> Tensor:
        return mean_curvature_from_projector(self, base_point)

    def tangent_map(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        """D pi(v) at x, a tangent vector of B at pi(x)."""
        return directional_derivative(self.map, base_point, tangent_vec)[1]

    def riemannian_defect(self, base_point: Tensor) -> Tensor:
        """Largest entry of |<d pi u_i, d pi u_j>_B - delta_ij| over the horizontal frame, shape ``[...]``.

        Zero for a Riemannian submersion; infinite where d pi is not onto.
        """
        point = upcast(base_point)
        frame = self.horizontal_frame(base_point)
        axis = point.ndim - len(self._space.shape)
        images = torch.stack(
            [self.tangent_map(u, point) for u in frame.vectors.unbind(axis)],
            point.ndim - len(self._space.shape),
        )
        foot = self.map(point)[(..., None, None, *[slice(None)] * len(self.base_space.shape))]
        gram = self.base_space.inner_product(images.unsqueeze(axis), images.unsqueeze(axis + 1), foot)
        defect = (gram - torch.diag_embed(frame.kept.to(gram.dtype))).abs().amax((-2, -1))
        return torch.where(frame.rank == self.base_space.dim, defect, torch.full_like(defect, torch.inf))

    def check_riemannian(self, base_point: Tensor, *, atol: float = 1e-8) -> None:
        """Refuse a map that is not a Riemannian submersion at the given points.

        Raises:
            ClaimError: with the largest defect.
        """
        defect = float(self.riemannian_defect(base_point).max())
        if not defect <= atol:
            raise ClaimError(
                f"{self!r} is not a Riemannian submersion: its differential changes lengths of horizontal vectors, "
                f"defect {defect:.3g} > {atol:.1g}; change the metric of the base or of the total space"
            )
