"""The symbolic examples at numbers, and the small steps of the derivation: no formula is simplified here."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import sympy as sp

from quotient.symbolic import ProcessGenerator, SymbolicAction, examples
from quotient.symbolic._printing import operator
from quotient.symbolic._simplify import open_roots, tidy

EXAMPLES: dict[str, Callable[..., Any]] = {
    name: value
    for name, value in vars(examples).items()
    if callable(value) and getattr(value, "__module__", "") == examples.__name__ and not name.startswith("_")
}
x, y, z = sp.symbols("x y z", real=True)


def numbers(symbols: tuple[sp.Symbol, ...], seed: int, scale: float = 1.0) -> dict[sp.Symbol, sp.Float]:
    draw = random.Random(seed)
    return {s: sp.Float(draw.uniform(0.2, 0.9) * scale, 30) for s in symbols}


def value(expression: Any, at: Mapping[Any, Any]) -> complex:
    return complex(sp.sympify(expression).subs(dict(at)).evalf(30))


def section(action: SymbolicAction) -> dict[Any, Any]:
    """The coordinates on the section, as expressions in the names of the invariants."""
    coordinates: Any = action.coordinates
    entries: Any = action.section
    assert entries is not None
    return dict(zip(coordinates, map(sp.sympify, entries), strict=True))


def given(name: str) -> SymbolicAction:
    return EXAMPLES[name]()


WITH_SECTION = [name for name in EXAMPLES if given(name).section is not None and given(name).invariants]


def test_most_examples_have_sections() -> None:
    assert len(EXAMPLES) >= 14
    assert len(WITH_SECTION) >= 10


@pytest.mark.parametrize("name", WITH_SECTION)
def test_sections_have_the_invariants_they_are_given(name: str) -> None:
    """f(s(q)) = q at falling values, which eigenvalues and radii have, none large against another, which sides are."""
    action = given(name)
    assert action.invariants is not None
    for seed in range(2):
        draws = numbers(tuple(action.invariants), seed, 0.1)
        q = {s: v + 1 - sp.Rational(k, 10) for k, (s, v) in enumerate(draws.items())}
        point = {s: e.subs(dict(q)) for s, e in section(action).items()}
        for symbol, function in action.invariants.items():
            assert value(function, point) == pytest.approx(complex(q[symbol]), abs=1e-12), symbol


@pytest.mark.parametrize("name", list(EXAMPLES))
def test_generators_keep_invariants_and_metric(name: str) -> None:
    """Xi f = 0, and the Lie derivative xi^k d_k g_ij + g_kj d_i xi^k + g_ik d_j xi^k of the metric vanishes."""
    action = given(name)
    chart: Any = action.chart
    at = numbers(chart.coordinates, 3)
    for field in (chart.generators.col(k) for k in range(chart.generators.cols)):
        for function in (action.invariants or {}).values():
            slope = sp.Matrix([sp.sympify(function)]).jacobian(chart.coordinates) * field
            assert abs(value(slope[0], at)) < 1e-12
        jacobian = field.jacobian(chart.coordinates)
        along = sum(
            (field[k] * chart.metric.diff(s) for k, s in enumerate(chart.coordinates)), sp.zeros(*chart.metric.shape)
        )
        change = along + jacobian.T * chart.metric + chart.metric * jacobian
        assert max(abs(value(e, at)) for e in change) < 1e-12


def test_rotations_have_the_metric_of_unit_angles() -> None:
    """The turns about one axis by the angle theta, in Rodrigues' coordinates, have unit speed."""
    action = examples.rotation_classes()
    (theta,) = action.invariants or {}
    metric: Any = action.metric
    point = section(action)
    velocity: Any = sp.Matrix(list(point.values())).diff(theta)
    speed = (velocity.T * metric.subs(point) * velocity)[0]
    assert value(speed, {theta: sp.Float(1.1, 30)}) == pytest.approx(1.0, abs=1e-12)


