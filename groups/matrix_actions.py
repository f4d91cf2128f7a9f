"""Matrix groups acting on matrices and vectors by multiplication. All are left actions."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor
from typing_extensions import override

from groups.action import GroupAction
from groups.group import AbstractMatrixGroup, element_dtype
from groups.polar import nearest_conjugation, nearest_group_element


def _match(g: Tensor, x: Tensor) -> Tensor:
    """A real group element as a complex matrix where the points are complex."""
    return g.to(x.dtype) if x.is_complex() and not g.is_complex() else g


def _like(element: Tensor | None, point: Tensor) -> Tensor | None:
    """An element in the precision of a point."""
    return None if element is None else element.to(element_dtype(point, is_complex=element.is_complex()))


class MatrixAction(GroupAction):
    """A group of n x n matrices acting on arrays by multiplication.

    Args:
        group: a group of n x n matrices.
    """

    linear = True
    point_ndim = 2

    def __init__(self, group: AbstractMatrixGroup) -> None:
        self.group = group


@final
class LeftMultiplication(MatrixAction):
    """X -> g X on matrices ``[..., n, k]``: unitary matrices on spinors or frames, rotations on columns.

    Isometric for the standard metric when the group is unitary.

    Args:
        group: a group of n x n matrices.
    """

    @override
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return _match(g, x) @ x

    @override
    def nearest_element(self, point: Tensor, base_point: Tensor) -> Tensor | None:
        return _like(nearest_group_element(self.group, base_point @ point.mH), point)


@final
class RightMultiplication(MatrixAction):
    """X -> X g^-1 on matrices ``[..., k, n]``; the inverse makes the right action a left one.

    Args:
        group: a group of n x n matrices.
    """

    @override
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return x @ _match(self.group.inverse(g), x)

    @override
    def nearest_element(self, point: Tensor, base_point: Tensor) -> Tensor | None:
        """For unitary g the norm of X g^-1 - Y is that of g X^* - Y^*."""
        return _like(nearest_group_element(self.group, base_point.mH @ point), point)


@final
class VectorAction(MatrixAction):
    """x -> g x on vectors ``[..., n]``.

    Args:
        group: a group of n x n matrices.
    """

    point_ndim = 1

    @override
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.einsum("...ij,...j->...i", _match(g, x), x)

    @override
    def nearest_element(self, point: Tensor, base_point: Tensor) -> Tensor | None:
        return _like(nearest_group_element(self.group, base_point.unsqueeze(-1) * point.conj().unsqueeze(-2)), point)


@final
class Conjugation(MatrixAction):
    """X -> g X g^-1 on matrices ``[..., n, n]``: on Hermitian or symmetric matrices, or on the group itself.

    The stabiliser of a matrix with distinct eigenvalues under U(n) is a torus of dimension n.

    Args:
        group: a group of n x n matrices.
    """

    @override
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return _match(g, x) @ x @ _match(self.group.inverse(g), x)

    @override
    def nearest_element(self, point: Tensor, base_point: Tensor) -> Tensor | None:
        return _like(nearest_conjugation(self.group, point, base_point), point)


@final
class Congruence(MatrixAction):
    """X -> g X g^* on matrices ``[..., n, n]``; isometric for the affine-invariant metric of SPD matrices.

    Args:
        group: a group of n x n matrices.
    """

    @override
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        h = _match(g, x)
        return h @ x @ h.mH
