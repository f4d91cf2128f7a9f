"""Frames and rotations: derived geometry and processes against closed forms."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from groups import (
    Conjugation,
    MatrixGroup,
    RightMultiplication,
    SpecialOrthogonal,
)
from quotient import (
    GroupQuotient,
    RotationMatrices,
    Stiefel,
)
from tests.quotient.test_table_rows import (
    Named,
    Process,
    Row,
    assert_geometry,
    assert_named,
    assert_process,
    assert_routes,
    on_span,
)


def zeros(x: Tensor, axes: int) -> Tensor:
    return torch.zeros(x.shape[: x.ndim - axes], dtype=torch.float64)


def block(n: int, rows: range) -> Tensor:
    """Rotations in the planes of some coordinates, ``[m, n, n]``."""
    eye = torch.eye(n, dtype=torch.float64)
    return torch.stack(
        [torch.outer(eye[i], eye[j]) - torch.outer(eye[j], eye[i]) for i, j in itertools.combinations(rows, 2)]
    )


def rotations_modulo(n: int, k: int, *, both: bool) -> Row:
    """SO(n) modulo right SO(n - k), with the frame of k columns q, or SO(k) x SO(n - k), with the projector p = q q^T.

    In the metric tr(u^T v), 1/2 Lap q = -(n - 1) q / 4 and 1/2 Lap p = (k - n p) / 2.
    """
    fields = block(n, range(k, n))
    fields = torch.cat([block(n, range(k)), fields]) if both else fields

    def frame(g: Tensor) -> Tensor:
        q = g[..., :k]
        return (q @ q.mT if both else q).flatten(-2)

    def drift(g: Tensor) -> Tensor:
        eye = torch.eye(n, dtype=torch.float64).flatten()
        return 0.5 * (k * eye - n * frame(g)) if both else -0.25 * (n - 1) * frame(g)

    return Row(
        quotient=GroupQuotient(RotationMatrices(n), RightMultiplication(MatrixGroup(list(fields)))),
        dimension=len(fields),
        vertical=lambda v, g: on_span(g.unsqueeze(-3) @ fields, v, 2),
        log_volume=lambda g: zeros(g, 2),
        mean_curvature=torch.zeros_like,
        process=Process(frame, drift, drift),
    )


def frames(n: int, k: int) -> Row:
    """Subspaces, as frames modulo rotations of the frame: 1/2 Lap p = k - n p in the metric of the arrays."""

    def projector(q: Tensor) -> Tensor:
        return (q @ q.mT).flatten(-2)

    def drift(q: Tensor) -> Tensor:
        return k * torch.eye(n, dtype=torch.float64).flatten() - n * projector(q)

    return Row(
        quotient=GroupQuotient(Stiefel(n, k), RightMultiplication(SpecialOrthogonal(k))),
        dimension=k * (k - 1) // 2,
        vertical=lambda v, q: 0.5 * q @ (q.mT @ v - v.mT @ q),
        log_volume=lambda q: zeros(q, 2),
        mean_curvature=torch.zeros_like,
        process=Process(projector, drift, drift),
    )


def angle(r: Tensor) -> Tensor:
    """The angle of a rotation of space, ``[..., 1]``."""
    skew = r - r.mT
    sine = torch.stack([skew[..., 2, 1], skew[..., 0, 2], skew[..., 1, 0]], -1).norm(dim=-1) / 2
    cosine = (torch.diagonal(r, dim1=-2, dim2=-1).sum(-1) - 1) / 2
    return torch.atan2(sine, cosine).unsqueeze(-1)


def class_angles() -> Row:
    """SO(3) modulo conjugation. The metric tr(u^T v) is twice that of unit angles, so every coefficient is halved.

    With unit angles H = -cot(theta / 2) d_theta and the angle has drift 1/2 cot(theta / 2).
    """
    basis = SpecialOrthogonal(3).basis

    def half_cotangent(r: Tensor) -> Tensor:
        return 0.5 / torch.tan(angle(r) / 2)

    def curvature(r: Tensor) -> Tensor:
        axis = (r - r.mT) / (2 * torch.sin(angle(r)).unsqueeze(-1))
        return -half_cotangent(r).unsqueeze(-1) * r @ axis

    half_turn = torch.diag(torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64))
    return Row(
        quotient=GroupQuotient(RotationMatrices(3), Conjugation(SpecialOrthogonal(3))),
        dimension=2,
        vertical=lambda v, r: on_span(basis @ r.unsqueeze(-3) - r.unsqueeze(-3) @ basis, v, 2),
        log_volume=lambda r: 2 * torch.sin(angle(r).squeeze(-1) / 2).log(),
        mean_curvature=curvature,
        process=Process(
            angle,
            lambda r: 0.5 * half_cotangent(r),
            lambda r: 0 * angle(r),
            lambda r: 0.5 * torch.ones_like(angle(r)).unsqueeze(-1),
        ),
        named={
            "identity": Named(torch.eye(3, dtype=torch.float64), 0),
            "half turn": Named(half_turn, 2, regular=True),
        },
    )


ROWS = {
    "7a: frames of SO(4)": rotations_modulo(4, 2, both=False),
    "7a: sphere S^3": rotations_modulo(4, 1, both=False),
    "7a: planes of SO(4)": rotations_modulo(4, 2, both=True),
    "7b: subspaces": frames(5, 3),
    "18: class angles": class_angles(),
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