def test_roots_of_powers_open_on_the_branch_of_the_sample() -> None:
    sample = {x: sp.Rational(1, 3), y: sp.Rational(5, 2), z: sp.Integer(2)}
    for expression in (
        sp.sqrt((x - 1) ** 2),
        sp.sqrt((x - 1) ** 4 * y),
        sp.sqrt((x - 1) ** 6 * (y - 3) ** 2),
        1 / sp.sqrt((x - 1) ** 6 * z),
        sp.sqrt((x - 1) ** 4 / (y - 3) ** 6),
        sp.Abs(x - y),
    ):
        opened = open_roots(expression, sample)
        assert not opened.has(sp.Abs)
        assert value(opened, sample) == pytest.approx(value(expression, sample), rel=1e-12)


def test_tidy_keeps_values_and_never_lengthens() -> None:
    for expression, longest in (
        (sp.tan(x) * sp.cos(x), 1),
        (sp.sin(x) ** 2 + sp.cos(x) ** 2 + sp.tan(y) * sp.cot(y), 0),
        ((x**2 - y**2) / (x - y), 1),
        (sp.sin(x + y) - sp.sin(x) * sp.cos(y) - sp.cos(x) * sp.sin(y), 0),
        (sp.sec(x) * sp.csc(x) * sp.sin(x) * sp.cos(x), 0),
    ):
        found = tidy(expression)
        at = numbers((x, y), 7)
        assert value(found, at) == pytest.approx(value(expression, at), abs=1e-12)
        assert found.count_ops() <= longest


def test_printed_operators() -> None:
    diffusion = sp.ImmutableMatrix([[2, x], [x, -4 * y]])
    drift = sp.ImmutableMatrix([-1, 1 + x])
    latex, text = operator((x, y), diffusion, drift)
    assert text == "d_x^2 + x d_x d_y - 2*y d_y^2 - d_x + (x + 1) d_y"
    assert r"\left(x + 1\right) \, \partial_{y}" in latex
    assert latex.count(r"\partial_{x}") >= 2
    assert operator((x,), sp.ImmutableMatrix([[0]]), sp.ImmutableMatrix([0])) == ("0", "0")
    assert operator((x,), sp.ImmutableMatrix([[-2]]), sp.ImmutableMatrix([0]))[1] == "-d_x^2"


@pytest.mark.parametrize("volume", [None, 2 * sp.pi * x], ids=["no volume", "volume"])
def test_printed_processes(volume: sp.Expr | None) -> None:
    """Columns are printed as lists, matrices row by row; the orbit volume where there is one."""
    process = ProcessGenerator(
        names=(x,),
        invariants=(sp.sqrt(y**2 + z**2),),
        diffusion=sp.ImmutableMatrix([[1]]),
        drift=sp.ImmutableMatrix([1 / (2 * x)]),
        curvature=sp.ImmutableMatrix([-1 / x]),
        section=sp.ImmutableMatrix([x, 0]),
        gram=sp.ImmutableMatrix([[x**2, 0], [0, 4]]),
        mean_curvature=sp.ImmutableMatrix([-1 / x, 0]),
        orbit_volume=volume,
        named=True,
    )
    text = str(process).splitlines()
    assert text[0].split() == ["x", "=", "sqrt(y**2", "+", "z**2)"]
    assert text[1].endswith("= 1/2 d_x^2 + 1/(2*x) d_x")
    # the drift of the intrinsic process vanishes
    assert text[2].endswith("= 1/2 d_x^2")
    assert text[3].endswith("= [x, 0]")
    assert text[4].endswith("= [x**2, 0]")
    assert text[5].strip() == "[0, 4]"
    assert text[6].endswith("= [-1/x, 0]")
    assert [line for line in text if "orbit volume" in line] == ([] if volume is None else [text[7]])
    assert ("operatorname{vol}" in process.latex()) == (volume is not None)
