"""Phases of complex vectors and of quaternions: derived geometry and processes against closed forms."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from groups import (
    PhaseAction,
    QuaternionPhaseAction,
    WeightedCircleAction,
    quaternion_product,
)
from quotient import (
    ComplexEuclidean,
    ComplexHypersphere,
    GroupQuotient,
    Matrices,
)
from tests.quotient.test_table_rows import (
    MAGNITUDES,
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

PAULI = torch.tensor([[[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]], dtype=torch.complex128)


def normal(seed: int, *shape: int, dtype: torch.dtype = torch.complex128) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def square(x: Tensor, axes: int) -> Tensor:
    """|x|^2 with as many trailing axes of length one as a point has axes."""
    return x.abs().square().sum(tuple(range(-axes, 0)))[(..., *[None] * axes)]


def zero(*shape: int, dtype: torch.dtype = torch.complex128) -> Named:
    return Named(torch.zeros(*shape, dtype=dtype), 0)


def along(field: Tensor, v: Tensor) -> Tensor:
    """The part of complex vectors v along one field."""
    return field * ((field.conj() * v).real.sum(-1, keepdim=True) / square(field, 1))


def phases(n: int) -> Row:
    return Row(
        quotient=GroupQuotient(ComplexEuclidean(n), PhaseAction()),
        dimension=1,
        vertical=lambda v, z: along(1j * z, v),
        log_volume=lambda z: 0.5 * square(z, 1).squeeze(-1).log(),
        mean_curvature=lambda z: -z / square(z, 1),
        process=radial(2 * n, 1, 1),
        magnitudes=MAGNITUDES,
        named={"origin": zero(n)},
    )


def weighted_circle() -> Row:
    """V = sqrt(sum w_k^2 |z_k|^2), H = -w^2 z / V^2; orbits through coordinate planes are shorter, not smaller."""
    w = torch.tensor([1.0, 2.0, -3.0], dtype=torch.float64)
    return Row(
        quotient=GroupQuotient(ComplexEuclidean(3), WeightedCircleAction([1, 2, -3])),
        dimension=1,
        vertical=lambda v, z: along(1j * w * z, v),
        log_volume=lambda z: 0.5 * square(w * z, 1).squeeze(-1).log(),
        mean_curvature=lambda z: -(w**2) * z / square(w * z, 1),
        process=radial(6, 1, 1),
        magnitudes=MAGNITUDES,
        named={
            "origin": zero(3),
            "stabiliser of order 3": Named(torch.tensor([0, 0, 1 + 1j], dtype=torch.complex128), 1, regular=True),
        },
    )


def quaternions(n: int) -> Row:
    units = torch.eye(4, dtype=torch.float64)[1:, None]
    return Row(
        quotient=GroupQuotient(Matrices(n, 4), QuaternionPhaseAction()),
        dimension=3,
        vertical=lambda v, q: on_span(quaternion_product(units, q.unsqueeze(-3)), v, 2),
        log_volume=lambda q: 1.5 * square(q, 2).flatten(-2).squeeze(-1).log(),
        mean_curvature=lambda q: -3 * q / square(q, 2),
        process=radial(4 * n, 3, 2),
        magnitudes=MAGNITUDES,
        named={"origin": zero(n, 4, dtype=torch.float64)},
    )


def circles_of_states(n: int) -> Row:
    """S^(2n+1) / U(1) = CP^n: great circles; 1/2 Lap |z_k|^2 = 2 - 2 (n + 1) |z_k|^2."""

    def weights(z: Tensor) -> Tensor:
        return (z.conj() * z).real

    def drift(z: Tensor) -> Tensor:
        return 2 - 2 * (n + 1) * weights(z)

    return Row(
        quotient=GroupQuotient(ComplexHypersphere(n + 1), PhaseAction()),
        dimension=1,
        vertical=lambda v, z: along(1j * z, v),
        log_volume=lambda z: 0 * weights(z).sum(-1),
        mean_curvature=torch.zeros_like,
        process=Process(weights, drift, drift),
    )


def qubit() -> Row:
    """The Bloch vector b_a = psi^* sigma_a psi on the sphere of radius 1/2 in its coordinates: 1/2 Lap b = -4 b."""

    def bloch(z: Tensor) -> Tensor:
        return torch.einsum("...i,aij,...j->...a", z.conj(), PAULI, z).real

    def diffusion(z: Tensor) -> Tensor:
        b = bloch(z)
        return 4 * (torch.eye(3, dtype=torch.float64) - b.unsqueeze(-1) * b.unsqueeze(-2))

    row = circles_of_states(1)
    return Row(
        quotient=row.quotient,
        dimension=1,
        vertical=row.vertical,
        log_volume=row.log_volume,
        mean_curvature=row.mean_curvature,
        process=Process(bloch, lambda z: -4 * bloch(z), lambda z: -4 * bloch(z), diffusion),
    )


ROWS = {
    "4: cone over CP^2": phases(3),
    "weighted circle": weighted_circle(),
    "quaternions": quaternions(2),
    "5: CP^1": circles_of_states(1),
    "5: CP^2": circles_of_states(2),
    "6: qubit": qubit(),
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
