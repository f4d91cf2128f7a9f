"""Spinors, Hermitian and symmetric matrices: derived geometry and processes against closed forms."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from groups import (
    Conjugation,
    LeftMultiplication,
    SpecialOrthogonal,
    SpecialUnitary,
    Unitary,
    irrep_action,
)
from quotient import (
    ComplexMatrices,
    Euclidean,
    GroupQuotient,
    HermitianMatrices,
    SymmetricMatrices,
    TotalSpace,
)
from tests.quotient.test_table_phases import PAULI, normal, square, zero
from tests.quotient.test_table_rows import (
    MAGNITUDES,
    Field,
    Named,
    Process,
    Row,
    assert_geometry,
    assert_named,
    assert_process,
    assert_routes,
    on_span,
    radial,
)


def spinors(n: int) -> Row:
    """SU(2) on n spinors: the Gram matrix is |psi|^2 times one, also where psi has rank one."""
    half_turns = 1j * PAULI
    one = normal(0, 2, 1) @ normal(1, 1, n)
    return Row(
        quotient=GroupQuotient(ComplexMatrices(2, n), LeftMultiplication(SpecialUnitary(2))),
        dimension=3,
        vertical=lambda v, psi: on_span(half_turns @ psi.unsqueeze(-3), v, 2),
        log_volume=lambda psi: 1.5 * square(psi, 2).squeeze((-1, -2)).log(),
        mean_curvature=lambda psi: -3 * psi / square(psi, 2),
        process=radial(4 * n, 3, 2),
        magnitudes=MAGNITUDES,
        named={"origin": zero(2, n), "rank one": Named(one, 3, regular=True)},
    )


def spinors_with_phase(n: int) -> Row:
    fields = torch.cat([1j * PAULI, 1j * torch.eye(2, dtype=torch.complex128).unsqueeze(0)])

    def log_volume(psi: Tensor) -> Tensor:
        return square(psi, 2).squeeze((-1, -2)).log() + 0.5 * torch.linalg.det(psi @ psi.mH).real.log()

    return Row(
        quotient=GroupQuotient(ComplexMatrices(2, n), LeftMultiplication(Unitary(2))),
        dimension=4,
        vertical=lambda v, psi: on_span(fields @ psi.unsqueeze(-3), v, 2),
        log_volume=log_volume,
        mean_curvature=lambda psi: -2 * psi / square(psi, 2) - torch.linalg.inv(psi @ psi.mH) @ psi,
        process=radial(4 * n, 4, 2),
        magnitudes=MAGNITUDES,
        named={"origin": zero(2, n), "rank one": Named(normal(0, 2, 1) @ normal(1, 1, n), 3)},
    )


def repulsion(values: Tensor) -> Tensor:
    """sum_{j != i} 1 / (l_i - l_j)."""
    gaps = values.unsqueeze(-1) - values.unsqueeze(-2)
    off = ~torch.eye(values.shape[-1], dtype=torch.bool)
    return torch.where(off, 1 / torch.where(off, gaps, 1.0), 0.0).sum(-1)


def log_gaps(values: Tensor) -> Tensor:
    """sum_{i<j} log |l_i - l_j|."""
    i, j = torch.triu_indices(values.shape[-1], values.shape[-1], 1).unbind(0)
    return (values[..., i] - values[..., j]).abs().log().sum(-1)


def push_apart(matrix: Tensor) -> Tensor:
    """-sum_i (sum_{j != i} 1 / (l_i - l_j)) u_i u_i^*."""
    values, u = torch.linalg.eigh(matrix)
    return -(u * repulsion(values).unsqueeze(-2)) @ u.mH


def eigenvalue_process(beta: int) -> Process:
    """Dyson: dl_i = dW_i + (beta / 2) sum_{j != i} dt / (l_i - l_j); a martingale in the flat Weyl chamber."""

    def eye(matrix: Tensor) -> Tensor:
        return torch.eye(matrix.shape[-1], dtype=torch.float64).expand(matrix.shape)

    return Process(
        torch.linalg.eigvalsh,
        lambda m: beta / 2 * repulsion(torch.linalg.eigvalsh(m)),
        lambda m: torch.zeros_like(torch.linalg.eigvalsh(m)),
        eye,
    )


def commutators(basis: Tensor) -> Field:
    return lambda m: basis @ m.unsqueeze(-3) - m.unsqueeze(-3) @ basis


def eigenvalues(space: TotalSpace, group: Unitary | SpecialOrthogonal, beta: int, repeated: int) -> Row:
    fields = commutators(group.basis)
    dtype = group.basis.dtype
    double = torch.diag(torch.tensor([1.0, 1.0, -2.0])).to(dtype)
    g = group.random((), torch.Generator().manual_seed(5), double)
    return Row(
        quotient=GroupQuotient(space, Conjugation(group)),
        dimension=3 * beta,
        vertical=lambda v, m: on_span(fields(m), v, 2),
        log_volume=lambda m: beta * log_gaps(torch.linalg.eigvalsh(m)),
        mean_curvature=lambda m: beta * push_apart(m),
        process=eigenvalue_process(beta),
        magnitudes=MAGNITUDES,
        named={
            "double eigenvalue": Named(g @ double @ g.mH, repeated),
            "multiple of the identity": Named(2 * torch.eye(3, dtype=dtype), 0),
        },
    )


def quadrics(x: Tensor) -> Tensor:
    """The traceless symmetric matrix of the coordinates (xy, yz, 3 z^2 - r^2, zx, x^2 - y^2), an isometry."""
    a, b, c, d, e = (0.5**0.5 * x).unbind(-1)
    c = c / 3**0.5
    rows = [[e - c, a, d], [a, -e - c, b], [d, b, 2 * c]]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def harmonics(m: Tensor) -> Tensor:
    """The inverse of :func:`quadrics`."""
    parts = [m[..., 0, 1], m[..., 1, 2], 0.75**0.5 * m[..., 2, 2], m[..., 0, 2], 0.5 * (m[..., 0, 0] - m[..., 1, 1])]
    return 2**0.5 * torch.stack(parts, -1)


def quadrupoles() -> Row:
    """SO(3) on degree 2 is its conjugation of traceless symmetric matrices, whose eigenvalues keep their sum."""
    fields = commutators(SpecialOrthogonal(3).basis)
    one_axis = torch.diag(torch.tensor([1.0, 1.0, -2.0], dtype=torch.float64))
    return Row(
        quotient=GroupQuotient(Euclidean(5), irrep_action([2])),
        dimension=3,
        vertical=lambda v, x: harmonics(on_span(fields(quadrics(x)), quadrics(v), 2)),
        log_volume=lambda x: log_gaps(torch.linalg.eigvalsh(quadrics(x))),
        mean_curvature=lambda x: harmonics(push_apart(quadrics(x))),
        process=radial(5, 3, 1),
        magnitudes=MAGNITUDES,
        named={"one axis": Named(harmonics(one_axis), 2), "origin": zero(5, dtype=torch.float64)},
    )


ROWS = {
    "11: beta 2": eigenvalues(HermitianMatrices(3), Unitary(3), 2, 4),
    "11: beta 1": eigenvalues(SymmetricMatrices(3), SpecialOrthogonal(3), 1, 2),
    "irrep 2": quadrupoles(),
    "12a: one spinor": spinors(1),
    "12a: three spinors": spinors(3),
    "12b: three spinors": spinors_with_phase(3),
}
EACH = pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
NAMED = {name: row for name, row in ROWS.items() if row.named}


@EACH
def test_geometry(row: Row) -> None:
    assert_geometry(row)


@EACH
def test_routes(row: Row) -> None:
    assert_routes(row)


@pytest.mark.parametrize("row", NAMED.values(), ids=list(NAMED))
def test_named_points(row: Row) -> None:
    assert_named(row)


@EACH
def test_process(row: Row) -> None:
    assert_process(row)


@pytest.mark.parametrize(("n", "group"), [(3, SpecialUnitary(2)), (3, Unitary(2))], ids=["12a", "12b"])
def test_gram_matrices_of_spinors(n: int, group: SpecialUnitary | Unitary) -> None:
    """K = |psi|^2 / 2 times one on traceless directions, in the basis of unit Frobenius norm."""
    psi = normal(4, 5, 2, n)
    gram = GroupQuotient(ComplexMatrices(2, n), LeftMultiplication(group)).gram(psi)
    expected = 0.5 * _trace_form(group.basis, psi)
    torch.testing.assert_close(gram, expected, rtol=0, atol=1e-12)
    if isinstance(group, SpecialUnitary):
        torch.testing.assert_close(gram, 0.5 * square(psi, 2) * torch.eye(3, dtype=torch.float64), rtol=0, atol=1e-12)


def _trace_form(basis: Tensor, psi: Tensor) -> Tensor:
    """tr((A^* B + B^* A) psi psi^*) for basis elements A, B."""
    products = torch.einsum("aji,bjk->abik", basis.conj(), basis)
    return torch.einsum("abik,...ki->...ab", products + products.mH, psi @ psi.mH).real
