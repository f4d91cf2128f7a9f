"""Projection and mean curvature from the moments of rows, without a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from torch import Tensor

from quotient._certificate import certify
from quotient._row_maps import RowMaps


@final
@dataclass(frozen=True, eq=False)
class Moments:
    """The inverse Gram matrix of row maps at a point, for items where it can be trusted.

    Attributes:
        maps: the fields.
        rows: the point, moved along its orbit by translations, as extended rows ``[..., R, D + 1]``.
        inverse: K^-1, shape ``[..., m, m]``.
        passed: the items that can be trusted, boolean, ``[...]``.
    """

    maps: RowMaps
    rows: Tensor
    inverse: Tensor
    passed: Tensor

    def project(self, vector: Tensor) -> Tensor:
        """sum_ab xi_a (K^-1)_ab <xi_b, v>, shape ``[..., *point_shape]``.

        Applied to its own remainder once more, which squares the error that K^-1 leaves.
        """
        return self.maps.array(self._project(self.maps.rows(vector)), vector)

    def _project(self, vector: Tensor) -> Tensor:
        def once(rest: Tensor) -> Tensor:
            overlaps = self.maps.overlaps(rest, self.rows)
            return self.maps.combine((overlaps.unsqueeze(-2) @ self.inverse).squeeze(-2), self.rows)

        first = once(vector)
        return first + once(vector - first)

    def mean_curvature(self, like: Tensor) -> Tensor:
        """-1/2 P grad_y |_x sum_ab (K^-1)_ab(x) K_ab(y), shape and dtype of the point ``like``."""
        gradient = self.maps.gram_gradient(self.inverse, self.rows)
        horizontal = -0.5 * (gradient - self._project(gradient))
        return self.maps.array(horizontal, like)


def moments_at(maps: RowMaps, point: Tensor, noise: Tensor, resolution: float, *, limit: float) -> Moments:
    """Moments at ``point [..., *point_shape]``; see :func:`quotient._certificate.certify` for the other arguments.

    Cost O(R D^2) for each item, beside small matrices.
    """
    rows = maps.extended(maps.centered(maps.rows(point)))
    gram, sizes = maps.gram(rows)
    factor, passed = certify(gram, sizes, noise, resolution, limit=limit)
    return Moments(maps, rows, factor.mT @ factor, passed)
