"""Rigid motions of clouds in space, an item at a time: imported only where numba is installed.

Arrays are ``x [items, 3 n_points]``, point after point, and ``mask [items, n_points]`` or None. One number after the
other, since a row of three whose length is not known when it is compiled is read by steps that no compiler vectorises.
Sums are kept in float64 whatever the dtype of the arrays; with c the centroid and p = x - c,

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
# Loops have few sums, read padding like everything else and choose late, or else they are not vectorised.
# Sums may be taken in any order. Nowhere else: x - c - rest must not become x - (c + rest).
_summed = njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc"})


@_summed
def _count(x: NDArray, mask: _Mask, item: int) -> int:
    count = x.shape[1] // 3
    if mask is not None:
        count = 0
        for i in range(mask.shape[1]):
            count += mask[item, i]
    return count


@_summed
def _total(x: NDArray, mask: _Mask, item: int) -> _Three:
    """Sum of x."""
    a = b = c = 0.0
    for i in range(x.shape[1] // 3):
        p, q, r = x[item, 3 * i], x[item, 3 * i + 1], x[item, 3 * i + 2]
        if mask is not None and not mask[item, i]:
            p = q = r = x.dtype.type(0.0)
        a += p
        b += q
        c += r
    return a, b, c


@_summed
def _products(x: NDArray, mask: _Mask, item: int, origin: _Three) -> tuple[_Three, _Six]:
    """Sums of p = x - origin and of its products."""
    a, b, c = origin
    d = e = f = xx = xy = xz = yy = yz = zz = 0.0
    for i in range(x.shape[1] // 3):
        p, q, r = x[item, 3 * i] - a, x[item, 3 * i + 1] - b, x[item, 3 * i + 2] - c
        if mask is not None and not mask[item, i]:
            p = q = r = 0.0
        d += p
        e += q
        f += r
        xx += p * p
        xy += p * q
        xz += p * r
        yy += q * q
        yz += q * r
        zz += r * r
    return (d, e, f), (xx, xy, xz, yy, yz, zz)


@_summed
def _turning(v: NDArray, x: NDArray, mask: _Mask, item: int, origin: _Three) -> _Three:
    """Sum of (x - origin) x v."""
    a, b, c = origin
    k = m = n = 0.0
    for i in range(x.shape[1] // 3):
        p, q, r = x[item, 3 * i] - a, x[item, 3 * i + 1] - b, x[item, 3 * i + 2] - c
        g, h, j = v[item, 3 * i], v[item, 3 * i + 1], v[item, 3 * i + 2]
        d, e, f = q * j - r * h, r * g - p * j, p * h - q * g
        if mask is not None and not mask[item, i]:
            d = e = f = 0.0
        k += d
        m += e
        n += f
    return k, m, n


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
    x: NDArray, mask: _Mask, item: int, tolerance: float, limit: float
) -> tuple[int, _Three, _Three, _Six, bool]:
    """Number of points, centroid, what rounding left of it, K^-1 and whether it can be used."""
    count = _count(x, mask, item)
    scale = 1.0 / max(count, 1)
    a, b, d = _total(x, mask, item)
    c = (a * scale, b * scale, d * scale)
    left, (xx, xy, xz, yy, yz, zz) = _products(x, mask, item, c)
    d, e, f = left[0] * scale, left[1] * scale, left[2] * scale
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
    return count, c, (d, e, f), inverse, plain


@_compiled
def _cross(a: _Three, b: _Three) -> _Three:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


@_compiled
def _subtract_motion(
    v: NDArray, x: NDArray, mask: _Mask, item: int, origin: _Three, mean: _Three, w: _Three, out: NDArray
) -> None:
    """Write v - mean - w x (x - origin), zero on padding."""
    a, b, c = origin
    d, e, f = mean
    k, m, n = w
    for i in range(x.shape[1] // 3):
        p, q, r = x[item, 3 * i] - a, x[item, 3 * i + 1] - b, x[item, 3 * i + 2] - c
        g = v[item, 3 * i] - d - m * r + n * q
        h = v[item, 3 * i + 1] - e - n * p + k * r
        j = v[item, 3 * i + 2] - f - k * q + m * p
        if mask is not None and not mask[item, i]:
            g = h = j = 0.0
        out[item, 3 * i] = g
        out[item, 3 * i + 1] = h
        out[item, 3 * i + 2] = j


@_compiled
def horizontal(
    v: NDArray, x: NDArray, mask: _Mask, tolerance: float, limit: float, out: NDArray, plain: NDArray[np.bool_]
) -> None:
    """P v into ``out``, zero on padding, and the flags into ``plain [items]``."""
    for item in range(x.shape[0]):
        count, c, rest, inverse, plain[item] = _moments(x, mask, item, tolerance, limit)
        if not plain[item]:
            out[item] = 0.0
            continue
        total, turning = _total(v, mask, item), _turning(v, x, mask, item, c)
        k, m, n = _cross(rest, total)
        k, m, n = turning[0] - k, turning[1] - m, turning[2] - n
        w = (
            inverse[0] * k + inverse[1] * m + inverse[2] * n,
            inverse[1] * k + inverse[3] * m + inverse[4] * n,
            inverse[2] * k + inverse[4] * m + inverse[5] * n,
        )
        a, b, d = _cross(w, rest)
        # w x (x - c - rest) by one subtraction a number
        mean = (total[0] / count - a, total[1] / count - b, total[2] / count - d)
        _subtract_motion(v, x, mask, item, c, mean, w, out)


@_compiled
def mean_curvature(
    x: NDArray, mask: _Mask, tolerance: float, limit: float, out: NDArray, plain: NDArray[np.bool_]
) -> None:
    """H into ``out``, zero on padding, and the flags into ``plain [items]``."""
    for item in range(x.shape[0]):
        _, c, rest, inverse, plain[item] = _moments(x, mask, item, tolerance, limit)
        if not plain[item]:
            out[item] = 0.0
            continue
        xx, xy, xz = -(inverse[3] + inverse[5]), inverse[1], inverse[2]
        yy, yz, zz = -(inverse[0] + inverse[5]), inverse[4], -(inverse[0] + inverse[3])
        _bend(x, mask, item, c, rest, (xx, xy, xz, yy, yz, zz), out)


@_compiled
def _bend(x: NDArray, mask: _Mask, item: int, origin: _Three, rest: _Three, matrix: _Six, out: NDArray) -> None:
    """Write A (x - origin - rest) with the symmetric matrix A, zero on padding."""
    a, b, c = origin
    d, e, f = rest
    xx, xy, xz, yy, yz, zz = matrix
    for i in range(x.shape[1] // 3):
        p, q, r = x[item, 3 * i] - a - d, x[item, 3 * i + 1] - b - e, x[item, 3 * i + 2] - c - f
        if mask is not None and not mask[item, i]:
            p = q = r = 0.0
        out[item, 3 * i] = xx * p + xy * q + xz * r
        out[item, 3 * i + 1] = xy * p + yy * q + yz * r
        out[item, 3 * i + 2] = xz * p + yz * q + zz * r
