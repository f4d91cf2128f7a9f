"""Alignment along orbits by Levenberg-Marquardt steps in the Lie algebra, from several starts."""

from __future__ import annotations

import torch
from torch import Tensor

from groups import GroupAction
from quotient.spaces import TotalSpace

_STARTS = 8
_STEPS = 60


def align_by_descent(space: TotalSpace, action: GroupAction, point: Tensor, base_point: Tensor) -> Tensor:
    """Move ``point`` along its orbit to a stationary point of the distance to ``base_point``.

    Starts are the identity and fixed random group elements. Each step solves (K + mu diag K) w = -J^T r for the moving
    point y, with r = y - base_point and J its generators, and is kept only where it lowers the distance; mu adapts for
    each item. Not differentiated.

    Args:
        space: flat M.
        action: the action.
        point: shape ``[..., *point_shape]``, double precision.
        base_point: same shape.

    Returns:
        The best of the end points, shape ``[..., *point_shape]``.
    """
    group = action.group
    with torch.no_grad():
        starts = group.random((_STARTS - 1,), torch.Generator().manual_seed(0), point)
        elements = torch.cat([group.identity(point).unsqueeze(0), starts])
        elements = elements.reshape(_STARTS, *(1,) * (point.ndim - len(space.shape)), *group.shape)
        moving = action.act(elements, point.unsqueeze(0))
        target = base_point.unsqueeze(0)

        def cost(y: Tensor) -> Tensor:
            difference = y - target
            return space.inner_product(difference, difference, y)

        value = cost(moving)
        damping = torch.full_like(value, 1e-3)
        for _ in range(_STEPS if group.dim else 0):
            fields = (
                action.infinitesimal(moving)
                .movedim(0, moving.ndim - len(space.shape))
                .flatten(-len(space.shape))
            )
            real = torch.view_as_real(fields).flatten(-2) if fields.is_complex() else fields
            rest = (moving - target).flatten(-len(space.shape))
            residual = torch.view_as_real(rest).flatten(-2) if rest.is_complex() else rest
            gram = real @ real.mT
            scale = torch.diagonal(gram, dim1=-2, dim2=-1).clamp_min(torch.finfo(gram.dtype).tiny)
            matrix = gram + torch.diag_embed(
                damping.unsqueeze(-1) * scale + 1e-14 * scale.amax(-1, keepdim=True)
            )
            turn = -torch.linalg.solve(matrix, (real @ residual.unsqueeze(-1))).squeeze(-1)
            candidate = action.act(group.exp(turn), moving)
            lower = cost(candidate) < value
            moving = torch.where(lower.reshape(lower.shape + (1,) * len(space.shape)), candidate, moving)
            value = torch.where(lower, cost(candidate), value)
            damping = torch.where(lower, damping / 3, damping * 4).clamp(1e-12, 1e12)
        best = value.argmin(0, keepdim=True)
        index = best.reshape(best.shape + (1,) * len(space.shape)).expand(1, *moving.shape[1:])
        return moving.gather(0, index).squeeze(0)
