"""Rotations of centred point clouds from second moments: what a shape space needs, without a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from quotient._certificate import RANK_TOLERANCE
from quotient.point_clouds import PointClouds

#: Largest ratios of the size of a generator to its distance from the span of the others. K^-1 loses two digits for each
#: power of ten: up to the first it is used as it is, up to the second the projection is refined by its own remainder.
PLAIN_LIMIT = 1e1
_REFINED_LIMIT = 1e2


@final
@dataclass(frozen=True, eq=False)
class CloudMoments:
    """Centred clouds with the inverse Gram matrix of their rotations x e_a^T, for items where it can be trusted.

    Attributes:
        basis: e_a, shape ``[m, d, d]``.
        planes: the coordinates of the clouds less their centroids, up to rounding, one row a coordinate, and a row of
            ones; zero on padding, shape ``[..., d + 1, n_points]``.
        rest: the centroid that rounding left, ``[..., 1, d]``.
        count: number of real points, ``[..., 1, 1]``, at least one.
        gram: K, identity where it cannot be trusted, ``[..., m, m]``.
        inverse: K^-1.
        passed: items that can be trusted, ``[...]``.
        plain: those of them whose projection needs no refinement by its own remainder, ``[...]``.
    """

    basis: Tensor
    planes: Tensor
    rest: Tensor
    count: Tensor
    gram: Tensor
    inverse: Tensor
    passed: Tensor
    plain: Tensor

    def horizontal(self, vector: Tensor) -> Tensor:
        """P v for ``vector [..., n_points, d]``, zero on padding, good where `plain`; applied again where `passed`."""
        products = self.planes @ vector
        mean = products[..., -1:, :] / self.count
        cross = products[..., :-1, :] - self.count * self.rest.mT @ mean
        moments = cross.flatten(-2) @ self.basis.mT.flatten(1).mT
        weights = (self.inverse @ moments.unsqueeze(-1)).squeeze(-1)
        turn = (weights @ self.basis.mT.flatten(1)).unflatten(-1, self.basis.shape[1:])
        return vector - self._affine(turn, mean)

    def _affine(self, matrix: Tensor, row: Tensor) -> Tensor:
        """Rows x A + m of the centred clouds x for ``matrix [..., d, d]`` and ``row [..., 1, d]``, zero on padding."""
        return (torch.cat([matrix, row - self.rest @ matrix], -2).mT @ self.planes).mT

    def mean_curvature(self) -> Tensor:
        """H = x B with B = sum_ab (K^-1)_ab e_a e_b, horizontal because B is a function of x^T x."""
        products = (self.basis[:, None] @ self.basis[None, :]).flatten(2).flatten(0, 1)
        bend = (self.inverse.flatten(-2) @ products).unflatten(-1, self.basis.shape[1:])
        return self._affine(bend, torch.zeros_like(bend[..., :1, :])).contiguous()

    def log_volume(self) -> Tensor:
        """0.5 log det K."""
        return 0.5 * torch.linalg.slogdet(self.gram).logabsdet


def cloud_moments(space: PointClouds, basis: Tensor, point: Tensor, resolution: float) -> CloudMoments:
    """Moments of ``point [..., n_points, d]`` in float64, zero on padding, known to a relative precision.

    An item is trusted under the conditions of :func:`quotient._certificate.certify`. Some three passes over the
    coordinates, beside small matrices. Differentiable.
    """
    count = space.count(point).clamp_min(1)[..., None, None]
    mean = point.sum(-2, keepdim=True) / count
    planes = _planes(space, point, mean)
    products = planes @ planes.mT
    rest = products[..., -1:, :-1] / count
    second = products[..., :-1, :-1] - count * rest.mT @ rest
    pairs = torch.einsum("aji,bjk->ikab", basis, basis)
    gram = (second.flatten(-2) @ pairs.flatten(2).flatten(0, 1)).unflatten(-1, (len(basis), -1))
    sizes = gram.detach().diagonal(dim1=-2, dim2=-1).clamp_min(0).sqrt()
    reach = (mean + rest).detach().square().sum((-2, -1)).sqrt() + _trace(second.detach()).clamp_min(0).sqrt()
    noise = (reach * (2.0 * count[..., 0, 0]).sqrt()).unsqueeze(-1)
    floor = torch.maximum(noise, torch.finfo(gram.dtype).eps * sizes) * (2 * RANK_TOLERANCE * resolution)
    distances = symmetric_inverse(gram.detach()).diagonal(dim1=-2, dim2=-1).rsqrt()
    # NaN, of a matrix that has no inverse, passes no comparison
    passed = ((distances > sizes / _REFINED_LIMIT) & (distances > floor)).all(-1)
    plain = passed & (distances > sizes / PLAIN_LIMIT).all(-1)
    eye = torch.eye(len(basis), dtype=gram.dtype, device=gram.device)
    gram = torch.where(passed[..., None, None], gram, eye)
    return CloudMoments(basis, planes, rest, count, gram, symmetric_inverse(gram), passed, plain)


def _planes(space: PointClouds, point: Tensor, mean: Tensor) -> Tensor:
    """Coordinates x - m by rows with a row of ones, zero on padding.

    Products of long rows are several times faster than those of three columns; the one large array is changed in place,
    since finding memory for another costs as much as filling it.
    """
    ones = space.keep(torch.ones_like(point[..., :1]))
    planes = torch.cat([point.mT, ones.expand(*point.shape[:-1], 1).mT], -2)
    shift = torch.nn.functional.pad(mean, (0, 1))
    return planes.sub_(shift.mT if space.mask is None else (shift * ones).mT)


def symmetric_inverse(matrix: Tensor) -> Tensor:
    """Inverse of symmetric matrices ``[..., m, m]``, infinite or NaN where there is none.

    By adjugates for three rows, where a call of the library for each item costs more.
    """
    if matrix.shape[-1] == 1:
        return matrix.reciprocal()
    if matrix.shape[-1] == 3:
        adjugate = torch.linalg.cross(matrix.roll(-1, -2), matrix.roll(-2, -2), dim=-1)
        return adjugate / (matrix[..., :1, :] * adjugate[..., :1, :]).sum(-1, keepdim=True)
    return torch.linalg.inv_ex(matrix).inverse


def _trace(matrix: Tensor) -> Tensor:
    return matrix.diagonal(dim1=-2, dim2=-1).sum(-1)
