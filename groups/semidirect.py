"""Semidirect products."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache, cached_property
from typing import final

import numpy as np
import torch
from numpy.polynomial import legendre
from numpy.typing import NDArray
from torch import Tensor
from typing_extensions import override

from groups._constants import constant
from groups.autodiff import directional_derivative
from groups.errors import GroupError
from groups.exponential import matrix_exponential
from groups.group import Group
from groups.laws import array_norm, element_gap
from groups.product import AbstractProduct

_NODES = 8
_PICARD_STEPS = 10
#: B_j / j! with B_1 = 1/2: the series of u / (1 - exp(-u)) after its first term.
_BERNOULLI = (1 / 2, 1 / 12, 0.0, -1 / 720, 0.0, 1 / 30240, 0.0, -1 / 1209600)
#: The path is cut into pieces on which the algebra element has about this size; errors are below 1e-15 there.
_PIECE = 1 / 8
_UNIMODULAR = 1e-10


@final
class SemidirectProduct(AbstractProduct):
    """N x| H with (n, h) (n', h') = (n phi_h(n'), h h'), for a group H of automorphisms phi_h of N.

    The bracket is [(X, A), (Y, B)] = ([X, Y] + D_A Y - D_B X, [A, B]) with D_A = d/dt|_0 dphi_exp(tA), by forward-mode
    differentiation of ``homomorphism`` at the identity. exp(X, A) = (n(1), exp A) solves

        n^-1 n' = exp(t D_A) X,   n(0) = e.

    For abelian N this is n(1) = exp(int_0^1 exp(t D_A) X dt), by one matrix exponential. For another N, n(1) is built
    by doubling, n(2t) = n(t) phi_{exp tA}(n(t)), from n(2^-k) = exp(z), where z solves the equation of the logarithm,
    z' = (ad_z / (1 - exp(-ad_z))) exp(t D_A) X, by Picard steps on Gauss nodes. Both are exact up to rounding: a
    relative error of about 1e-15, in the second case times 2^k ~ 8 max(|ad_X|, |D_A|). The second case looks at values
    to choose k, so it cannot be used inside ``torch.func.vmap``.

    Claims: compact and connected when both factors are. Unimodular when N is and tr ad = 0, which decides it where G
    has finitely many components.

    Args:
        normal: N.
        acting: H.
        homomorphism: phi(h, n) = phi_h(n), broadcasting batches of both; ``VectorAction(H).act`` where matrices act on
            vectors.

    Raises:
        GroupError: when phi is refuted to be a homomorphism of H into the automorphisms of N.

    Example:
        >>> import torch
        >>> from groups import SemidirectProduct, SpecialOrthogonal, Translations, VectorAction
        >>> turns = SpecialOrthogonal(2)
        >>> motions = SemidirectProduct(Translations(2), turns, VectorAction(turns).act)
        >>> motions.exp(torch.tensor([0.0, 0.0, torch.pi]))[:2]
        tensor([0., 0.])
        >>> motions.dim, motions.compact, motions.unimodular
        (3, False, True)
    """

    def __init__(self, normal: Group, acting: Group, homomorphism: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__(normal, acting)
        self.normal = normal
        self.acting = acting
        self.homomorphism = homomorphism
        self._check_homomorphism()

    def _check_homomorphism(self) -> None:
        like = torch.zeros((), dtype=torch.float64)
        generator = torch.Generator().manual_seed(0)
        m, n = self.normal.random((2, 8), generator, like)
        g, h = self.acting.random((2, 8), generator, like)
        phi, times = self.homomorphism, self.normal.compose
        moved = phi(h, n)
        if moved.shape != n.shape:
            raise GroupError(
                f"homomorphism(h, n) returned elements of shape {tuple(moved.shape)} for n of shape {tuple(n.shape)}: "
                "it must keep the shape of n"
            )
        laws = {
            "phi_h(m n) = phi_h(m) phi_h(n)": (phi(h, times(m, n)), times(phi(h, m), moved)),
            "phi_(g h)(n) = phi_g(phi_h(n))": (phi(self.acting.compose(g, h), n), phi(g, moved)),
        }
        for law, (left, right) in laws.items():
            gap = element_gap(self.normal, left, right) / (1 + array_norm(right, len(self.normal.shape)))
            if not bool((gap < 1e-8).all()):
                raise GroupError(
                    f"{self!r}: homomorphism does not satisfy {law}, got residual {float(gap.max()):.3g}: each "
                    "homomorphism(h, .) must be an automorphism of N, and h -> homomorphism(h, .) a left action"
                )

    @property
    @override
    def unimodular(self) -> bool:
        traces = torch.einsum("abb->a", self.structure_constants)
        return self.normal.unimodular and bool((traces.abs() < _UNIMODULAR).all())

    @override
    def compose(self, first: Tensor, second: Tensor) -> Tensor:
        (n, h), (m, k) = self.split(first), self.split(second)
        return self.join([self.normal.compose(n, self.homomorphism(h, m)), self.acting.compose(h, k)])

    @override
    def inverse(self, element: Tensor) -> Tensor:
        n, h = self.split(element)
        back = self.acting.inverse(h)
        return self.join([self.homomorphism(back, self.normal.inverse(n)), back])

    @cached_property
    def derivation(self) -> Tensor:
        """D_aij with D_{e_a} e_i = sum_j D_aij e_j for the bases of H and N, float64, ``[dim H, dim N, dim N]``."""
        return constant(self._make_derivation)

    def _make_derivation(self) -> Tensor:
        turns, vectors = self.acting.basis.unsqueeze(1), self.normal.basis.unsqueeze(0)
        shape = (self.acting.dim, self.normal.dim)
        if not all(shape):
            return torch.zeros(*shape, self.normal.dim, dtype=torch.float64)
        like = torch.zeros((), dtype=torch.float64)
        unit = self.normal.identity(like)

        def differential(h: Tensor) -> Tensor:
            return directional_derivative(lambda n: self.homomorphism(h, n), unit, vectors)[1]

        derivative = directional_derivative(differential, self.acting.identity(like), turns)[1]
        return self.normal.coordinates(derivative.expand(*shape, *self.normal.shape))

    def _derive(self, turn: Tensor, vector: Tensor) -> Tensor:
        """D_A Y for tangent vectors A of H and Y of N at the identities."""
        a, y = self.acting.coordinates(turn), self.normal.coordinates(vector)
        moved = torch.einsum("...a,aij,...i->...j", a, self.derivation.to(y), y)
        basis = self.normal.basis_like(vector)
        flat = moved.to(basis.dtype) @ basis.flatten(1)
        return flat.reshape((*moved.shape[:-1], *self.normal.shape))

    @override
    def bracket(self, first: Tensor, second: Tensor) -> Tensor:
        (x, a), (y, b) = self.split(first), self.split(second)
        inner = self.normal.bracket(x, y) + self._derive(a, y) - self._derive(b, x)
        return self.join([inner, self.acting.bracket(a, b)])

    @override
    def exp(self, coordinates: Tensor) -> Tensor:
        vector, turn = self.split_coordinates(coordinates)
        derivation = torch.einsum("...a,aij->...ji", turn, self.derivation.to(turn))
        if not bool(self.normal.structure_constants.any()):
            return self.join([self.normal.exp(_integrated(derivation, vector)), self.acting.exp(turn)])
        adjoint = torch.einsum("...a,abk->...bk", vector, self.normal.structure_constants.to(vector))
        size = max(float(m.detach().abs().sum(-1).max()) for m in (derivation, adjoint)) if vector.numel() else 0.0
        doublings = max(0, math.ceil(math.log2(size / _PIECE))) if size else 0
        scale = 0.5**doublings
        n = self.normal.exp(self._logarithm(scale * derivation, scale * vector))
        for number in range(doublings):
            n = self.normal.compose(n, self.homomorphism(self.acting.exp(0.5 ** (doublings - number) * turn), n))
        return self.join([n, self.acting.exp(turn)])

    def _logarithm(self, derivation: Tensor, vector: Tensor) -> Tensor:
        """Coordinates z of n(1) = exp(z), for small D_A ``[..., dim N, dim N]`` and X ``[..., dim N]``."""
        nodes, weights, integrals = (torch.from_numpy(array).to(vector) for array in _gauss())
        shaped = nodes.reshape(-1, *(1,) * derivation.ndim)
        velocity = (matrix_exponential(shaped * derivation) @ vector.unsqueeze(-1)).squeeze(-1)
        constants = self.normal.structure_constants.to(vector)

        def slope(z: Tensor) -> Tensor:
            total = term = velocity
            for number in _BERNOULLI:
                term = torch.einsum("...a,...b,abk->...k", z, term, constants)
                total = total + number * term
            return total

        z = torch.zeros_like(velocity)
        for _ in range(_PICARD_STEPS):
            z = torch.einsum("ij,j...->i...", integrals, slope(z))
        return torch.einsum("j,j...->...", weights, slope(z))


def _integrated(derivation: Tensor, vector: Tensor) -> Tensor:
    """int_0^1 exp(t D) x dt for matrices D ``[..., k, k]`` and vectors x ``[..., k]``."""
    top = torch.cat([derivation, vector.unsqueeze(-1)], -1)
    bottom = torch.zeros_like(top[..., :1, :])
    return matrix_exponential(torch.cat([top, bottom], -2))[..., :-1, -1] if vector.shape[-1] else vector


@cache
def _gauss() -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Gauss-Legendre nodes and weights on [0, 1], and the matrix that integrates from 0 to each node."""
    nodes, weights = legendre.leggauss(_NODES)
    rows = [legendre.legval(nodes, legendre.legint(row, lbnd=-1)) for row in np.eye(_NODES)]
    integrals = np.stack(rows, -1) @ np.linalg.inv(legendre.legvander(nodes, _NODES - 1))
    return (nodes + 1) / 2, weights / 2, integrals / 2
