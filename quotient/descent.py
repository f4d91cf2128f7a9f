"""Alignment along orbits by damped Newton steps in the Lie algebra, from several starts."""

from __future__ import annotations

import torch
from torch import Tensor

from groups import GroupAction, directional_derivative
from quotient.total_space import TotalSpace

_STARTS = 8
_STEPS = 40
_SMALLEST_TURN = 1e-10
_POLISHING = 3


def _turned_fields(space: TotalSpace, action: GroupAction, point: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Generators at a point, and their covariant derivatives along each other, ``[..., b, a, *point_shape]``."""
    here = action.infinitesimal(point)
    if not space.flat:
        turned = [space.covariant_derivative(action.infinitesimal, along, point) for along in here.unbind(0)]
        return here.movedim(0, axis), torch.stack(turned).movedim((0, 1), (axis, axis + 1))

    def fields(y: Tensor) -> Tensor:
        return action.infinitesimal(y).movedim(0, axis)

    # stacked in front and moved: a constant derivative comes back without the axis of the directions
    turned = torch.func.vmap(lambda along: directional_derivative(fields, point, along)[1])(here)
    return here.movedim(0, axis), turned.movedim(0, axis)


def _slope_and_hessian(
    space: TotalSpace, action: GroupAction, moving: Tensor, target: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """First and second derivatives of half the squared distance along the orbit, and the generators' sizes.

    The gradient of half the squared distance to y is -log_x(y). On a curved M its Hessian is replaced by the metric, to
    which it tends at small distances: steps are then shorter or longer than Newton's and converge linearly.
    """
    rank = len(space.shape)
    here, turned = _turned_fields(space, action, moving, moving.ndim - rank)
    rest = -space.log(target, moving)
    axis = moving.ndim - rank

    def inner(first: Tensor, second: Tensor, axes: int) -> Tensor:
        foot = moving[(..., *[None] * axes, *[slice(None)] * rank)]
        return space.metric(first, second, foot)

    gram = inner(here.unsqueeze(axis), here.unsqueeze(axis + 1), 2)
    hessian = gram + inner(turned, rest.unsqueeze(axis).unsqueeze(axis), 2)
    slope = inner(here, rest.unsqueeze(axis), 1)
    return slope, 0.5 * (hessian + hessian.mT), torch.diagonal(gram, dim1=-2, dim2=-1)


def _damped_step(slope: Tensor, hessian: Tensor, sizes: Tensor, damping: Tensor) -> Tensor:
    """Newton step with the eigenvalues of the scaled Hessian taken positive and damped, ``[..., group dim]``."""
    scale = torch.where(sizes > 0, sizes, torch.ones_like(sizes)).rsqrt()
    scaled = scale.unsqueeze(-1) * hessian * scale.unsqueeze(-2)
    finite = scaled.isfinite().all(-1).all(-1)[..., None, None]
    values, vectors = torch.linalg.eigh(torch.where(finite, scaled, torch.zeros_like(scaled)))
    lengths = (values.abs() + damping.unsqueeze(-1)).unsqueeze(-1)
    return -scale * (vectors @ ((vectors.mT @ (scale * slope).unsqueeze(-1)) / lengths)).squeeze(-1)


def _shortening(turn: Tensor, sizes: Tensor, value: Tensor) -> Tensor:
    """Factor that keeps a step along the orbit below twice the distance to the target, which no good step exceeds."""
    length = turn.shape[-1] ** 0.5 * (sizes * turn**2).sum(-1).sqrt()
    return torch.where(length > 2 * value.sqrt(), 2 * value.sqrt() / length, torch.ones_like(length))


def nearest_by_descent(space: TotalSpace, action: GroupAction, point: Tensor, base_point: Tensor) -> Tensor:
    """A group element that moves ``point`` to a stationary point of the distance to ``base_point``.

    Starts are the identity and fixed random group elements. Each step is a Newton step of the squared distance in
    exponential coordinates at the moving point, damped by mu; it is kept only where it lowers the distance, and mu
    adapts for each item. The best end is returned.

    Args:
        space: M with a logarithm.
        action: the action.
        point: shape ``[..., *point_shape]``, double precision.
        base_point: same shape.

    Returns:
        Elements, shape ``[..., *group_shape]``.
    """
    group = action.group
    rank, element_rank = len(space.shape), len(group.shape)
    batch = point.shape[: point.ndim - rank]
    random = group.random((_STARTS - 1,), torch.Generator().manual_seed(0), point)
    starts = torch.cat([group.identity(point).unsqueeze(0), random])
    elements = starts.reshape(_STARTS, *(1,) * len(batch), *group.shape).expand(_STARTS, *batch, *group.shape)
    target = base_point.unsqueeze(0)

    def cost(y: Tensor) -> Tensor:
        gap = space.log(target.expand_as(y), y)
        return space.inner_product(gap, gap, y).nan_to_num(nan=torch.inf)

    moving = action.act(elements, point.unsqueeze(0))
    value = cost(moving)
    damping = torch.full_like(value, 1e-3)
    for _ in range(_STEPS if group.dim else 0):
        slope, hessian, sizes = _slope_and_hessian(space, action, moving, target)
        turn = _damped_step(slope, hessian, sizes, damping)
        turn = turn * _shortening(turn, sizes, value).unsqueeze(-1)
        candidate = group.compose(group.exp(turn), elements)
        moved = action.act(candidate, point.unsqueeze(0))
        # a long step of a non-compact group may overflow
        finite = moved.isfinite().flatten(value.ndim).all(-1)
        moved = torch.where(finite.reshape(finite.shape + (1,) * rank), moved, moving)
        proposed = cost(moved)
        lower = proposed < value
        elements = torch.where(lower.reshape(lower.shape + (1,) * element_rank), candidate, elements)
        moving = torch.where(lower.reshape(lower.shape + (1,) * rank), moved, moving)
        value = torch.where(lower, proposed, value)
        damping = torch.where(lower, damping / 3, damping * 4).clamp(1e-12, 1e12)
        if not bool((turn.abs() > _SMALLEST_TURN).any()):
            break
    best = value.argmin(0, keepdim=True)
    index = best.reshape(best.shape + (1,) * element_rank).expand(1, *elements.shape[1:])
    return _polish(space, action, elements.gather(0, index).squeeze(0), point, base_point)


def _polish(space: TotalSpace, action: GroupAction, element: Tensor, point: Tensor, base_point: Tensor) -> Tensor:
    """Newton steps kept where they lower the slope: values of the distance do not resolve the last digits."""
    group = action.group
    for _ in range(_POLISHING if group.dim else 0):
        slope, hessian, sizes = _slope_and_hessian(space, action, action.act(element, point), base_point)
        turn = _damped_step(slope, hessian, sizes, torch.full_like(slope[..., 0], 1e-15))
        candidate = group.compose(group.exp(turn), element)
        after, _, _ = _slope_and_hessian(space, action, action.act(candidate, point), base_point)
        lower = (after**2).sum(-1) < (slope**2).sum(-1)
        element = torch.where(lower.reshape(lower.shape + (1,) * len(group.shape)), candidate, element)
    return element


def implicit_step(space: TotalSpace, action: GroupAction, aligned: Tensor, base_point: Tensor) -> Tensor:
    """Give a stationary point of the distance along the orbit its derivative in both points.

    The slope of the distance vanishes there, so by the implicit function theorem the group element moves by
    -h^-1 d(slope), h being the Hessian. The value does not change; where h is singular the derivative of least norm is
    taken. First derivatives only.

    Args:
        space: M with a logarithm.
        action: the action.
        aligned: g x with g constant, shape ``[..., *point_shape]``, double precision.
        base_point: same shape.
    """
    if not action.group.dim or not (torch.is_grad_enabled() and (aligned.requires_grad or base_point.requires_grad)):
        return aligned
    rank = len(space.shape)
    axis = aligned.ndim - rank
    fixed, target = aligned.detach(), base_point.detach()

    def slope(y: Tensor, goal: Tensor) -> Tensor:
        return -space.metric(action.infinitesimal(y), space.log(goal, y), y).movedim(0, -1)

    stacked = action.infinitesimal(fixed)
    rows = [directional_derivative(lambda y: slope(y, target), fixed, along)[1] for along in stacked.unbind(0)]
    hessian = torch.stack(rows, -1)
    here = slope(aligned, base_point)
    inverse = torch.linalg.pinv(torch.where(hessian.isfinite(), 0.5 * (hessian + hessian.mT), 0.0), hermitian=True)
    turn = -(inverse @ (here - here.detach()).unsqueeze(-1)).squeeze(-1)
    fields = stacked.movedim(0, axis).flatten(-rank)
    return aligned + torch.einsum("...a,...ap->...p", turn.to(fields.dtype), fields).reshape(aligned.shape)
