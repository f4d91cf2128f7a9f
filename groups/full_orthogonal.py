"""Rotations and reflections."""

from __future__ import annotations

import math
from functools import cached_property
from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups.action import GroupAction
from groups.classical import haar_isometries
from groups.group import AbstractMatrixGroup, element_dtype
from groups.orthogonal import SpecialOrthogonal
from groups.sized import SizedGroup


@final
class Orthogonal(SizedGroup, AbstractMatrixGroup):
    """O(n), orthogonal matrices ``[..., n, n]``: rotations and reflections, two components; basis of SO(n).

    Vertical spaces, orbit volumes and mean curvatures of its actions are those of SO(n); orbits are twice as many
    points, so alignments and distances differ.

    Args:
        n: at least 1.

    Raises:
        GroupError: when n < 1.

    Example:
        >>> from groups import Orthogonal
        >>> Orthogonal(3).dim, Orthogonal(3).connected, Orthogonal(1).finite
        (3, False, True)
    """

    @cached_property
    def rotations(self) -> SpecialOrthogonal:
        """The component of the identity, SO(n)."""
        return SpecialOrthogonal(self.n)

    @property
    @override
    def shape(self) -> tuple[int, ...]:
        return (self.n, self.n)

    @property
    @override
    def dim(self) -> int:
        return self.rotations.dim

    @property
    @override
    def compact(self) -> bool:
        return True

    @property
    @override
    def unimodular(self) -> bool:
        return True

    @property
    @override
    def connected(self) -> bool:
        return False

    @property
    @override
    def log_haar_volume(self) -> float:
        """Log volume in the metric of unit angles, twice that of SO(n); log 2 for O(1), which has two elements."""
        return math.log(2.0) + self.rotations.log_haar_volume

    @override
    def _make_basis(self) -> Tensor:
        return self.rotations.basis

    @override
    def inverse(self, element: Tensor) -> Tensor:
        return element.mT

    @override
    def random(self, batch_shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
        drawn = haar_isometries((*batch_shape, *self.shape), generator, torch.float64)
        return drawn.to(dtype=element_dtype(like, is_complex=False), device=like.device)


@final
class OrthogonalAction(GroupAction):
    """O(d) acting on matrices or clouds ``[..., n, d]`` by x -> x g^T.

    Its invariants are the products x x^T of rows: the quotient of n x d matrices of rank d are the positive
    semidefinite matrices of rank d, and SO(d) would leave two orbits over each of them.

    Args:
        dim: d.
    """

    linear = True
    point_ndim = 2

    def __init__(self, dim: int) -> None:
        self.group = Orthogonal(dim)

    @override
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return x @ g.mT

    @override
    def infinitesimal(self, x: Tensor) -> Tensor:
        return torch.einsum("...nj,aij->a...ni", x, self.group.basis_like(x))

    @override
    def nearest_element(self, point: Tensor, base_point: Tensor) -> Tensor:
        """The orthogonal polar factor g = W U^T of point^T base_point = U S W^T; NaN for clouds that are not finite."""
        cross = (point.mT @ base_point).detach().to(torch.float64)
        finite = cross.isfinite().all(-1).all(-1)[..., None, None]
        left, _, right = torch.linalg.svd(torch.where(finite, cross, torch.zeros_like(cross)))
        return torch.where(finite, (left @ right).mT, torch.nan).to(point.dtype)
