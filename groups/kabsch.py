"""Proper rotations that superpose centred point clouds [Kabsch1976]."""

from __future__ import annotations

import torch
from torch import Tensor


def best_rotation(point: Tensor, base_point: Tensor) -> Tensor:
    """R in SO(d) minimising |point R^T - base_point|^2.

    With the singular value decomposition point^T base_point = U S W^T, R = W D U^T, D = diag(1, ..., 1, det(U W^T)).
    The result is a constant of differentiation; :func:`superpose` adds the derivative.

    Args:
        point: centred clouds, shape ``[..., n, d]``; padding is zero.
        base_point: centred clouds to be matched, shape ``[..., n, d]``.

    Returns:
        Rotations, shape ``[..., d, d]``; where the minimiser is not unique, one of the minimisers; NaN for clouds that
        are not finite.
    """
    cross = (point.mT @ base_point).detach().to(torch.float64)
    finite = cross.isfinite().all(-1).all(-1)[..., None, None]
    eye = torch.eye(cross.shape[-1], dtype=cross.dtype, device=cross.device)
    left, _, right = torch.linalg.svd(torch.where(finite, cross, eye))
    flip = torch.ones_like(left[..., 0])
    flip[..., -1] = (torch.det(left) * torch.det(right)).sign()
    rotation = (left * flip.unsqueeze(-2) @ right).mT
    return torch.where(finite, rotation, torch.full_like(rotation, torch.nan)).to(point.dtype)


def superpose(point: Tensor, base_point: Tensor, basis: Tensor) -> Tensor:
    """Centred cloud ``point`` rotated nearest to ``base_point``, differentiable in both.

    At the minimum the moments m_a = <y e_a^T, base_point> of the rotated cloud y vanish, so by the implicit function
    theorem the rotation turns by h^-1 dm when the clouds move, h being the Hessian of the distance along the orbit.
    Where h is singular the minimiser is not unique and the derivative of least norm is taken.

    Args:
        point: centred clouds, shape ``[..., n, d]``.
        base_point: centred clouds, shape ``[..., n, d]``.
        basis: basis e_a of so(d), shape ``[m, d, d]``.

    Returns:
        y, shape ``[..., n, d]``. First derivatives only.
    """
    rotated = point @ best_rotation(point, base_point).mT
    cross = rotated.mT @ base_point
    finite = cross.isfinite().all(-1).all(-1)[..., None, None]
    moments = torch.einsum("aij,...ji->...a", basis, cross)
    products = basis[:, None] @ basis[None, :]
    hessian = -torch.einsum("abij,...ji->...ab", (products + products.transpose(0, 1)) / 2, cross.detach())
    hessian = torch.where(finite, hessian, torch.zeros_like(hessian))
    turn = torch.einsum("...ab,...b->...a", torch.linalg.pinv(hessian, hermitian=True), moments - moments.detach())
    return rotated + rotated.detach() @ torch.einsum("...a,aij->...ji", turn, basis)
