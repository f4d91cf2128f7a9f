"""Orbit posteriors made of others: slices, cosets, and groups that act on different parts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups import GroupAction
from quotient.errors import PointShapeError
from quotient.orbit_posterior._arrays import orbit_points, prepare, result_dtype, widen
from quotient.orbit_posterior.base import ExactOrbitPosterior, OrbitPosterior
from quotient.orbit_posterior.finite import group_elements


@final
class SliceOrbitPosterior(ExactOrbitPosterior):
    """The posterior of a compact group on a slice of the action of a larger one.

    Rigid motions have no Haar measure of finite mass: on centred clouds rotations are what is left of them. Dual point
    and point are centred first, and the mean is centred.

    Args:
        action: the action of the larger group, whose ``center`` moves points to the slice by linear maps.
        inside: the exact posterior on the slice.
    """

    def __init__(self, action: GroupAction, inside: ExactOrbitPosterior) -> None:
        self.action = action
        self.inside = inside

    def __repr__(self) -> str:
        return f"SliceOrbitPosterior({type(self.action).__name__}, {self.inside!r})"

    def _prepare(self, dual: Tensor, point: Tensor) -> tuple[Tensor, Tensor]:
        wide = prepare(self.action, dual, point)
        return self.action.center(wide[0]), self.action.center(wide[1])

    @override
    def log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        return self.inside.log_normalizer(*self._prepare(dual, point)).to(result_dtype(dual, point)[1])

    @override
    def mean(self, dual: Tensor, point: Tensor) -> Tensor:
        return self.inside.mean(*self._prepare(dual, point)).to(result_dtype(dual, point)[0])

    @override
    def scaled_log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        return self.inside.scaled_log_normalizer(*self._prepare(dual, point)).to(result_dtype(dual, point)[1])


@final
class CosetOrbitPosterior(ExactOrbitPosterior):
    """A group that is the union of finitely many cosets G_0 h_k of a subgroup with an exact posterior.

        log Z(y, x) = log mean_k Z_0(y, h_k x),    mean = sum_k p_k mean_0(y, h_k x),    p_k ~ Z_0(y, h_k x)

    O(n) from SO(n) and a reflection; a finite group times a compact one that commutes with it.

    Args:
        subgroup: the exact posterior of G_0.
        action: the action of the representatives on the same points.
        representatives: h_k, one of each coset, shape ``[k, *group.shape]``.
    """

    def __init__(self, subgroup: ExactOrbitPosterior, action: GroupAction, representatives: Tensor) -> None:
        self.subgroup = subgroup
        self.action = action
        self._representatives = representatives

    @classmethod
    def of_group(cls, subgroup: ExactOrbitPosterior, action: GroupAction) -> CosetOrbitPosterior:
        """G_0 x H for a finite group H whose action commutes with that of G_0.

        Raises:
            OrbitPosteriorError: when H is not finite, or too large to be listed.
        """
        return cls(subgroup, action, group_elements(action))

    def __repr__(self) -> str:
        return f"CosetOrbitPosterior({self.subgroup!r}, {len(self._representatives)})"

    def _moved(self, dual: Tensor, point: Tensor) -> tuple[Tensor, Tensor]:
        """The dual point, and the points h_k x stacked along a new first axis."""
        wide, x = prepare(self.action, dual, point)
        return wide, orbit_points(self.action, self._representatives.to(x.device), wide, x)[0]

    @override
    def log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        each = self.subgroup.log_normalizer(*self._moved(dual, point))
        return (torch.logsumexp(each, 0) - math.log(len(each))).to(result_dtype(dual, point)[1])

    @override
    def mean(self, dual: Tensor, point: Tensor) -> Tensor:
        moved = self._moved(dual, point)
        shares = torch.softmax(self.subgroup.log_normalizer(*moved), 0)
        means = self.subgroup.mean(*moved)
        mean = (widen(shares, self.action.point_ndim) * means).sum(0)
        return mean.to(result_dtype(dual, point)[0])

    @override
    def scaled_log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        moved = self._moved(dual.detach(), point.detach())
        scaled = self.subgroup.scaled_log_normalizer(*moved)
        peaks = self.subgroup.log_normalizer(*moved) - scaled
        total = torch.logsumexp(peaks - peaks.amax(0) + scaled, 0) - math.log(len(scaled))
        return total.to(result_dtype(dual, point)[1])


@final
class PartwiseOrbitPosterior(ExactOrbitPosterior):
    """G_1 x ... x G_k, each factor acting on its own block of a vector: log Z adds up, the mean is stacked.

    Args:
        posteriors: exact posteriors of the factors.
        point_shapes: shape of the points of each factor; the vector is the concatenation of the flattened blocks.
    """

    def __init__(self, posteriors: Sequence[ExactOrbitPosterior], point_shapes: Sequence[tuple[int, ...]]) -> None:
        self.posteriors = tuple(posteriors)
        self.point_shapes = tuple(point_shapes)

    def __repr__(self) -> str:
        return f"PartwiseOrbitPosterior({list(self.posteriors)!r}, {list(self.point_shapes)!r})"

    def _split(self, vector: Tensor) -> list[Tensor]:
        sizes = [math.prod(shape) for shape in self.point_shapes]
        if vector.shape[-1:] != (sum(sizes),):
            raise PointShapeError(f"expected vectors [..., {sum(sizes)}] of blocks {sizes}, got {tuple(vector.shape)}")
        blocks = zip(vector.split(sizes, -1), self.point_shapes, strict=True)
        return [block.reshape((*vector.shape[:-1], *shape)) for block, shape in blocks]

    def _each(self, function: Callable[[OrbitPosterior, Tensor, Tensor], Tensor], *pair: Tensor) -> list[Tensor]:
        blocks = zip(self.posteriors, *map(self._split, pair), strict=True)
        return [function(posterior, dual, point) for posterior, dual, point in blocks]

    @override
    def log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        return torch.stack(self._each(lambda p, y, x: p.log_normalizer(y, x), dual, point)).sum(0)

    @override
    def mean(self, dual: Tensor, point: Tensor) -> Tensor:
        means = self._each(lambda p, y, x: p.mean(y, x), dual, point)
        blocks = zip(means, self.point_shapes, strict=True)
        return torch.cat([mean.flatten(mean.ndim - len(shape)) for mean, shape in blocks], -1)

    @override
    def scaled_log_normalizer(self, dual: Tensor, point: Tensor) -> Tensor:
        return torch.stack(self._each(lambda p, y, x: p.scaled_log_normalizer(y, x), dual, point)).sum(0)
