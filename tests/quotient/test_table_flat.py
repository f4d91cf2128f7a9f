"""Vectors, clouds and low-rank factors modulo rotations: derived geometry and processes against closed forms."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from groups import RightMultiplication, RigidMotionAction, RotationAction, SpecialOrthogonal, VectorAction, irrep_action
from quotient import CenteredClouds, Euclidean, GroupQuotient, Matrices, PointClouds
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


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def center(x: Tensor) -> Tensor:
    return x - x.mean(-2, keepdim=True)


def pair_sums(x: Tensor) -> Tensor:
    """S = sum_i s_i u_i u_i^T, s_i = sum_{j != i} 1 / (c_i + c_j), for the eigenpairs c_i, u_i of x^T x."""
    c, u = torch.linalg.eigh(x.mT @ x)
    inverse = 1 / (c.unsqueeze(-1) + c.unsqueeze(-2))
    s = inverse.sum(-1) - torch.diagonal(inverse, dim1=-2, dim2=-1)
    return (u * s.unsqueeze(-2)) @ u.mT


def log_pair_sums(x: Tensor) -> Tensor:
    """1/2 sum_{i<j} log(c_i + c_j)."""
    c = torch.linalg.eigvalsh(x.mT @ x)
    i, j = torch.triu_indices(c.shape[-1], c.shape[-1], 1).unbind(0)
    return 0.5 * (c[..., i] + c[..., j]).log().sum(-1)


def norm(x: Tensor, axes: int) -> Tensor:
    return torch.linalg.vector_norm(x.flatten(-axes), dim=-1)


def turns(x: Tensor) -> Tensor:
    """Infinitesimal rotations of rows, x (E_ij - E_ji), ``[..., d (d - 1) / 2, n, d]``."""
    d = x.shape[-1]
    i, j = torch.triu_indices(d, d, 1).unbind(0)
    basis = torch.zeros(len(i), d, d, dtype=torch.float64)
    basis[torch.arange(len(i)), i, j], basis[torch.arange(len(i)), j, i] = 1.0, -1.0
    return x.unsqueeze(-3) @ basis


def rigid(v: Tensor, x: Tensor) -> Tensor:
    """The centroid of v and the infinitesimal rotation of the centred cloud nearest to the rest."""
    return v.mean(-2, keepdim=True) + on_span(turns(center(x)), center(v), 2)


def inertia_curvature(x: Tensor) -> Tensor:
    """-(tr(J^-1) 1 - J^-1)(x_a - mean), J the inertia tensor."""
    y = center(x)
    eye = torch.eye(3, dtype=torch.float64)
    scatter = y.mT @ y
    inertia = torch.diagonal(scatter, dim1=-2, dim2=-1).sum(-1)[..., None, None] * eye - scatter
    inverse = torch.linalg.inv(inertia)
    trace = torch.diagonal(inverse, dim1=-2, dim2=-1).sum(-1)[..., None, None]
    return -y @ (trace * eye - inverse)


CURVATURES = {
    2: lambda x: -center(x) / norm(center(x), 2)[..., None, None] ** 2,
    3: inertia_curvature,
    4: lambda x: -center(x) @ pair_sums(center(x)),
}


def vectors(n: int) -> Row:
    def radial_part(v: Tensor, x: Tensor) -> Tensor:
        return x * ((x * v).sum(-1) / norm(x, 1) ** 2).unsqueeze(-1)

    return Row(
        quotient=GroupQuotient(Euclidean(n), VectorAction(SpecialOrthogonal(n))),
        dimension=n - 1,
        vertical=lambda v, x: v - radial_part(v, x),
        log_volume=lambda x: (n - 1) * norm(x, 1).log(),
        mean_curvature=lambda x: -(n - 1) * x / norm(x, 1).unsqueeze(-1) ** 2,
        process=radial(n, n - 1, 1),
        magnitudes=MAGNITUDES,
        named={"origin": Named(torch.zeros(n, dtype=torch.float64), 0)},
    )


def distances(x: Tensor) -> Tensor:
    i, j = torch.triu_indices(x.shape[-2], x.shape[-2], 1).unbind(0)
    return (x[..., i, :] - x[..., j, :]).norm(dim=-1)


def clouds(n_points: int, d: int) -> Row:
    """Invariants are the distances, r_ab: 1/2 Lap r_ab = (d - 1) / r_ab, and the size |x - mean|."""
    rotations = d * (d - 1) // 2
    size = radial(d * (n_points - 1), rotations, 2)
    curvature = CURVATURES[d]

    def intrinsic(x: Tensor) -> Tensor:
        h = curvature(x)
        i, j = torch.triu_indices(n_points, n_points, 1).unbind(0)
        along = ((x[..., i, :] - x[..., j, :]) * (h[..., i, :] - h[..., j, :])).sum(-1) / distances(x)
        return torch.cat([(d - 1) / distances(x) + along / 2, size.intrinsic(center(x))], -1)

    def cloud(rank: int, seed: int = 7) -> Tensor:
        return normal(seed, n_points, rank) @ normal(seed + 1, rank, d) + normal(seed + 2, d)

    named = {
        f"rank {rank}": Named(cloud(rank), d + rotations - still * (still - 1) // 2, regular=still < 2)
        for rank in range(d)
        for still in [d - rank]
    }
    return Row(
        quotient=GroupQuotient(PointClouds(n_points, d), RigidMotionAction(d)),
        dimension=d + rotations,
        vertical=rigid,
        log_volume=lambda x: log_pair_sums(center(x)),
        mean_curvature=curvature,
        process=Process(
            lambda x: torch.cat([distances(x), size.invariants(center(x))], -1),
            lambda x: torch.cat([(d - 1) / distances(x), size.drift(center(x))], -1),
            intrinsic,
        ),
        magnitudes=MAGNITUDES,
        named=named,
    )


def pair_of_points() -> Row:
    """Always collinear: the stabiliser is a circle, and log V = 2 log r."""
    shift, apart = torch.tensor([[1.0, -2.0, 0.5]]).double().expand(2, 3), normal(3, 2, 3)
    size = radial(3, 2, 2)
    return Row(
        quotient=GroupQuotient(PointClouds(2, 3), RigidMotionAction(3)),
        dimension=5,
        vertical=rigid,
        log_volume=lambda x: 2 * norm(center(x), 2).log(),
        mean_curvature=lambda x: -2 * center(x) / norm(center(x), 2)[..., None, None] ** 2,
        process=Process(*((lambda x, f=f: f(center(x))) for f in (size.invariants, size.drift, size.intrinsic))),
        magnitudes=MAGNITUDES,
        named={"apart": Named(apart, 5, regular=True), "together": Named(shift, 3)},
    )


def centred_pair() -> Row:
    """The same without translations: the two rows of a point depend on each other."""
    return dataclasses.replace(
        pair_of_points(),
        quotient=GroupQuotient(CenteredClouds(2, 3), RotationAction(3)),
        dimension=2,
        vertical=lambda v, x: on_span(turns(x), v, 2),
        named={"together": Named(torch.zeros(2, 3, dtype=torch.float64), 0)},
    )


def factors(n: int, k: int) -> Row:
    """Y Y^T in the Bures-Wasserstein geometry; the nonzero eigenvalues l_i follow the process of Wishart and Bru."""

    def eigenvalues(y: Tensor) -> Tensor:
        return torch.linalg.eigvalsh(y.mT @ y)

    def sums(y: Tensor, *, intrinsic: bool) -> Tensor:
        l = eigenvalues(y)  # noqa: E741
        one, other = l.unsqueeze(-1), l.unsqueeze(-2)
        off = ~torch.eye(k, dtype=torch.bool)
        repulsion = torch.where(off, (one + other) / torch.where(off, one - other, 1.0), 0.0).sum(-1)
        return n + repulsion - (torch.where(off, one / (one + other), 0.0).sum(-1) if intrinsic else 0.0)

    def moved(y: Tensor) -> Tensor:
        return torch.cat([eigenvalues(y), (y @ y.mT).flatten(-2)], -1)

    def change(y: Tensor, *, intrinsic: bool) -> Tensor:
        eye = k * torch.eye(n, dtype=torch.float64).expand(*y.shape[:-2], n, n)
        sigma = eye - y @ pair_sums(y) @ y.mT if intrinsic else eye
        return torch.cat([sums(y, intrinsic=intrinsic), sigma.flatten(-2)], -1)

    rotations = k * (k - 1) // 2
    named = {
        f"rank {rank}": Named(
            normal(rank, n, rank) @ normal(rank + 9, rank, k), rotations - still * (still - 1) // 2, regular=still < 2
        )
        for rank in range(k)
        for still in [k - rank]
    }
    return Row(
        quotient=GroupQuotient(Matrices(n, k), RightMultiplication(SpecialOrthogonal(k))),
        dimension=rotations,
        vertical=lambda v, y: on_span(turns(y), v, 2),
        log_volume=log_pair_sums,
        mean_curvature=lambda y: -y @ pair_sums(y),
        process=Process(moved, lambda y: change(y, intrinsic=False), lambda y: change(y, intrinsic=True)),
        magnitudes=MAGNITUDES,
        named=named,
    )


def two_vectors_in_irreps() -> Row:
    """SO(3) on 1 + 1: two vectors in the order (y, z, x), rotated together."""

    def pair(x: Tensor) -> Tensor:
        return x.unflatten(-1, (2, 3))

    return Row(
        quotient=GroupQuotient(Euclidean(6), irrep_action([1, 1])),
        dimension=3,
        vertical=lambda v, x: on_span(turns(pair(x)), pair(v), 2).flatten(-2),
        log_volume=lambda x: log_pair_sums(pair(x)),
        mean_curvature=lambda x: -(pair(x) @ pair_sums(pair(x))).flatten(-2),
        process=radial(6, 3, 1),
        magnitudes=MAGNITUDES,
        named={
            "parallel": Named(torch.cat([normal(1, 3), 2 * normal(1, 3)]), 2),
            "origin": Named(torch.zeros(6, dtype=torch.float64), 0),
        },
    )


ROWS = {
    "1: plane": vectors(2),
    "2: R^3": vectors(3),
    "2: R^5": vectors(5),
    "3: clouds in the plane": clouds(4, 2),
    "3: clouds in space": clouds(5, 3),
    "3: clouds in R^4": clouds(6, 4),
    "3': two points": pair_of_points(),
    "3': centred": centred_pair(),
    "8: GL(3)": factors(3, 3),
    "9: rank 3": factors(5, 3),
    "irreps 1 + 1": two_vectors_in_irreps(),
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


@pytest.mark.parametrize("d", [2, 3])
def test_forms_of_the_curvature_of_clouds_agree(d: int) -> None:
    x = normal(0, 20, 6, d)
    torch.testing.assert_close(CURVATURES[d](x), -center(x) @ pair_sums(center(x)), rtol=0, atol=1e-12)


def test_formula_for_clouds_diverges_for_two_points() -> None:
    """c_2 + c_3 = 0: the volume of row 3 says nothing of pairs, whose principal orbits have a stabiliser."""
    x = center(normal(0, 2, 3))
    c = torch.linalg.eigvalsh(x.mT @ x)
    assert float((c[0] + c[1]).abs()) < 1e-14 * float(c[2])


@pytest.mark.parametrize("real", [1, 2, 3])
def test_padding_around_a_few_points(real: int) -> None:
    mask = torch.arange(5) < real
    padded = GroupQuotient(PointClouds(5, 3, mask=mask), RotationAction(3, mask=mask))
    x, v = normal(0, 6, 5, 3), normal(1, 6, 5, 3)
    few = x[:, :real].contiguous()
    expected = on_span(turns(few), v[:, :real], 2)
    torch.testing.assert_close(padded.vertical_projection(v, x)[:, :real], expected, rtol=0, atol=1e-12)
    alone = GroupQuotient(PointClouds(real, 3), RotationAction(3)).mean_curvature(few)
    torch.testing.assert_close(padded.mean_curvature(x)[:, :real], alone, rtol=0, atol=1e-11)
