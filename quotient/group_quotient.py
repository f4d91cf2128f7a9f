"""M/G from the action alone: everything is derived from the generators of ``act``."""

from __future__ import annotations

from functools import cached_property
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups import GroupAction
from quotient._frame import Frame, InnerProduct, dot, log_pseudo_volume, orthonormal_frame, project
from quotient._generic_direction import rounding_noise
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
    unimodular. Formed in float64 and returned in the dtype of the arguments; batched, no loop over points. Cost of a
    projection O(group dim^2 * point size), of H one more differentiation.

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

    def _fields(self, point: Tensor) -> Tensor:
        fields = self._space.to_tangent(self.action.infinitesimal(point), point)
        return fields.movedim(0, point.ndim - len(self._space.shape))

    def _inner_at(self, point: Tensor) -> InnerProduct:
        lifted = point.unsqueeze(-len(self._space.shape) - 1)
        return lambda first, second: self._space.metric(first, second, lifted)

    def _prepare(self, base_point: Tensor) -> Tensor:
        """The point in double precision, without padding, with the batch shape of the space."""
        self._space.check_point(base_point)
        rank = len(self._space.shape)
        batch = torch.broadcast_shapes(base_point.shape[: base_point.ndim - rank], self._space.batch_shape)
        return upcast(self._space.keep(base_point.expand(*batch, *self._space.shape)))

    def _frame(self, base_point: Tensor) -> tuple[Tensor, Tensor, Frame]:
        """The point in double precision, its generators and their frame."""
        point = self._prepare(base_point)
        fields, noise = rounding_noise(self._space, self._fields, point)
        return point, fields, orthonormal_frame(fields, self._inner_at(point), noise, resolution(base_point))

    def vertical_frame(self, base_point: Tensor) -> Frame:
        """Orthonormal frame of the tangent space of the orbit, in double precision."""
        return self._frame(base_point)[2]

    @override
    def vertical_projection(self, tangent_vec: Tensor, base_point: Tensor) -> Tensor:
        self._space.check_point(tangent_vec)
        point, _, frame = self._frame(base_point)
        tangent = self._space.to_tangent(upcast(tangent_vec), point)
        return project(frame, tangent, self._inner_at(point)).to(torch.result_type(tangent_vec, base_point))

    @override
    def generators(self, base_point: Tensor) -> Tensor:
        return self._fields(self._prepare(base_point)).to(base_point.dtype)

    @override
    def gram(self, base_point: Tensor) -> Tensor:
        point = self._prepare(base_point)
        fields = self._fields(point)
        axis = fields.ndim - len(self._space.shape)
        products = self._space.metric(
            fields.unsqueeze(axis),
            fields.unsqueeze(axis - 1),
            point[(..., None, None, *[slice(None)] * len(self._space.shape))],
        )
        return products.to(base_point.real.dtype if base_point.is_complex() else base_point.dtype)

    @override
    def orbit_dimension(self, base_point: Tensor) -> Tensor:
        return self._frame(base_point)[2].rank

    @override
    def log_orbit_volume(self, base_point: Tensor) -> Tensor:
        """0.5 log pdet K - log vol(stabiliser).

        The stabiliser's volume is measured relative to an Ad-invariant form (:attr:`groups.Group.stabilizer_form`), so
        the result is constant along orbits of unimodular groups also where 0.5 log pdet K alone is not.
        """
        point, fields, frame = self._frame(base_point)
        volume = log_pseudo_volume(frame, fields, self._inner_at(point)) + self._log_stabilizer_density(
            frame, fields, point
        )
        return volume.to(base_point.real.dtype if base_point.is_complex() else base_point.dtype)

    def _log_stabilizer_density(self, frame: Frame, fields: Tensor, point: Tensor) -> Tensor:
        """0.5 log det of the Ad-invariant form on an orthonormal basis of the stabiliser's Lie algebra."""
        if not frame.kept.shape[-1]:
            return frame.log_residuals.sum(-1)
        axis = fields.ndim - len(self._space.shape)
        inner = self._inner_at(point.unsqueeze(-len(self._space.shape) - 1))
        moved = inner(frame.vectors.unsqueeze(axis), fields.unsqueeze(axis - 1))
        ones = torch.ones_like(moved[..., 0])
        rows = orthonormal_frame(moved, dot, ones, 0.0).vectors
        identity = torch.eye(rows.shape[-1], dtype=rows.dtype, device=rows.device)
        missing = torch.where(frame.kept.all(-1)[..., None, None], 0.0, identity - rows.mT @ rows)
        fixed = orthonormal_frame(missing, dot, ones, resolution(rows))
        form = self.action.group.stabilizer_form.to(rows.device)
        matrix = fixed.vectors @ form @ fixed.vectors.mT + torch.diag_embed((~fixed.kept).to(form.dtype))
        # a stabiliser that is not compact (padding only) is measured where the form does not vanish
        empty = (torch.linalg.det(matrix.detach()) == 0)[..., None, None]
        vanishing = torch.diag_embed((matrix.diagonal(dim1=-2, dim2=-1) == 0).to(form.dtype))
        matrix = matrix + torch.where(empty, vanishing, 0.0)
        return 0.5 * torch.linalg.slogdet(matrix).logabsdet

    @override
    def mean_curvature(self, base_point: Tensor) -> Tensor:
        point, _, frame = self._frame(base_point)
        axis = point.ndim - len(self._space.shape)
        weights = frame.coefficients

        def spread(moved: Tensor) -> Tensor:
            combined = torch.einsum(
                "...ia,...ap->...ip", weights.to(moved.dtype), self._fields(moved).flatten(axis + 1)
            ).reshape(frame.vectors.shape)
            return self._inner_at(moved)(frame.vectors, 2 * combined - frame.vectors).sum()

        gradient = self._space.gradient(torch.func.grad(spread)(point), point)
        horizontal = gradient - project(frame, gradient, self._inner_at(point))
        return (-0.5 * horizontal).to(base_point.dtype)

    @override
    def center(self, point: Tensor) -> Tensor:
        return self.action.center(self._prepare(point)).to(point.dtype)

    @override
    def align(self, point: Tensor, base_point: Tensor) -> Alignment:
        """By the action's closed form where it has one, else by descent along the orbit from several starts.

        First derivatives are those of the aligned point, by the implicit function theorem; there are no second ones.

        Raises:
            ClaimError: when M is not flat.
        """
        if not self._space.flat:
            raise ClaimError(f"align measures distances in a flat total space, got {self._space!r}")
        moving, target = torch.broadcast_tensors(self._prepare(point), self._prepare(base_point))
        with torch.no_grad():
            element = self.action.nearest_element(moving, target)
            kind = AlignmentKind.STATIONARY if element is None else AlignmentKind.GLOBAL
            element = nearest_by_descent(self._space, self.action, moving, target) if element is None else element
        aligned = implicit_step(self._space, self.action, self.action.act(element, moving), target)
        return Alignment(point=aligned.to(torch.result_type(point, base_point)), kind=kind)
