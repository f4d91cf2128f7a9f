"""Rigid motions of clouds in space, an item at a time: imported only where numba is installed.

Arrays are ``x [items, n_points, 3]`` and ``mask [items, n_points]`` or None. Sums are kept in float64 whatever the
dtype of the arrays; with c the centroid and p = x - c,

    K = sum_i (|p_i|^2 1 - p_i p_i^T)
    (P v)_i = v_i - mean(v) - w x p_i  with  K w = sum_i p_i x v_i
    H_i = -(tr(K^-1) 1 - K^-1) p_i

An item whose K is not far from singular is left at zero and its flag is False.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

_Three = tuple[float, float, float]
_Six = tuple[float, float, float, float, float, float]
_Mask = NDArray[np.bool_] | None
_EPS = float(np.finfo(np.float64).eps)
_compiled = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
# Sums may be taken in any order. Nowhere else: x - c - rest must not become x - (c + rest).
_summed = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})


@_summed
def _sums(v: NDArray | None, x: NDArray, mask: _Mask, item: int) -> tuple[int, _Three, _Three, _Six, _Three, _Three]:
    """Number of points, centroid c, and the sums of p = x - c, of its products, of v and of p x v."""
    count = 0
    a = b = c = 0.0
    for i in range(x.shape[1]):
        if mask is None or mask[item, i]:
            count += 1
            a += x[item, i, 0]
            b += x[item, i, 1]
            c += x[item, i, 2]
    scale = 1.0 / max(count, 1)
    a, b, c = a * scale, b * scale, c * scale
    d = e = f = xx = xy = xz = yy = yz = zz = u0 = u1 = u2 = l0 = l1 = l2 = 0.0
    for i in range(x.shape[1]):
        if mask is None or mask[item, i]:
            p, q, r = x[item, i, 0] - a, x[item, i, 1] - b, x[item, i, 2] - c
            d += p
            e += q
            f += r
            xx += p * p
            xy += p * q
            xz += p * r
            yy += q * q
            yz += q * r
            zz += r * r
            if v is not None:
                g, h, k = v[item, i, 0], v[item, i, 1], v[item, i, 2]
                u0 += g
                u1 += h
                u2 += k
                l0 += q * k - r * h
                l1 += r * g - p * k
                l2 += p * h - q * g
    return count, (a, b, c), (d, e, f), (xx, xy, xz, yy, yz, zz), (u0, u1, u2), (l0, l1, l2)


@_compiled
def _inverse_inertia(count: int, c: _Three, products: _Six, tolerance: float, limit: float) -> tuple[_Six, bool]:
    """K^-1 by its six entries, and whether it can be used as it is, see :mod:`quotient._cloud_moments`."""
    xx, xy, xz, yy, yz, zz = products
    k, m, n = yy + zz, xx + zz, xx + yy
    a, b, d = m * n - yz * yz, xy * n + yz * xz, xy * yz + m * xz
    scale = 1.0 / (k * a - xy * b - xz * d)
    inverse = (
        a * scale,
        b * scale,
        d * scale,
        (k * n - xz * xz) * scale,
        (k * yz + xy * xz) * scale,
        (k * m - xy * xy) * scale,
    )
    reach = sqrt(c[0] ** 2 + c[1] ** 2 + c[2] ** 2) + sqrt(xx + yy + zz)
    noise = reach * sqrt(2.0 * count)
    plain = True
    for size, squared in ((sqrt(k), inverse[0]), (sqrt(m), inverse[3]), (sqrt(n), inverse[5])):
        distance = 1.0 / sqrt(squared)
        plain = plain and distance > size / limit and distance > max(noise, _EPS * size) * tolerance
    return inverse, plain


@_compiled
def _moments(
    v: NDArray | None, x: NDArray, mask: _Mask, item: int, tolerance: float, limit: float
) -> tuple[_Three, _Three, _Six, bool, _Three, _Three]:
    """Centroid, what rounding left of it, K^-1 and whether it can be used, mean of v and sum of (p - rest) x v."""
    count, c, left, products, total, turning = _sums(v, x, mask, item)
    scale = 1.0 / max(count, 1)
    d, e, f = left[0] * scale, left[1] * scale, left[2] * scale
    xx, xy, xz, yy, yz, zz = products
    centred = (
        xx - left[0] * d,
        xy - left[0] * e,
        xz - left[0] * f,
        yy - left[1] * e,
        yz - left[1] * f,
        zz - left[2] * f,
    )
    centroid = (c[0] + d, c[1] + e, c[2] + f)
    inverse, plain = _inverse_inertia(count, centroid, centred, tolerance, limit)
    a, b, k = total
    turning = (turning[0] - e * k + f * b, turning[1] - f * a + d * k, turning[2] - d * b + e * a)
    return c, (d, e, f), inverse, plain, (a * scale, b * scale, k * scale), turning


@_compiled
def horizontal(
    v: NDArray, x: NDArray, mask: _Mask, tolerance: float, limit: float, out: NDArray, plain: NDArray[np.bool_]
) -> None:
    """P v into ``out [items, n_points, 3]``, zero on padding, and the flags into ``plain [items]``."""
    for item in range(x.shape[0]):
        c, rest, inverse, plain[item], mean, (k, m, n) = _moments(v, x, mask, item, tolerance, limit)
        if not plain[item]:
            out[item] = 0.0
            continue
        wx = inverse[0] * k + inverse[1] * m + inverse[2] * n
        wy = inverse[1] * k + inverse[3] * m + inverse[4] * n
        wz = inverse[2] * k + inverse[4] * m + inverse[5] * n
        a, b, d = mean
        for i in range(x.shape[1]):
            if mask is None or mask[item, i]:
                p = x[item, i, 0] - c[0] - rest[0]
                q = x[item, i, 1] - c[1] - rest[1]
                r = x[item, i, 2] - c[2] - rest[2]
                out[item, i, 0] = v[item, i, 0] - a - (wy * r - wz * q)
                out[item, i, 1] = v[item, i, 1] - b - (wz * p - wx * r)
                out[item, i, 2] = v[item, i, 2] - d - (wx * q - wy * p)
            else:
                out[item, i] = 0.0


@_compiled
def mean_curvature(
    x: NDArray, mask: _Mask, tolerance: float, limit: float, out: NDArray, plain: NDArray[np.bool_]
) -> None:
    """H into ``out [items, n_points, 3]``, zero on padding, and the flags into ``plain [items]``."""
    for item in range(x.shape[0]):
        c, rest, inverse, plain[item], _, _ = _moments(None, x, mask, item, tolerance, limit)
        if not plain[item]:
            out[item] = 0.0
            continue
        xx, xy, xz = -(inverse[3] + inverse[5]), inverse[1], inverse[2]
        yy, yz, zz = -(inverse[0] + inverse[5]), inverse[4], -(inverse[0] + inverse[3])
        for i in range(x.shape[1]):
            if mask is None or mask[item, i]:
                p = x[item, i, 0] - c[0] - rest[0]
                q = x[item, i, 1] - c[1] - rest[1]
                r = x[item, i, 2] - c[2] - rest[2]
                out[item, i, 0] = xx * p + xy * q + xz * r
                out[item, i, 1] = xy * p + yy * q + yz * r
                out[item, i, 2] = xz * p + yz * q + zz * r
            else:
                out[item, i] = 0.0
