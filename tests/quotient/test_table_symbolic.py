"""Rows of the table derived as formulas, against the numeric route at random points of the same spaces."""

# sympy's annotations call expressions Basic and matrix entries a union of everything.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false, reportOperatorIssue=false
# pyright: reportOptionalMemberAccess=false, reportOptionalIterable=false, reportGeneralTypeIssues=false

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import final

import pytest
import sympy as sp
import torch
from torch import Tensor

from groups import (
    Conjugation,
    LeftMultiplication,
    PhaseAction,
    RotationAction,
    SpecialOrthogonal,
    SpecialUnitary,
    Unitary,
    directional_derivative,
)
from quotient import (
    CenteredClouds,
    ComplexEuclidean,
    ComplexMatrices,
    GroupQuotient,
    HermitianMatrices,
    SymmetricMatrices,
)
from quotient.symbolic import Derivation, ProcessGenerator, SymbolicAction, derive, examples
from tests.quotient.test_table_flat import factors, vectors
from tests.quotient.test_table_phases import PAULI
from tests.quotient.test_table_rows import TOLERANCE, Field, assert_close, traces


@final
@dataclass(frozen=True, eq=False)
class Case:
    """A symbolic action, the same quotient in arrays, and the chart between them.

    Attributes:
        action: of the formulas.
        quotient: of the arrays.
        chart: from coordinates ``[..., n]`` to points.
        invariants: of points, in the order of those of the action; None when it has none.
        factor: metric of the arrays over that of the formulas.
        slow: whether deriving takes more than a few seconds.
    """

    action: Callable[[], SymbolicAction]
    quotient: GroupQuotient
    chart: Field
    invariants: Field | None
    factor: float = 1.0
    slow: bool = False


@functools.cache
def derivation(case: Case) -> Derivation:
    return derive(case.action())


@functools.cache
def process(case: Case) -> ProcessGenerator:
    action = case.action()
    assert action.invariants is not None
    return derivation(case).generator(action.invariants, section=action.section)


