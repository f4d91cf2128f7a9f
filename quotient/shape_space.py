"""Size-and-shape space R^{N x d} / SE(d): clouds of points modulo rigid motions, in closed form."""

from __future__ import annotations

import math
from typing import Any, final

import torch
from torch import Tensor
from typing_extensions import override

from groups import SpecialOrthogonal
from groups.kabsch import superpose
from quotient._certificate import certainly
from quotient._cloud_moments import CloudMoments, cloud_moments
from quotient._frame import Frame, log_pseudo_volume, orthonormal_frame, project
from quotient._native import in_compiled_graph, native_horizontal, native_mean_curvature
from quotient._products import ArrayProduct
from quotient.orbit_space import Alignment, AlignmentKind, OrbitSpace
from quotient.point_clouds import PointClouds
from quotient.submersion import resolution, upcast

_INNER = ArrayProduct(2)


@final
class ShapeSpace(OrbitSpace):
    """Q = R^{N x d} / SE(d), points ``[..., n_points, d]``, rigid motions x -> x R^T + t.

    With x centred and K the Gram matrix of the rotations e_a, K_ab = <x e_a^T, x e_b^T>, the horizontal projection is

        P v = v - mean(v) - sum_ab (x e_a^T) (K^-1)_ab <x e_b^T, v>

    and the mean curvature H = x sum_ab (K^-1)_ab e_a e_b; in three dimensions K is the inertia tensor and
    H_i = -(tr(K^-1) 1 - K^-1) x_i [Xu2026]. Both are taken in stages, translations first, which keeps them exact at
    large centroid offsets: from second moments where K is far from singular, and else from orthonormalised generators,
    which defines them on collinear, coincident and single points (only the rotations that move the cloud are removed).
    Which way an item takes depends on that item alone.

    Formed in float64 and returned in the dtype of the arguments. Cost O(n_points). Reflections are not divided out.

    In three dimensions and on a CPU both go through compiled kernels, several times faster and equal up to rounding,
    where numba is installed (the extra ``native``) and no derivative with respect to the base point is asked for; under
    ``torch.compile`` they are then single operators of the graph.

    Args:
        n_points: number of rows, padding included.
        dim: d >= 1.
        mask: True for real points, shape ``[..., n_points]``; None when all are real. Results on padded clouds equal
            those on the clouds without padding, and vanish on padding.
        native: whether to use compiled kernels where they apply.

    Raises:
        PointShapeError: for a mask or a point of the wrong shape or dtype.
    """

    def __init__(self, n_points: int, dim: int, *, mask: Tensor | None = None, native: bool = True) -> None:
        self._space = PointClouds(n_points, dim, mask=mask)
        self._dim = dim
        self._native = native and dim == 3
        self._turning = SpecialOrthogonal(dim).basis

    def __repr__(self) -> str:
        return f"ShapeSpace({self._space!r})"

    @property
    @override
    def total_space(self) -> PointClouds:
        return self._space

    @property
    @override
    def principal_orbit_dimension(self) -> Tensor:
        """D translations where there is a point, and the rotations that move N points in general position."""
        count = self._space.count(torch.zeros((), dtype=torch.float64)).to(torch.int64)
        still = (self._dim - count + 1).clamp(0, self._dim)
        turns = self._rotations - still * (still - 1) // 2
        return torch.where(count > 0, self._dim + turns, 0)

    @property
    def _rotations(self) -> int:
        return self._dim * (self._dim - 1) // 2

    def _centered(self, base_point: Tensor) -> Tensor:
        self._space.check_point(base_point)
        return self._space.center(upcast(base_point))

    def _basis(self, like: Tensor) -> Tensor:
        return self._turning.to(dtype=like.dtype, device=like.device)

    def _turns(self, centered: Tensor) -> Tensor:
        """Rotation generators x e_a^T of centred clouds, shape ``[..., a, n_points, d]``."""
        return torch.einsum("...nj,aij->...ani", centered, self._basis(centered))

    def _frame(self, base_point: Tensor, centered: Tensor) -> Frame:
        turns = self._turns(centered)
        reach = self._space.keep(upcast(base_point)).detach().abs().amax((-2, -1))
        noise = reach * (2.0 * self._space.count(centered)).sqrt()
        return orthonormal_frame(turns, _INNER, noise.unsqueeze(-1).expand(turns.shape[:-2]), resolution(base_point))

    @override
    def vertical_projection(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        self._space.check_point(tangent_vec)
        self._space.check_point(base_point)
        tangent = self._space.keep(upcast(tangent_vec))
        return (tangent - self._horizontal(tangent, base_point)).to(
            torch.promote_types(tangent_vec.dtype, base_point.dtype)
        )

    @override
    def horizontal_projection(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        self._space.check_point(tangent_vec)
        self._space.check_point(base_point)
        if self._native and in_compiled_graph(base_point, tangent_vec):
            return _RigidHorizontal.apply(tangent_vec, base_point, self._space.mask)
        found = native_horizontal(tangent_vec, base_point, self._space.mask) if self._native else None
        if found is not None and found[1].all():
            return found[0]
        tangent = self._space.keep(upcast(tangent_vec))
        slow = self._horizontal(tangent, base_point).to(torch.promote_types(tangent_vec.dtype, base_point.dtype))
        return slow if found is None else torch.where(found[1][..., None, None], found[0], slow)

    def _horizontal(self, tangent: Tensor, base_point: Tensor) -> Tensor:
        if not self._rotations:
            return self._space.center(tangent)
        moments = self._moments(base_point)
        once = moments.horizontal(tangent)
        if certainly(moments.plain):
            return once
        fast = torch.where(moments.plain[..., None, None], once, moments.horizontal(once))
        if certainly(moments.passed):
            return fast
        moved = self._space.center(tangent)
        slow = moved - project(self._frame(base_point, self._centered(base_point)), moved, _INNER)
        return torch.where(moments.passed[..., None, None], fast, slow)

    def _moments(self, base_point: Tensor) -> CloudMoments:
        point = self._space.keep(upcast(base_point))
        return cloud_moments(self._space, self._basis(point), point, resolution(base_point))

    @override
    def generators(self, base_point: Tensor) -> Tensor:
        """Rotations about the origin (the basis of ``SpecialOrthogonal(d)``), then translations along the axes."""
        self._space.check_point(base_point)
        point = self._space.keep(upcast(base_point))
        shifts = torch.eye(self._dim, dtype=point.dtype, device=point.device).unsqueeze(-2)
        shifts = shifts.expand(*point.shape[:-2], self._dim, *point.shape[-2:])
        keep = shifts if self._space.mask is None else shifts * self._space.mask[..., None, :, None]
        turns = self._turns(point)
        batch = torch.broadcast_shapes(turns.shape[:-3], keep.shape[:-3])
        parts = [part.expand(*batch, *part.shape[-3:]) for part in (turns, keep)]
        return torch.cat(parts, -3).to(base_point.dtype)

    @override
    def gram(self, base_point: Tensor) -> Tensor:
        vectors = self.generators(upcast(base_point)).flatten(-2)
        return (vectors @ vectors.mT).to(base_point.dtype)

    @override
    def orbit_dimension(self, base_point: Tensor) -> Tensor:
        centered = self._centered(base_point)
        shifts = torch.where(self._space.count(centered) > 0, self._dim, 0)
        turns = self._frame(base_point, centered).rank if self._rotations else torch.zeros_like(shifts)
        return (shifts + turns).expand(centered.shape[:-2])

    @override
    def log_orbit_volume(self, base_point: Tensor) -> Tensor:
        """0.5 log det of the Gram matrix on regular clouds: 0.5 d log N + 0.5 sum_{i<j} log(c_i + c_j).

        c are the eigenvalues of x^T x, x centred. On singular clouds pdet takes the place of det, and the volume of
        the stabiliser SO(k) in the invariant form of its isotropy representation is divided out.
        """
        centered = self._centered(base_point)
        shifts = 0.5 * self._dim * self._space.count(centered).clamp_min(1).log()
        if not self._rotations:
            return shifts.expand(centered.shape[:-2]).to(base_point.dtype)
        moments = self._moments(base_point)
        fast = (shifts + moments.log_volume()).to(base_point.dtype)
        if certainly(moments.plain):
            return fast
        frame = self._frame(base_point, centered)
        turned = log_pseudo_volume(frame, self._turns(centered), _INNER)
        # -Killing form of se(d) on a rotation of unit angle: 2 (d - 2) from so(d) and 2 from the translations
        stabilizer = 0.5 * math.log(2.0 * (self._dim - 1)) * (~frame.kept).to(turned.dtype).sum(-1)
        slow = (shifts + turned + stabilizer).to(base_point.dtype)
        return torch.where(moments.plain, fast, slow)

    @override
    def mean_curvature(self, base_point: Tensor) -> Tensor:
        self._space.check_point(base_point)
        if not self._rotations:
            return torch.zeros_like(base_point)
        if self._native and in_compiled_graph(base_point):
            return torch.ops.quotient.rigid_mean_curvature(base_point, self._space.mask)
        found = native_mean_curvature(base_point, self._space.mask) if self._native else None
        if found is not None and found[1].all():
            return found[0]
        slow = self._curvature(base_point)
        return slow if found is None else torch.where(found[1][..., None, None], found[0], slow)

    def _curvature(self, base_point: Tensor) -> Tensor:
        moments = self._moments(base_point)
        fast = moments.mean_curvature().to(base_point.dtype)
        if certainly(moments.plain):
            return fast
        centered = self._centered(base_point)
        frame = self._frame(base_point, centered)
        squares = torch.einsum("...ia,ajk->...ijk", frame.coefficients, self._basis(centered))
        bent = centered @ (squares @ squares).sum(-3)
        slow = (bent - project(frame, bent, _INNER)).to(base_point.dtype)
        return torch.where(moments.plain[..., None, None], fast, slow)

    @override
    def center(self, point: Tensor) -> Tensor:
        """Subtract the centroid of the real points; rotations have a finite volume and are left alone."""
        return self._centered(point).to(point.dtype)

    @override
    def align(self, point: Tensor, base_point: Tensor) -> Alignment:
        """The nearest point of the orbit of ``point`` to ``base_point``, by centring and a proper Kabsch rotation."""
        target = self._centered(base_point)
        rotated = superpose(self._centered(point), target, self._basis(target))
        placed = self._space.keep(rotated + self._space.centroid(upcast(base_point)))
        return Alignment(point=placed.to(torch.promote_types(point.dtype, base_point.dtype)), kind=AlignmentKind.GLOBAL)


def _compute_horizontal(vector: Tensor, point: Tensor, mask: Tensor | None) -> Tensor:
    # the kernel first, since a space costs several times as much to make as to project a small cloud
    found = native_horizontal(vector, point, mask)
    if found is not None and found[1].all():
        return found[0]
    return ShapeSpace(point.shape[-2], 3, mask=mask).horizontal_projection(vector, point).contiguous()


def _compute_mean_curvature(point: Tensor, mask: Tensor | None) -> Tensor:
    found = native_mean_curvature(point, mask)
    if found is not None and found[1].all():
        return found[0]
    return ShapeSpace(point.shape[-2], 3, mask=mask).mean_curvature(point).contiguous()


def _empty_horizontal(vector: Tensor, point: Tensor, mask: Tensor | None) -> Tensor:
    return vector.new_empty(torch.broadcast_shapes(vector.shape, *_shapes(point, mask)))


def _empty_mean_curvature(point: Tensor, mask: Tensor | None) -> Tensor:
    return point.new_empty(torch.broadcast_shapes(*_shapes(point, mask)))


def _shapes(point: Tensor, mask: Tensor | None) -> list[tuple[int, ...]]:
    return [tuple(point.shape)] if mask is None else [tuple(point.shape), (*mask.shape, 1)]


# Nodes of compiled graphs, which cannot branch on what a kernel finds. Defined without the wrappers of custom_op, which
# cost as much as the projection of a small cloud.
torch.library.define("quotient::rigid_horizontal", "(Tensor vector, Tensor point, Tensor? mask) -> Tensor")
torch.library.impl("quotient::rigid_horizontal", "cpu", _compute_horizontal)
torch.library.impl("quotient::rigid_horizontal", "Meta", _empty_horizontal)
torch.library.define("quotient::rigid_mean_curvature", "(Tensor point, Tensor? mask) -> Tensor")
torch.library.impl("quotient::rigid_mean_curvature", "cpu", _compute_mean_curvature)
torch.library.impl("quotient::rigid_mean_curvature", "Meta", _empty_mean_curvature)


@final
class _RigidHorizontal(torch.autograd.Function):
    """P in a compiled graph: linear in the vector and its own adjoint."""

    @staticmethod
    @override
    def forward(ctx: Any, vector: Tensor, point: Tensor, mask: Tensor | None) -> Tensor:
        ctx.save_for_backward(point, mask)
        ctx.shape = vector.shape
        return torch.ops.quotient.rigid_horizontal(vector, point, mask)

    @staticmethod
    @override
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None]:
        point, mask = ctx.saved_tensors
        vector = torch.ops.quotient.rigid_horizontal(grad_outputs[0], point, mask)
        return vector.sum_to_size(ctx.shape), None, None
