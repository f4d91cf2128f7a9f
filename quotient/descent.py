"""Alignment along orbits by damped Newton steps in the Lie algebra, from several starts."""

from __future__ import annotations

import torch
from torch import Tensor

from groups import GroupAction, directional_derivative
from quotient.spaces import TotalSpace

_STARTS = 8
_STEPS = 40
_SMALLEST_TURN = 1e-10


def _real_rows(vectors: Tensor, rank: int) -> Tensor:
    flat = vectors.flatten(-rank)
    return torch.view_as_real(flat).flatten(-2) if flat.is_complex() else flat


def _newton_step(space: TotalSpace, action: GroupAction, moving: Tensor, target: Tensor, damping: Tensor) -> Tensor:
    """Damped Newton step in the Lie algebra, the Hessian's eigenvalues taken positive, ``[..., group dim]``."""
    rank = len(space.shape)
    axis = moving.ndim - rank

    def fields(y: Tensor) -> Tensor:
        return action.infinitesimal(y).movedim(0, axis)

    here = fields(moving)
    turned = torch.func.vmap(
        lambda direction: directional_derivative(fields, moving, direction)[1], in_dims=axis, out_dims=axis
    )(here)
    rows = _real_rows(here, rank)
    rest = _real_rows(moving - target, rank).unsqueeze(-2)
    gram = rows @ rows.mT
    hessian = gram + (_real_rows(turned, rank) * rest.unsqueeze(-2)).sum(-1)
    sizes = torch.diagonal(gram, dim1=-2, dim2=-1)
    scale = torch.where(sizes > 0, sizes, torch.ones_like(sizes)).rsqrt()
    values, vectors = torch.linalg.eigh(scale.unsqueeze(-1) * 0.5 * (hessian + hessian.mT) * scale.unsqueeze(-2))
    slope = (scale * (rows * rest).sum(-1)).unsqueeze(-1)
    lengths = (values.abs() + damping.unsqueeze(-1)).unsqueeze(-1)
    return -scale * (vectors @ ((vectors.mT @ slope) / lengths)).squeeze(-1)


def align_by_descent(space: TotalSpace, action: GroupAction, point: Tensor, base_point: Tensor) -> Tensor:
    """Move ``point`` along its orbit to a stationary point of the distance to ``base_point``.

    Starts are the identity and fixed random group elements. Each step is a Newton step of the squared distance in
    exponential coordinates at the moving point, damped by mu; it is kept only where it lowers the distance, and mu
    adapts for each item. Not differentiated.

    Args:
        space: flat M.
        action: the action.
        point: shape ``[..., *point_shape]``, double precision.
        base_point: same shape.

    Returns:
        The best of the end points, shape ``[..., *point_shape]``.
    """
    group = action.group
    rank = len(space.shape)
    with torch.no_grad():
        random = group.random((_STARTS - 1,), torch.Generator().manual_seed(0), point)
        elements = torch.cat([group.identity(point).unsqueeze(0), random])
        moving = action.act(elements.reshape(_STARTS, *(1,) * (point.ndim - rank), *group.shape), point.unsqueeze(0))
        target = base_point.unsqueeze(0)

        def cost(y: Tensor) -> Tensor:
            difference = y - target
            return space.inner_product(difference, difference, y)

        value = cost(moving)
        damping = torch.full_like(value, 1e-3)
        for _ in range(_STEPS if group.dim else 0):
            turn = _newton_step(space, action, moving, target, damping)
            candidate = action.act(group.exp(turn), moving)
            proposed = cost(candidate)
            lower = proposed < value
            moving = torch.where(lower.reshape(lower.shape + (1,) * rank), candidate, moving)
            value = torch.where(lower, proposed, value)
            damping = torch.where(lower, damping / 3, damping * 4).clamp(1e-12, 1e12)
            if float(turn.abs().max()) < _SMALLEST_TURN:
                break
        best = value.argmin(0, keepdim=True)
        index = best.reshape(best.shape + (1,) * rank).expand(1, *moving.shape[1:])
        return moving.gather(0, index).squeeze(0)
