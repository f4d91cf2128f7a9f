"""The element of a classical group nearest to a matrix: polar factors."""

from __future__ import annotations

import torch
from torch import Tensor

from groups.full_orthogonal import Orthogonal
from groups.group import Group
from groups.orthogonal import SpecialOrthogonal
from groups.special_unitary import SpecialUnitary
from groups.unitary import Unitary


def nearest_group_element(group: Group, cross: Tensor) -> Tensor | None:
    """The g maximising Re tr(g^* C), the nearest of the group to C up to scale, or None where no closed form is known.

    With C = U S W^*: U W^* for O(n) and U(n), U diag(1, ..., 1, det(U W^*)) W^* for SO(n); for SU(2) the projection
    of C on the quaternions a + b j, normalised. Where the maximiser is not unique, one of them.

    Args:
        group: O(n), SO(n), U(n) or SU(2); any other gives None.
        cross: C, shape ``[..., n, n]``, complex or real; the orthogonal groups see its real part.

    Returns:
        Shape ``[..., n, n]`` in double precision, NaN where C is not finite. A constant of differentiation.
    """
    if isinstance(group, SpecialUnitary):
        return _nearest_quaternion(_wide(cross, is_complex=True)) if cross.shape[-1] == 2 else None
    if not isinstance(group, SpecialOrthogonal | Orthogonal | Unitary):
        return None
    wide = _wide(cross, is_complex=group.is_complex)
    finite = wide.isfinite().all(-1).all(-1)[..., None, None]
    left, _, right = torch.linalg.svd(torch.where(finite, wide, torch.zeros_like(wide)))
    if isinstance(group, SpecialOrthogonal):
        last = (torch.det(left) * torch.det(right)).sign()
        left = torch.cat([left[..., :-1], left[..., -1:] * last[..., None, None]], -1)
    return torch.where(finite, left @ right, torch.nan)


def _wide(cross: Tensor, *, is_complex: bool) -> Tensor:
    if is_complex:
        return cross.detach().to(torch.complex128)
    return (cross.real if cross.is_complex() else cross).detach().to(torch.float64)


def _nearest_quaternion(cross: Tensor) -> Tensor:
    a = cross[..., 0, 0] + cross[..., 1, 1].conj()
    b = cross[..., 1, 0] - cross[..., 0, 1].conj()
    size = torch.hypot(a.abs(), b.abs())
    defined = size != 0
    a = torch.where(defined, a / torch.where(defined, size, torch.ones_like(size)), torch.ones_like(a))
    b = b / torch.where(defined, size, torch.ones_like(size))
    return torch.stack([torch.stack([a, -b.conj()], -1), torch.stack([b, a.conj()], -1)], -2)


def nearest_conjugation(group: Group, point: Tensor, base_point: Tensor) -> Tensor | None:
    """The g minimising |g X g^* - Y| for Hermitian X, Y, or None where no closed form is known.

    g maps eigenvectors of X to those of Y in the order of the eigenvalues [HoffmanWielandt1953]. Where the minimiser
    is not unique, one of them.

    Args:
        group: U(n), SU(n), or for real matrices O(n) or SO(n); any other gives None.
        point: X, shape ``[..., n, n]``; matrices that are not Hermitian up to rounding give None.
        base_point: Y, shape ``[..., n, n]``.

    Returns:
        Shape ``[..., n, n]`` in double precision, NaN where a matrix is not finite. A constant of differentiation.
    """
    wide = _wide(point, is_complex=group.is_complex), _wide(base_point, is_complex=group.is_complex)
    finite = (wide[0].isfinite() & wide[1].isfinite()).all(-1).all(-1)[..., None, None]
    real_group = isinstance(group, SpecialOrthogonal | Orthogonal)
    if not (real_group or isinstance(group, Unitary | SpecialUnitary)) or (real_group and point.is_complex()):
        return None
    x, y = (torch.where(finite, part, torch.zeros_like(part)) for part in wide)
    if not (_is_hermitian(x, point) and _is_hermitian(y, base_point)):
        return None
    vectors = torch.linalg.eigh(y).eigenvectors
    g = vectors @ torch.linalg.eigh(x).eigenvectors.mH
    if isinstance(group, SpecialUnitary):
        g = g * torch.polar(torch.ones_like(g[..., 0, 0].real), -torch.det(g).angle() / g.shape[-1])[..., None, None]
    if isinstance(group, SpecialOrthogonal):
        # an eigenvector of Y, turned round, still is one
        last = vectors[..., -1:]
        g = g - (1 - torch.det(g).sign())[..., None, None] * last @ (last.mH @ g)
    return torch.where(finite, g, torch.nan)


def _is_hermitian(matrix: Tensor, like: Tensor) -> bool:
    bound = 16 * matrix.shape[-1] * torch.finfo(like.dtype).eps * matrix.abs().amax((-2, -1))
    return bool(((matrix - matrix.mH).abs().amax((-2, -1)) <= bound).all())
