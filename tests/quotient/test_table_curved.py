"""Shapes, crystals, correlations and the hyperbolic plane: derived geometry and processes against closed forms."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from groups import (
    Congruence,
    GroupAction,
    MatrixGroup,
    PeriodicTranslationAction,
    RotationAction,
    Translations,
)
from quotient import (
    GroupQuotient,
    HyperbolicHalfSpace,
    PeriodicClouds,
    PreShapes,
    SPDMatrices,
)
from tests.quotient.test_table_flat import center, log_pair_sums, normal, pair_sums, turns
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


def pre_shapes(n_points: int, d: int) -> Row:
    """Kendall's shapes. Invariants are the Gram entries <x_a, x_b> of centred clouds of unit size."""
    rotations = d * (d - 1) // 2

    def curvature(x: Tensor) -> Tensor:
        return -(x @ pair_sums(x) - rotations * x)

    def gram(x: Tensor) -> Tensor:
        return (x @ x.mT).flatten(-2)

    def drift(x: Tensor) -> Tensor:
        centering = torch.eye(n_points, dtype=torch.float64) - 1 / n_points
        return (d * centering).flatten() - d * (n_points - 1) * gram(x)

    def intrinsic(x: Tensor) -> Tensor:
        return drift(x) + (curvature(x) @ x.mT).flatten(-2)

    line = center(torch.linspace(-1, 2, n_points, dtype=torch.float64)[:, None] * normal(2, 1, d))
    line = line / line.norm()
    return Row(
        quotient=GroupQuotient(PreShapes(n_points, d), RotationAction(d)),
        dimension=rotations,
        vertical=lambda v, x: on_span(turns(x), v, 2),
        log_volume=log_pair_sums,
        mean_curvature=torch.zeros_like if d == 2 else curvature,
        process=Process(gram, drift, intrinsic),
        named={"line": Named(line, 1 if d == 2 else 2, regular=d == 2)},
    )


CELL = torch.tensor([[1.0, 0.3, 0.0], [0.0, 2.0, -0.4], [0.0, 0.0, 1.5]], dtype=torch.float64)


def crystal(n_points: int) -> Row:
    """Periodic displacements; f = cos(2 pi k (s_1 - s_2)) has 1/2 Lap f = -4 pi^2 k^T (L^T L)^-1 k f."""
    k = torch.tensor([1.0, -1.0, 2.0], dtype=torch.float64)
    rate = -4 * torch.pi**2 * (k @ torch.linalg.inv(CELL.mT @ CELL) @ k)

    def wave(s: Tensor) -> Tensor:
        phase = 2 * torch.pi * (s[..., 0, :] - s[..., 1, :]) @ k
        return torch.stack([torch.cos(phase), torch.sin(phase)], -1)

    return Row(
        quotient=GroupQuotient(PeriodicClouds(n_points, CELL), PeriodicTranslationAction(3)),
        dimension=3,
        vertical=lambda v, s: v.mean(-2, keepdim=True).expand(v.shape),
        log_volume=lambda s: zeros(s, 2),
        mean_curvature=torch.zeros_like,
        process=Process(wave, lambda s: rate * wave(s), lambda s: rate * wave(s)),
    )


def diagonal_congruence(n: int) -> Row:
    """Correlation matrices: D sigma + sigma D is tangent to orbits."""
    eye = torch.eye(n, dtype=torch.float64)

    def gram(sigma: Tensor) -> Tensor:
        return eye + sigma * torch.linalg.inv(sigma)

    def vertical(v: Tensor, sigma: Tensor) -> Tensor:
        overlap = torch.diagonal(torch.linalg.solve(sigma, v), dim1=-2, dim2=-1)
        d = torch.linalg.solve(gram(sigma), overlap.unsqueeze(-1))
        return d * sigma + sigma * d.mT

    def curvature(sigma: Tensor) -> Tensor:
        k = torch.linalg.inv(gram(sigma))
        return -0.5 * (sigma @ (k * torch.linalg.inv(sigma)) @ sigma - k * sigma)

    def points(count: int, seed: int) -> Tensor:
        y = normal(seed, count, n, n)
        return y @ y.mT + 0.1 * eye

    return Row(
        quotient=GroupQuotient(SPDMatrices(n), Congruence(MatrixGroup([torch.diag(row) for row in eye]))),
        dimension=n,
        vertical=vertical,
        log_volume=lambda sigma: 0.5 * torch.linalg.slogdet(gram(sigma)).logabsdet,
        mean_curvature=curvature,
        points=points,
    )


class HorizontalTranslation(GroupAction):
    """(x, y) -> (x + t, y)."""

    group = Translations(1)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return x + torch.cat([g, torch.zeros_like(g)], -1)


class AffineAction(GroupAction):
    """(x, y) -> (a x + b, a y) for the matrices [[a, b], [0, 1]], a > 0."""

    group = MatrixGroup([torch.tensor([[1.0, 0.0], [0.0, 0.0]]), torch.tensor([[0.0, 1.0], [0.0, 0.0]])])

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        scaled = g[..., 0, 0].unsqueeze(-1) * x
        return scaled + torch.stack([g[..., 0, 1], torch.zeros_like(g[..., 0, 1])], -1)


def horocycles() -> Row:
    def height(p: Tensor) -> Tensor:
        return p[..., 1:]

    return Row(
        quotient=GroupQuotient(HyperbolicHalfSpace(2), HorizontalTranslation()),
        dimension=1,
        vertical=lambda v, p: torch.cat([v[..., :1], 0 * v[..., 1:]], -1),
        log_volume=lambda p: -p[..., 1].log(),
        mean_curvature=lambda p: torch.cat([0 * height(p), height(p)], -1),
        process=Process(
            lambda p: height(p).log(),
            lambda p: -0.5 * torch.ones_like(height(p)),
            lambda p: 0 * height(p),
            lambda p: torch.ones_like(height(p)).unsqueeze(-1),
        ),
    )


def half_plane() -> Row:
    """One orbit: everything is vertical."""
    return Row(
        quotient=GroupQuotient(HyperbolicHalfSpace(2), AffineAction()),
        dimension=2,
        vertical=lambda v, p: v,
        log_volume=lambda p: -p[..., 1].log(),
        mean_curvature=torch.zeros_like,
    )


ROWS = {
    "10: shapes in the plane": pre_shapes(4, 2),
    "10: shapes in space": pre_shapes(5, 3),
    "13: crystal": crystal(4),
    "16: correlations": diagonal_congruence(3),
    "17a: horocycles": horocycles(),
    "17b: half plane": half_plane(),
}
EACH = pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
NAMED = {name: row for name, row in ROWS.items() if row.named}
MOVING = {name: row for name, row in ROWS.items() if row.process is not None}


@EACH
def test_geometry(row: Row) -> None:
    assert_geometry(row)


@EACH
def test_routes(row: Row) -> None:
    assert_routes(row)


@pytest.mark.parametrize("row", NAMED.values(), ids=list(NAMED))
def test_named_points(row: Row) -> None:
    assert_named(row)


@pytest.mark.parametrize("row", MOVING.values(), ids=list(MOVING))
def test_process(row: Row) -> None:
    assert_process(row)
