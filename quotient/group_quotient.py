"""M/G from the action alone: everything is derived from the generators of ``act``."""

from __future__ import annotations

from functools import cached_property
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups import GroupAction
from quotient._certificate import certainly
from quotient._frame import Frame, log_pseudo_volume, orthonormal_frame
from quotient._listing import nearest_by_listing
from quotient._orbit_tangent import Generators, OrbitTangent
from quotient._products import ArrayProduct, gram_matrix, inner_at, overlaps
from quotient.descent import implicit_step, nearest_by_descent
from quotient.errors import ClaimError
from quotient.orbit_space import Alignment, AlignmentKind, OrbitSpace
from quotient.submersion import resolution, upcast
from quotient.total_space import TotalSpace


def same_mask(first: Tensor | None, second: Tensor | None) -> bool:
    """Whether two masks say the same; None is no padding."""
    if first is None or second is None:
        return first is second
    return first is second or torch.equal(first, second)


@final
class GroupQuotient(OrbitSpace):
    """Q = M/G, derived from ``total_space`` and ``action``.

    The vertical space at x is the span of the generators xi_a(x), found by forward-mode differentiation of ``act``.
    With u_i = sum_a T_ia xi_a(x) an orthonormal frame of it,

        P v = v - sum_i u_i <u_i, v>
        H   = -1/2 P grad_y |_x tr(K^+(x) K(y)) = -1/2 P grad_y |_x sum_i |sum_a T_ia xi_a(y)|^2

    where K^+ is held fixed in y and stays differentiable in x. Valid with stabilisers and for groups that are not
    unimodular. Formed in float64 and returned in the dtype of the arguments; batched, no loop over points.

    Isometries of a flat space are affine. Where they move every row of a point by one affine map, as motions of clouds
    do, P and H are read off the moments of the point, O(rows) for each item, if the generators are independent beyond
    doubt there; everywhere else off an orthonormal frame, O(group dim^2 * point size) for P and one more
    differentiation for H. The route is chosen for each item by itself, and the routes differ by rounding alone. What
    is learnt of the action is kept, unless a gradient passes through it: an action is not to be changed in place.

    Args:
        total_space: M.
        action: a left action by isometries of M.

    Raises:
        ClaimError: when the action does not claim to be isometric, or when action and space disagree on padding.
    """

    def __init__(self, total_space: TotalSpace, action: GroupAction) -> None:
        if not action.isometric:
            raise ClaimError(
                f"{type(action).__name__} does not act on {total_space!r} by isometries, so its orbits are not the "
                "fibres of a Riemannian submersion and projected scores are not scores: change the metric of the space"
            )
        mask = getattr(total_space, "mask", None)
        if action.reads_mask and not same_mask(action.mask, mask):
            raise ClaimError(
                f"{type(action).__name__} and {total_space!r} disagree on which points are padding: "
                "give both the same mask"
            )
        self._space = total_space
        self.action = action
        self._generators = Generators(total_space, action)

    def __repr__(self) -> str:
        return f"GroupQuotient({self._space!r}, {type(self.action).__name__}())"

    @property
    @override
    def total_space(self) -> TotalSpace:
        return self._space

    @cached_property
    def _principal_orbit_dimension(self) -> Tensor:
        generic = self._space.random_point((16, *self._space.batch_shape), torch.Generator().manual_seed(0))
        return self.orbit_dimension(generic).amax(0)

    @property
    @override
    def principal_orbit_dimension(self) -> Tensor:
        """The largest orbit dimension met at sixteen random points of M."""
        return self._principal_orbit_dimension

    def _prepare(self, base_point: Tensor) -> Tensor:
        """The point in double precision, without padding, with the batch shape of the space."""
        self._space.check_point(base_point)
        rank = len(self._space.shape)
        batch = torch.broadcast_shapes(base_point.shape[: base_point.ndim - rank], self._space.batch_shape)
        return upcast(self._space.keep(base_point.expand(*batch, *self._space.shape)))

    def _tangent(self, base_point: Tensor) -> OrbitTangent:
        return self._generators.at(self._prepare(base_point), resolution(base_point))

    def vertical_frame(self, base_point: Tensor) -> Frame:
        """Orthonormal frame of the tangent space of the orbit, in double precision."""
        return self._tangent(base_point).frame()[0]

    @override
    def vertical_projection(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        self._space.check_point(tangent_vec)
        tangent = self._tangent(base_point)
        vertical = tangent.project(self._space.to_tangent(upcast(tangent_vec), tangent.point))
        return vertical.to(torch.result_type(tangent_vec, base_point))

    @override
    def generators(self, base_point: Tensor) -> Tensor:
        return self._generators(self._prepare(base_point)).to(base_point.dtype)

    @override
    def gram(self, base_point: Tensor) -> Tensor:
        point = self._prepare(base_point)
        inner = inner_at(self._space, point)
        products = gram_matrix(self._generators(point), inner, len(self._space.shape))
        return products.to(base_point.real.dtype if base_point.is_complex() else base_point.dtype)

    @override
    def orbit_dimension(self, base_point: Tensor) -> Tensor:
        return self.vertical_frame(base_point).rank

    @override
    def log_orbit_volume(self, base_point: Tensor) -> Tensor:
        """0.5 log pdet K - log vol(stabiliser).

        The stabiliser's volume is measured relative to an Ad-invariant form (:attr:`groups.Group.stabilizer_form`), so
        the result is constant along orbits of unimodular groups also where 0.5 log pdet K alone is not.
        """
        tangent = self._tangent(base_point)
        frame, fields = tangent.frame()
        inner, rank = inner_at(self._space, tangent.point), len(self._space.shape)
        volume = log_pseudo_volume(frame, fields, inner)
        if not certainly(frame.kept):
            moved = torch.stack([overlaps(frame.vectors, xi, inner, rank) for xi in fields.unbind(-rank - 1)], -1)
            volume = volume + self._log_stabilizer_density(frame, moved)
        return volume.to(base_point.real.dtype if base_point.is_complex() else base_point.dtype)

    def _log_stabilizer_density(self, frame: Frame, moved: Tensor) -> Tensor:
        """0.5 log det of the Ad-invariant form on an orthonormal basis of the stabiliser's Lie algebra.

        Args:
            frame: of the tangent space of the orbit.
            moved: <u_i, xi_a>, shape ``[..., m, m]``.
        """
        ones = torch.ones_like(moved[..., 0])
        rows = orthonormal_frame(moved, ArrayProduct(1), ones, 0.0).vectors
        identity = torch.eye(rows.shape[-1], dtype=rows.dtype, device=rows.device)
        missing = torch.where(frame.kept.all(-1)[..., None, None], 0.0, identity - rows.mT @ rows)
        fixed = orthonormal_frame(missing, ArrayProduct(1), ones, resolution(rows))
        form = self.action.group.stabilizer_form.to(rows.device)
        matrix = fixed.vectors @ form @ fixed.vectors.mT + torch.diag_embed((~fixed.kept).to(form.dtype))
        # a stabiliser that is not compact (padding only) is measured where the form does not vanish
        empty = (torch.linalg.det(matrix.detach()) == 0)[..., None, None]
        vanishing = torch.diag_embed((matrix.diagonal(dim1=-2, dim2=-1) == 0).to(form.dtype))
        matrix = matrix + torch.where(empty, vanishing, 0.0)
        return 0.5 * torch.linalg.slogdet(matrix).logabsdet

    @override
    def mean_curvature(self, base_point: Tensor) -> Tensor:
        return self._tangent(base_point).mean_curvature().to(base_point.dtype)

    @override
    def center(self, point: Tensor) -> Tensor:
        return self.action.center(self._prepare(point)).to(point.dtype)

    @override
    def align(self, point: Tensor, base_point: Tensor) -> Alignment:
        """By the action's closed form, by going through a finite group, else by descent from several starts.

        First derivatives are those of the aligned point, by the implicit function theorem; there are no second ones.

        Raises:
            GeometryError: when M has no logarithm.
        """
        moving, target = torch.broadcast_tensors(self._prepare(point), self._prepare(base_point))
        with torch.no_grad():
            element = self.action.nearest_element(moving, target) if self._space.chordal else None
            if element is None:
                element = nearest_by_listing(self._space, self.action, moving, target)
            kind = AlignmentKind.STATIONARY if element is None else AlignmentKind.GLOBAL
            element = nearest_by_descent(self._space, self.action, moving, target) if element is None else element
        aligned = implicit_step(self._space, self.action, self.action.act(element, moving), target)
        return Alignment(point=aligned.to(torch.result_type(point, base_point)), kind=kind)
