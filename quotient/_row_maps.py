"""Fields that move every row of an array by the same affine map, and their moments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from quotient._certificate import certainly
from quotient._products import real_rows

_CLOSURE = 1e-12


@final
@dataclass(frozen=True, eq=False)
class RowMaps:
    """xi_a(x)_r = A_a x_r + b_a = (A_a | b_a) (x_r, 1): m fields on arrays of R rows of length D.

    Rows are the last axis of a point in real coordinates, extended by a one, or by a zero where they are padding.
    Inner products are read off the moments of extended rows, so that no array ``[..., m, *point_shape]`` is formed.

    Attributes:
        maps: (A | b), shape ``[m, D, D + 1]``.
        ones: 1 for real rows and 0 for padding, ``[..., R, 1]`` with the batch shape of the space.
        point_shape: shape of a point.
        pairs: sum_i (A | b)_aij (A | b)_bik, shape ``[(D + 1)^2, m^2]``.
        apart: the same for |A_a x|^2 + |b_a|^2, a sum without cancellation, shape ``[(D + 1)^2, m]``.
        translated: orthogonal projection of rows on the b_a of the fields with A_a = 0, ``[D, D]``; None without any.
    """

    maps: Tensor
    ones: Tensor
    point_shape: tuple[int, ...]
    pairs: Tensor
    apart: Tensor
    translated: Tensor | None

    @classmethod
    def of(cls, maps: Tensor, ones: Tensor, point_shape: tuple[int, ...], *, center: bool) -> RowMaps:
        """Row maps with these (A | b).

        Args:
            maps: (A | b).
            ones: which rows are real.
            point_shape: shape of a point.
            center: use the translations; not where the maps are differentiated, which may end their being translations.
        """
        pairs = torch.einsum("aij,bik->jkab", maps, maps)
        split = torch.cat([maps.new_ones(maps.shape[-2]), maps.new_zeros(1)])
        apart = torch.diagonal(pairs.detach(), dim1=-2, dim2=-1) * (split[:, None] == split)[..., None]
        translated = _translated(maps) if center else None
        return cls(maps, ones, point_shape, pairs.flatten(2).flatten(0, 1), apart.flatten(0, 1), translated)

    def rows(self, array: Tensor) -> Tensor:
        """``[..., R, D]`` real, from ``[..., *point_shape]``."""
        return real_rows(array, len(self.point_shape)).unflatten(-1, (-1, self.maps.shape[-2]))

    def array(self, rows: Tensor, like: Tensor) -> Tensor:
        """``[..., *point_shape]``, complex where ``like`` is, from ``[..., R, D]`` real."""
        if like.is_complex():
            return torch.view_as_complex(rows.flatten(-2).unflatten(-1, (*self.point_shape, 2)))
        return rows.flatten(-2).unflatten(-1, self.point_shape)

    def fields(self, point: Tensor) -> Tensor:
        """xi_a(x), shape ``[..., m, *point_shape]``."""
        return self.array(torch.einsum("...rj,aij->...ari", self.extended(self.rows(point)), self.maps), point)

    def extended(self, rows: Tensor) -> Tensor:
        """(x_r, 1), shape ``[..., R, D + 1]``."""
        ones = self.ones.expand(*torch.broadcast_shapes(rows.shape[:-1], self.ones.shape[:-1]), 1)
        return torch.cat([rows.expand(*ones.shape[:-1], -1), ones], -1)

    def centered(self, rows: Tensor) -> Tensor:
        """The point ``[..., R, D]`` moved along its orbit by translations, close to the origin.

        Spans of generators at points of one orbit are images of each other, under a translation the same.
        """
        if self.translated is None:
            return rows
        count = self.ones.sum(-2).clamp_min(1)
        for _ in range(2):
            rows = rows - self.ones * (rows.sum(-2) / count @ self.translated).unsqueeze(-2)
        return rows

    def gram(self, extended: Tensor) -> tuple[Tensor, Tensor]:
        """K, shape ``[..., m, m]``, and the sizes of the terms its diagonal is summed from, ``[..., m]``."""
        moments = extended.mT @ extended
        gram = (moments.flatten(-2) @ self.pairs).unflatten(-1, (len(self.maps), -1))
        return gram, (moments.detach().flatten(-2) @ self.apart).clamp_min(0).sqrt()

    def overlaps(self, vector: Tensor, extended: Tensor) -> Tensor:
        """<xi_a(x), v> for v as rows ``[..., R, D]``, shape ``[..., m]``."""
        return (vector.mT @ extended).flatten(-2) @ self.maps.flatten(-2).mT

    def combine(self, weights: Tensor, extended: Tensor) -> Tensor:
        """sum_a c_a xi_a(x) for ``weights [..., m]``, as rows ``[..., R, D]``."""
        return extended @ (weights @ self.maps.flatten(-2)).unflatten(-1, self.maps.shape[-2:]).mT

    def gram_gradient(self, weights: Tensor, extended: Tensor) -> Tensor:
        """Gradient of sum_ab W_ab K_ab(y) at y = x, for ``weights [..., m, m]``, as rows ``[..., R, D]``."""
        bend = (weights.flatten(-2) @ self.pairs.mT).unflatten(-1, (extended.shape[-1], -1))
        return extended @ (bend + bend.mT)[..., :-1]


def _translated(maps: Tensor) -> Tensor | None:
    """Projection on the translations among the fields, if the others map their span to itself, as in a group."""
    shifts = maps[(maps[..., :-1] == 0).flatten(1).all(1)][..., -1]
    if not len(shifts):
        return None
    projection = torch.linalg.pinv(shifts, rtol=_CLOSURE) @ shifts
    turned = maps[..., :-1] @ projection
    closed = (turned - projection @ turned).abs().amax() <= _CLOSURE * maps.abs().amax()
    return projection if certainly(closed) else None