def coordinates(case: Case, count: int) -> Tensor:
    """Between a tenth and nine tenths, where every chart is regular."""
    size = len(derivation(case).coordinates)
    return 0.1 + 0.8 * torch.rand(count, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def assert_formulas(case: Case) -> None:
    """V, dim, log vol and H, pushed forward by the chart."""
    formulas = derivation(case).torch()
    q = coordinates(case, 24)
    w = torch.randn(q.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x = case.chart(q).contiguous()

    def push(v: Tensor) -> Tensor:
        return directional_derivative(case.chart, q, v)[1]

    assert_close(push(formulas.mean_curvature(q)) / case.factor, case.quotient.mean_curvature(x))
    vertical = (formulas.vertical_projector(q) @ w.unsqueeze(-1)).squeeze(-1)
    assert_close(push(vertical), case.quotient.vertical_projection(push(w), x))
    assert (case.quotient.orbit_dimension(x) == derivation(case).orbit_dimension).all()
    offset = case.quotient.log_orbit_volume(x) - formulas.log_orbit_volume(q)
    assert float((offset - offset[0]).abs().max()) < TOLERANCE


def assert_generators(case: Case) -> None:
    """Both processes in the invariants."""
    found = process(case).torch()
    assert case.invariants is not None
    x = case.chart(coordinates(case, 12)).contiguous()
    names = case.invariants(x)
    numeric = traces(case.quotient, case.invariants, x)
    assert_close(case.factor * numeric.diffusion, found.diffusion(names))
    assert_close(case.factor * numeric.laplacian / 2, found.drift(names))
    assert_close(case.factor * numeric.horizontal / 2, found.intrinsic_drift(names))


def each(cases: dict[str, Case]) -> pytest.MarkDecorator:
    """One test for each case; derivations of more than a few seconds are marked."""
    marked = [pytest.param(case, marks=pytest.mark.slow if case.slow else (), id=name) for name, case in cases.items()]
    return pytest.mark.parametrize("case", marked)


def spinor_rotations() -> SymbolicAction:
    """C^2 = R^4 modulo SU(2): the radius is a Bessel process of dimension four. Generators are i sigma_a psi."""
    x1, y1, x2, y2 = sp.symbols("x_1 y_1 x_2 y_2", real=True)
    r = sp.Symbol("r", positive=True)
    fields = sp.Matrix([[-y2, x2, -y1], [x2, y2, x1], [-y1, -x1, y2], [x1, -y1, -x2]])
    return SymbolicAction(
        (x1, y1, x2, y2),
        generators=fields,
        invariants={r: sp.sqrt(x1**2 + y1**2 + x2**2 + y2**2)},
        section=(r, 0, 0, 0),
    )


def as_complex(q: Tensor) -> Tensor:
    return torch.view_as_complex(q.unflatten(-1, (-1, 2)).contiguous())


def symmetric(q: Tensor) -> Tensor:
    a, b, c = q.unbind(-1)
    return torch.stack([torch.stack([a, c], -1), torch.stack([c, b], -1)], -2)


def hermitian(q: Tensor) -> Tensor:
    a, b, c, d = q.unbind(-1)
    off = torch.complex(c, d)
    return torch.stack([torch.stack([a + 0j, off], -1), torch.stack([off.conj(), b + 0j], -1)], -2)


def bloch(z: Tensor) -> Tensor:
    return torch.einsum("...i,aij,...j->...a", z.conj(), PAULI, z).real


def radius(x: Tensor) -> Tensor:
    return x.norm(dim=-1, keepdim=True)


SYMMETRIC = GroupQuotient(SymmetricMatrices(2), Conjugation(SpecialOrthogonal(2)))
HERMITIAN = GroupQuotient(HermitianMatrices(2), Conjugation(Unitary(2)))
SPINORS = GroupQuotient(ComplexMatrices(2, 1), LeftMultiplication(SpecialUnitary(2)))
CASES = {
    "1": Case(examples.plane_rotations, vectors(2).quotient, torch.clone, radius),
    "2": Case(examples.space_rotations, vectors(3).quotient, torch.clone, radius),
    "3'": Case(
        examples.space_rotations,
        GroupQuotient(CenteredClouds(2, 3), RotationAction(3)),
        lambda q: torch.stack([q, -q], -2) / 2**0.5,
        lambda x: radius(x.flatten(-2)),
    ),
    "4": Case(examples.spinor_phases, GroupQuotient(ComplexEuclidean(2), PhaseAction()), as_complex, bloch, slow=True),
    "8, 9": Case(
        examples.low_rank_factors,
        factors(3, 2).quotient,
        lambda q: q.unflatten(-1, (3, 2)),
        lambda y: torch.linalg.eigvalsh(y.mT @ y).flip(-1),
        slow=True,
    ),
    "11, beta 1": Case(
        examples.symmetric_conjugation, SYMMETRIC, symmetric, lambda m: torch.linalg.eigvalsh(m).flip(-1)
    ),
    "11, beta 2": Case(
        examples.hermitian_conjugation, HERMITIAN, hermitian, lambda m: torch.linalg.eigvalsh(m).flip(-1), slow=True
    ),
    "12a": Case(
        spinor_rotations, SPINORS, lambda q: as_complex(q).unsqueeze(-1), lambda x: radius(x.abs().squeeze(-1))
    ),
}


@each(CASES)
def test_formulas(case: Case) -> None:
    assert_formulas(case)


@each(CASES)
def test_generators(case: Case) -> None:
    assert_generators(case)


def test_planted_errors_are_told_apart() -> None:
    """Another metric changes H and both generators; another invariant of the same orbits changes the generators."""
    right = CASES["2"]
    for check in (assert_formulas, assert_generators):
        with pytest.raises(AssertionError):
            check(dataclasses.replace(right, factor=1 + 1e-8))
    with pytest.raises(AssertionError):
        assert_generators(dataclasses.replace(right, invariants=lambda x: radius(x) ** 2))
