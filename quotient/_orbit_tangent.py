"""The tangent spaces of orbits, each by the cheapest route that can be trusted."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import torch
from torch import Tensor

from groups import GroupAction
from quotient._affine_fields import AffineFields, Fields, read_fields
from quotient._certificate import certainly
from quotient._frame import Frame, orthonormal_frame, project
from quotient._generic_direction import reach, rounding_noise
from quotient._moments import Moments, moments_at
from quotient._products import combine, inner_at
from quotient.total_space import TotalSpace

#: Largest condition numbers at which moments are used, so that P P = P holds to 1e-13 and H is right to 1e-12. Moments
#: lose two digits for each power of ten; a refined projection loses one, an orthonormal frame none.
_PROJECTION_LIMIT = 1e2
_CURVATURE_LIMIT = 3e1


@final
@dataclass(frozen=True, eq=False)
class Generators:
    """The generators of an action on M, with what was learnt of them, once for each device.

    Attributes:
        space: M.
        action: G.
    """

    space: TotalSpace
    action: GroupAction
    _known: dict[torch.device, AffineFields] = field(default_factory=dict)

    def __call__(self, point: Tensor) -> Tensor:
        """xi_a(x) from the action itself, shape ``[..., m, *point_shape]``."""
        fields = self.space.to_tangent(self.action.infinitesimal(point), point)
        return fields.movedim(0, point.ndim - len(self.space.shape))

    def at(self, point: Tensor, eps: float) -> OrbitTangent:
        """The tangent spaces of the orbits through points in double precision, known to the relative precision eps."""
        return OrbitTangent(self, point, eps, self._read(point))

    def _read(self, point: Tensor) -> AffineFields | None:
        if not (self.space.flat and self.action.group.dim):
            return None
        known = self._known.get(point.device)
        if known is None:
            # recording gradients, to see whether the action has parameters
            with torch.inference_mode(mode=False), torch.enable_grad():
                known = read_fields(self.space, self, point)
            if known.fixed:
                self._known[point.device] = known
        return known


@final
@dataclass(frozen=True, eq=False)
class OrbitTangent:
    """The span of the generators at a batch of points.

    Attributes:
        generators: of the action.
        point: x in double precision, without padding, ``[..., *point_shape]``.
        eps: relative precision of its coordinates.
        known: what is known of the generators of a flat space.
    """

    generators: Generators
    point: Tensor
    eps: float
    known: AffineFields | None

    def frame(self) -> tuple[Frame, Tensor]:
        """Orthonormal frame, and the generators it was made of, ``[..., m, *point_shape]``."""
        if self.known is None:
            values, noise = rounding_noise(self.generators.space, self.generators, self.point)
        else:
            values, noise = self._fields(self.point), self._noise(self.known)
        return orthonormal_frame(values, inner_at(self.generators.space, self.point), noise, self.eps), values

    def project(self, vector: Tensor) -> Tensor:
        """Orthogonal projection of ``vector [..., *point_shape]`` on the tangent space of the orbit."""
        inner = inner_at(self.generators.space, self.point)
        moments = self._moments(_PROJECTION_LIMIT)
        if moments is None:
            return project(self.frame()[0], vector, inner)
        fast = moments.project(vector)
        return fast if certainly(moments.passed) else self._pick(moments, fast, project(self.frame()[0], vector, inner))

    def mean_curvature(self) -> Tensor:
        """H = -1/2 P grad_y |_x tr(K^+(x) K(y)), shape ``[..., *point_shape]``."""
        moments = self._moments(_CURVATURE_LIMIT)
        if moments is None:
            return self._curvature_by_frame()
        fast = moments.mean_curvature(self.point)
        return fast if certainly(moments.passed) else self._pick(moments, fast, self._curvature_by_frame())

    @property
    def _fields(self) -> Fields:
        return self.generators if self.known is None or self.known.maps is None else self.known.maps.fields

    def _noise(self, known: AffineFields) -> Tensor:
        return reach(self.generators.space, self.point).unsqueeze(-1) * known.spread

    def _moments(self, limit: float) -> Moments | None:
        if self.known is None or self.known.maps is None:
            return None
        return moments_at(self.known.maps, self.point, self._noise(self.known), self.eps, limit=limit)

    def _pick(self, moments: Moments, fast: Tensor, slow: Tensor) -> Tensor:
        return torch.where(moments.passed[(..., *[None] * len(self.generators.space.shape))], fast, slow)

    def _curvature_by_frame(self) -> Tensor:
        space, fields = self.generators.space, self._fields
        frame = self.frame()[0]
        dual = combine(frame.coefficients.mT, frame.vectors, len(space.shape))

        def spread(moved: Tensor) -> Tensor:
            inner = inner_at(space, moved)
            return 2 * inner(dual, fields(moved)).sum() - inner(frame.vectors, frame.vectors).sum()

        gradient = space.gradient(torch.func.grad(spread)(self.point), self.point)
        return -0.5 * (gradient - project(frame, gradient, inner_at(self.generators.space, self.point)))
