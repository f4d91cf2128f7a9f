"""Lie groups: elements are tensors ``[..., *shape]``, the Lie algebra comes with one fixed basis."""

from __future__ import annotations

import abc
from functools import cached_property

import torch
from torch import Tensor
from typing_extensions import override

from groups._constants import constant
from groups.errors import GroupError
from groups.exponential import matrix_exponential


def element_dtype(like: Tensor, *, is_complex: bool) -> torch.dtype:
    """Dtype of group elements that act on ``like``: its precision, complex only where the group is."""
    double = like.dtype in (torch.float64, torch.complex128)
    if is_complex:
        return torch.complex128 if double else torch.complex64
    if like.is_complex():
        return torch.float64 if double else torch.float32
    return like.dtype


class Group(abc.ABC):
    """A Lie group G, or a finite one (``dim == 0``), with its claims.

    The basis e_a of the Lie algebra is *declared orthonormal*: it fixes the inner product in which orbit and stabiliser
    volumes are measured. Classes choose it so that rotations have unit angle and translations unit length, and so that
    the inner product is Ad-invariant wherever the group allows one.
    """

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """Dimension of G as a real manifold."""

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of one element."""

    @property
    def is_complex(self) -> bool:
        """Whether elements are complex tensors. A documented hook: no."""
        return False

    @property
    @abc.abstractmethod
    def compact(self) -> bool:
        """Claim: G is compact."""

    @property
    @abc.abstractmethod
    def unimodular(self) -> bool:
        """Claim: left and right Haar measures agree, tr ad = 0."""

    @property
    @abc.abstractmethod
    def connected(self) -> bool:
        """Claim: G is connected, so that exponentials of the Lie algebra generate it."""

    @property
    def finite(self) -> bool:
        """Claim: G is finite."""
        return self.dim == 0

    @property
    def log_haar_volume(self) -> float:
        """Claim: log volume of G in the metric in which the basis is orthonormal; log order of a finite group.

        A documented hook: compact groups override it where the volume is known in closed form.

        Raises:
            GroupError: when G is not compact, or its volume is not known.
        """
        if not self.compact:
            raise GroupError(f"{self!r} is not compact, its volume is infinite: ask one of its compact subgroups")
        raise GroupError(
            f"the volume of {self!r} is not known in closed form: use a group of the catalogue that is isomorphic to "
            "it, and mind the lengths of both bases"
        )

    @abc.abstractmethod
    def _make_basis(self) -> Tensor:
        """Compute :attr:`basis`."""

    @cached_property
    def basis(self) -> Tensor:
        """Basis e_a of the Lie algebra as tangent vectors at the identity, double precision, ``[dim, *shape]``."""
        return constant(self._make_basis)

    @abc.abstractmethod
    def identity(self, like: Tensor) -> Tensor:
        """The identity, shape ``shape``, with the precision and device of ``like``."""

    @abc.abstractmethod
    def compose(self, first: Tensor, second: Tensor) -> Tensor:
        """The product g h of g = ``first`` and h = ``second``."""

    @abc.abstractmethod
    def inverse(self, element: Tensor) -> Tensor:
        """The inverse of ``element``."""

    @abc.abstractmethod
    def exp(self, coordinates: Tensor) -> Tensor:
        """Group element of the Lie algebra element sum_a c_a e_a, for real coordinates c, ``[..., dim]``."""

    @abc.abstractmethod
    def bracket(self, first: Tensor, second: Tensor) -> Tensor:
        """Lie bracket of tangent vectors at the identity."""

    @abc.abstractmethod
    def coordinates(self, algebra_element: Tensor) -> Tensor:
        """Coordinates ``[..., dim]`` of tangent vectors at the identity in the basis."""

    @abc.abstractmethod
    def random(self, batch_shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
        """Random elements: Haar distributed for a compact group, else of unit spread around the identity."""

    def basis_like(self, like: Tensor) -> Tensor:
        """The basis with the precision and device of ``like``."""
        return self.basis.to(dtype=element_dtype(like, is_complex=self.is_complex), device=like.device)

    @cached_property
    def structure_constants(self) -> Tensor:
        """c_abk with [e_a, e_b] = sum_k c_abk e_k, float64, shape ``[dim, dim, dim]``."""
        return constant(lambda: self.coordinates(self.bracket(self.basis[:, None], self.basis[None, :])))

    @cached_property
    def stabilizer_form(self) -> Tensor:
        """An Ad-invariant quadratic form that is positive on every compact subalgebra, ``[dim, dim]``, float64.

        Minus the Killing form, plus the projection on the centre of the Lie algebra, on which that form vanishes. The
        volume of a stabiliser measured in it is the same along an orbit.
        """
        return constant(self._make_stabilizer_form)

    def _make_stabilizer_form(self) -> Tensor:
        constants = self.structure_constants
        if not self.dim:
            return constants.new_zeros(0, 0)
        killing = torch.einsum("bak,cka->bc", constants, constants)
        values, vectors = torch.linalg.eigh(torch.einsum("abk,cbk->ac", constants, constants))
        central = vectors * (values <= 1e-12 * values.max().clamp_min(1.0))
        return central @ central.T - killing


class AbstractMatrixGroup(Group):
    """A closed group of invertible matrices."""

    @override
    def identity(self, like: Tensor) -> Tensor:
        dtype = element_dtype(like, is_complex=self.is_complex)
        return torch.eye(self.shape[0], dtype=dtype, device=like.device)

    @override
    def compose(self, first: Tensor, second: Tensor) -> Tensor:
        return first @ second

    @override
    def exp(self, coordinates: Tensor) -> Tensor:
        if coordinates.shape[-1:] != (self.dim,):
            raise GroupError(f"{self!r} takes coordinates [..., {self.dim}], got {tuple(coordinates.shape)}")
        basis = self.basis_like(coordinates)
        matrix = torch.einsum("...a,aij->...ij", coordinates.to(basis.dtype), basis)
        return matrix_exponential(matrix)

    @override
    def bracket(self, first: Tensor, second: Tensor) -> Tensor:
        return first @ second - second @ first

    @override
    def coordinates(self, algebra_element: Tensor) -> Tensor:
        wide = algebra_element.to(torch.complex128 if algebra_element.is_complex() else torch.float64)
        basis = self.basis_like(wide).conj()
        overlap = torch.einsum("aij,bij->ab", basis, basis.conj()).real
        moments = torch.einsum("aij,...ij->...a", basis, wide.to(basis.dtype)).real
        solved = torch.linalg.solve(overlap, moments.unsqueeze(-1)).squeeze(-1)
        return solved.to(element_dtype(algebra_element, is_complex=False))
