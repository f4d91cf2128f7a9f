"""Factors of Gram matrices, with a proof for each item that the factor can be trusted."""

from __future__ import annotations

import torch
from torch import Tensor

#: A direction is resolved when its residual exceeds this many units of rounding noise.
RANK_TOLERANCE = 16.0


def certainly(flags: Tensor) -> bool | None:
    """Whether all flags are known to be set; None where values cannot be read, inside ``torch.func.vmap``."""
    try:
        return bool(flags.all())
    except RuntimeError:
        return None


def inverse_factor(gram: Tensor) -> Tensor:
    """Lower triangular T with T K T^T = 1, for positive definite ``gram [..., m, m]``."""
    eye = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device)
    return torch.linalg.solve_triangular(torch.linalg.cholesky(gram), eye.expand_as(gram), upper=False)


def certify(
    gram: Tensor, sizes: Tensor, noise: Tensor, resolution: float, *, limit: float = 1e3
) -> tuple[Tensor, Tensor]:
    """Which vectors stand so far above rounding that their Gram matrix K says everything about their span.

    With d_i = (K^-1)_ii^(-1/2) the distance of vector i from the span of all others, an item passes when each

        d_i > sizes_i / limit     so that K^-1, scaled by the sizes, is known to about eps * limit^2
        d_i > 32 * resolution * max(noise_i, eps * sizes_i)

    and the pivoted Gram-Schmidt process, whose residuals are never below d_i, would keep every vector as well: the two
    routes differ by rounding alone, and which of them an item takes depends on that item alone.

    Args:
        gram: K, shape ``[..., m, m]``, float64.
        sizes: sizes of the terms that K_ii was summed from, ``[..., m]``; norms where there is no cancellation.
        noise: see :func:`quotient._frame.orthonormal_frame`.
        resolution: relative precision of the coordinates of the point.
        limit: largest ratio of size to distance.

    Returns:
        Lower triangular T with T K T^T = 1, and which items passed, ``[...]``; T is diagonal elsewhere. Differentiable.
        Cost O(m^3).
    """
    sizes = sizes.detach()
    scale = torch.where(sizes > 0, 1 / sizes, torch.ones_like(sizes))
    scaled = scale.unsqueeze(-1) * gram * scale.unsqueeze(-2)
    eye = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device).expand_as(scaled)
    factor, failed = torch.linalg.cholesky_ex(scaled)
    inverse = torch.linalg.solve_triangular(factor, eye, upper=False)
    distances = inverse.detach().square().sum(-2).rsqrt()
    unit = (noise.detach() * scale).clamp_min(torch.finfo(gram.dtype).eps)
    floor = (2 * RANK_TOLERANCE * resolution * unit).clamp_min(1 / limit)
    passed = (failed == 0) & (distances > floor).all(-1)
    if not certainly(passed):
        inverse = inverse_factor(torch.where(passed[..., None, None], scaled, eye))
    return inverse * scale.unsqueeze(-2), passed
