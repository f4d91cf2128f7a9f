"""Residuals of the laws on things that break them, against their equations evaluated by hand.

A law that holds has the residual 0 whatever it is divided by: the scales show where a law is broken by a known amount.
"""

from __future__ import annotations

import math
from typing import final

import pytest
import torch
from torch import Tensor
from typing_extensions import override

from groups import AdditiveGroup, GroupAction, Torus, Translations, laws


def row(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


@final
class Loop(AdditiveGroup):
    """The plane with g h = g + h + (g_1 h_2, 0) / 2 and everything else a little wrong: no group."""

    @property
    @override
    def compact(self) -> bool:
        return False

    @property
    @override
    def unimodular(self) -> bool:
        return True

    @property
    @override
    def connected(self) -> bool:
        return True

    @override
    def _reduce(self, element: Tensor) -> Tensor:
        return element

    @override
    def identity(self, like: Tensor) -> Tensor:
        return row(0.1, 0.0)

    @override
    def compose(self, first: Tensor, second: Tensor) -> Tensor:
        mixed = 0.5 * first[..., :1] * second[..., 1:]
        return first + second + torch.cat([mixed, torch.zeros_like(mixed)], -1)

    @override
    def inverse(self, element: Tensor) -> Tensor:
        return -0.9 * element

    @override
    def exp(self, coordinates: Tensor) -> Tensor:
        return 1.2 * coordinates + coordinates**2

    @override
    def bracket(self, first: Tensor, second: Tensor) -> Tensor:
        return torch.zeros_like(first * second)

    @override
    def coordinates(self, algebra_element: Tensor) -> Tensor:
        x, y = algebra_element.unbind(-1)
        return torch.stack([x, y + 0.3 * x], -1)

    @override
    def random(self, batch_shape: tuple[int, ...], generator: torch.Generator, like: Tensor) -> Tensor:
        return torch.randn(*batch_shape, 2, generator=generator, dtype=torch.float64)


@final
class Stretching(GroupAction):
    """x -> (1 + g) x + 1/10 with the velocity 6 x / 5: no action of the line."""

    group = Translations(1)

    @override
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return (1 + g) * x + 0.1

    @override
    def infinitesimal(self, x: Tensor) -> Tensor:
        return 1.2 * x.unsqueeze(0)


@final
class Shears(GroupAction):
    """The fields e_1 and x_1 e_2, said to commute."""

    group = Translations(2)

    @override
    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.stack([x[..., 0] + g[..., 0], x[..., 1] + g[..., 1] * x[..., 0]], -1)


@final
class Line:
    """The real line with the inner product 3 v w."""

    shape = (1,)
    flat = True

    def inner_product(self, first: Tensor, second: Tensor, base_point: Tensor) -> Tensor:
        return 3 * (first * second).sum(-1) + 0 * base_point.sum(-1)

    def to_tangent(self, vector: Tensor, base_point: Tensor) -> Tensor:
        del base_point
        return vector

    def random_point(self, batch_shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        return torch.randn(*batch_shape, 1, generator=generator, dtype=torch.float64)


def size(*values: float) -> float:
    return math.hypot(*values)


G, H, K, X, Y = 0.5, 0.25, -0.3, 2.0, -3.0


def moved(g: float, x: float) -> float:
    return (1 + g) * x + 0.1


def test_actions() -> None:
    action = Stretching()
    g, h, x, y = row(G), row(H), row(X), row(Y)
    inner, outer = moved(H, X), moved(G, moved(H, X))
    expected = abs(moved(G + H, X) - outer) / (X * (1 + G * H) + inner + outer)
    assert float(laws.compatibility(action, g, h, x)) == pytest.approx(expected, rel=1e-12)
    assert float(laws.identity_acts_trivially(action, x)) == pytest.approx(0.1 / X, rel=1e-12)
    there, back = moved(G, X), moved(-G, moved(G, X))
    expected = abs(back - X) / (X * (1 + G * G) + there)
    assert float(laws.inverse_undoes(action, g, x)) == pytest.approx(expected, rel=1e-12)
    first, second, whole = 1.3 * moved(G, X), -0.6 * moved(G, Y), moved(G, 1.3 * X - 0.6 * Y)
    expected = abs(whole - first - second) / (abs(first) + abs(second) + abs(whole))
    assert float(laws.linearity(action, g, x, y)) == pytest.approx(expected, rel=1e-12)


def test_isometry_compares_with_the_lengths_before_and_after() -> None:
    v, w, stretch = 0.7, -1.1, (1 + G) ** 2
    expected = (stretch - 1) / (1 + stretch)
    residual = laws.isometry(Stretching(), Line(), row(G), row(X), row(v), row(w))
    assert float(residual) == pytest.approx(expected, rel=1e-12)


def test_generators() -> None:
    x = row(X)
    assert float(laws.generators_are_derivatives(Stretching(), x)) == pytest.approx(0.2 / 2.2, rel=1e-9)
    # [e_1, x_1 e_2] = e_2 where commuting fields have 0; the largest field is x_1 e_2
    assert float(laws.bracket_is_reversed(Shears(), row(3.0, 5.0))) == pytest.approx(1 / (1 + 3), rel=1e-12)


def test_dimension_of_orbits_changes_where_a_field_vanishes() -> None:
    x = torch.stack([row(0.0, 1.0), row(-0.5, 1.0), row(2.0, 1.0)])
    assert laws.orbit_dimension(Shears(), x).tolist() == [1, 2, 2]
    assert laws.orbit_dimension_is_constant(Shears(), row(0.5, 0.0), x).tolist() == [1.0, 1.0, 0.0]
    # e_2 vanishes at the first point, which exp(e_2) fixes
    assert laws.stabilizer_fixes(Shears(), x).tolist() == [0.0, 0.0, 0.0]


def composed(g: tuple[float, float], h: tuple[float, float]) -> tuple[float, float]:
    return g[0] + h[0] + 0.5 * g[0] * h[1], g[1] + h[1]


def gap(first: tuple[float, float], second: tuple[float, float]) -> float:
    return size(first[0] - second[0], first[1] - second[1])


def test_products() -> None:
    loop = Loop(2)
    g, h, k = (0.5, -0.4), (0.7, 1.1), (-0.2, 0.9)
    expected = gap(composed(composed(g, h), k), composed(g, composed(h, k)))
    expected /= (1 + size(*g)) * (1 + size(*h)) * (1 + size(*k))
    assert expected > 1e-3
    assert float(laws.associativity(loop, row(*g), row(*h), row(*k))) == pytest.approx(expected, rel=1e-12)
    e = (0.1, 0.0)
    expected = max(gap(composed(e, g), g), gap(composed(g, e), g)) / size(*g)
    assert float(laws.unit_element(loop, row(*g))) == pytest.approx(expected, rel=1e-12)
    back = (-0.9 * g[0], -0.9 * g[1])
    expected = max(gap(composed(g, back), e), gap(composed(back, g), e)) / ((1 + size(*g)) * (1 + size(*back)))
    assert float(laws.inverse_element(loop, row(*g))) == pytest.approx(expected, rel=1e-12)


def test_exponentials() -> None:
    loop, c = Loop(2), (0.6, -0.8)

    def exp(t: float) -> tuple[float, float]:
        return 1.2 * t * c[0] + (t * c[0]) ** 2, 1.2 * t * c[1] + (t * c[1]) ** 2

    first, second = exp(0.7), exp(-0.4)
    expected = gap(composed(first, second), exp(0.3)) / ((1 + size(*first)) * (1 + size(*second)))
    assert float(laws.one_parameter(loop, row(*c))) == pytest.approx(expected, rel=1e-12)
    # slopes 1.2 e_a; coordinates of e_1 are (1, 0.3): the residual belongs to e_1
    assert laws.exponential_follows_basis(loop).tolist() == pytest.approx([0.3, 0.2], rel=1e-9)


def test_angles_are_compared_modulo_a_turn() -> None:
    first, second = row(3.1, 0.2), row(-3.1, 0.5)
    expected = size(2 * math.pi - 6.2, 0.3)
    assert float(laws.element_gap(Torus(2), first, second)) == pytest.approx(expected, rel=1e-12)
    assert float(laws.element_gap(Translations(2), first, second)) == pytest.approx(size(6.2, 0.3), rel=1e-12)
