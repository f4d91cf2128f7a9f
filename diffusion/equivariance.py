"""Whether a velocity has the symmetry that is claimed for it."""

from __future__ import annotations

import torch
from torch import Tensor

from diffusion.samplers import VelocityField
from groups import GroupAction, directional_derivative
from quotient import OrbitSpace


def equivariance_error(
    quotient: OrbitSpace,
    action: GroupAction,
    velocity: VelocityField,
    x: Tensor,
    t: Tensor,
    generator: torch.Generator,
) -> Tensor:
    """How far a velocity is from being defined on Q: |P v(g x) - g P v(x)| / |P v(x)|, for a random g at each point.

    Zero for an equivariant network, whatever its vertical part; of order one where a condition breaks the symmetry.

    Args:
        quotient: Q = M/G.
        action: of G or of a part of it, such as the rotations of rigid motions.
        velocity: v(x, t).
        x: points, shape ``[..., *point_shape]``.
        t: a time.
        generator: of the group elements.

    Returns:
        One value a point, shape ``[...]``. Cost: two evaluations of the velocity.
    """
    space = quotient.total_space
    x = quotient.center(x)
    batch = x.shape[: x.ndim - len(space.shape)]
    g = action.group.random(tuple(batch), generator, x)
    here = quotient.horizontal_projection(velocity(x, t), x)
    moved, carried = directional_derivative(lambda y: action.act(g, y), x, here)
    there = quotient.horizontal_projection(velocity(moved, t), moved)
    size = space.norm(here, x)
    return space.norm(there - carried, moved) / size.clamp_min(torch.finfo(size.dtype).tiny)
