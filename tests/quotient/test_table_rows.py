"""What a row of the table of known quotients says, and the assertions that hold the derived geometry against it.

The assertions are tried on planted errors here; the rows are in the files beside this one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import final

import pytest
import torch
from torch import Tensor

from groups import SpecialOrthogonal, VectorAction
from groups.laws import array_norm
from quotient import (
    ClaimError,
    Euclidean,
    GroupQuotient,
    TotalSpace,
    mean_curvature_from_log_volume,
    mean_curvature_from_projector,
    mean_curvature_from_second_fundamental_form,
)

Field = Callable[[Tensor], Tensor]
#: Relative to 1 + |H| and to |v|; absolute for logarithms of volumes.
TOLERANCE = 1e-9
COUNT = 24
MAGNITUDES = (1e-3, 1.0, 1e3)


@final
@dataclass(frozen=True, eq=False)
class Named:
    """A point with a name: the dimension of its orbit, and whether that is the generic one."""

    point: Tensor
    dimension: int
    regular: bool = False


@final
@dataclass(frozen=True, eq=False)
class Process:
    """The projected process in k invariants, and the drift of the intrinsic one; all are functions of x."""

    invariants: Field
    drift: Field
    intrinsic: Field
    diffusion: Field | None = None


@final
@dataclass(frozen=True, eq=False)
class Row:
    """A row of the table.

    Attributes:
        quotient: total space and action.
        dimension: of generic orbits.
        vertical: V_x v as a function of v and x.
        log_volume: up to a constant.
        mean_curvature: H.
        process: on invariants, where the table gives one.
        magnitudes: factors by which points may be multiplied.
        named: points with names.
        points: of a count and a seed; the total space draws them where None.
    """

    quotient: GroupQuotient
    dimension: int
    vertical: Callable[[Tensor, Tensor], Tensor]
    log_volume: Field
    mean_curvature: Field
    process: Process | None = None
    magnitudes: tuple[float, ...] = (1.0,)
    named: Mapping[str, Named] = field(default_factory=dict)
    points: Callable[[int, int], Tensor] | None = None

    @property
    def space(self) -> TotalSpace:
        return self.quotient.total_space

    def draw(self, count: int = COUNT, seed: int = 0) -> Tensor:
        if self.points is not None:
            return self.points(count, seed)
        return self.space.random_point((count,), torch.Generator().manual_seed(seed))

    def at_all_magnitudes(self, count: int = COUNT, seed: int = 0) -> Tensor:
        return torch.stack([size * self.draw(count, seed) for size in self.magnitudes])

    def tangent(self, x: Tensor, seed: int = 1) -> Tensor:
        normal = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed), dtype=x.dtype)
        return self.space.white_noise(normal, x)


def on_span(fields: Tensor, v: Tensor, point_axes: int) -> Tensor:
    """Orthogonal projection of v on the span of ``fields [..., m, *point_shape]``, by singular values."""
    wide = (lambda a: torch.view_as_real(a).flatten(-2)) if v.is_complex() else (lambda a: a)
    rows, vector = wide(fields.flatten(-point_axes)), wide(v.flatten(-point_axes))
    _, size, basis = torch.linalg.svd(rows, full_matrices=False)
    basis = torch.where((size > 1e-10 * size[..., :1]).unsqueeze(-1), basis, 0.0)
    flat = (basis.mT @ (basis @ vector.unsqueeze(-1))).squeeze(-1)
    real = torch.view_as_complex(flat.unflatten(-1, (-1, 2))) if v.is_complex() else flat
    return real.reshape(v.shape)


def assert_curvature(row: Row, x: Tensor, found: Tensor) -> None:
    """To 1e-9 of 1 + |H| and, on flat spaces, of the stricter 1 / |x| + |H| at large magnitudes."""
    expected = row.mean_curvature(x)
    unit = (1 / array_norm(x, len(row.space.shape))).clamp_max(1.0) if row.space.flat else 1.0
    assert found.shape == x.shape
    assert float((row.space.norm(found - expected, x) / (row.space.norm(expected, x) + unit)).max()) < TOLERANCE


def assert_geometry(row: Row) -> None:
    """V, dim, log vol and H at random points of all magnitudes."""
    x = row.at_all_magnitudes()
    v = row.tangent(x)
    gap = row.quotient.vertical_projection(v, x) - row.vertical(v, x)
    assert float((row.space.norm(gap, x) / row.space.norm(v, x)).max()) < TOLERANCE
    assert (row.quotient.orbit_dimension(x) == row.dimension).all()
    assert row.quotient.stratum(x).regular.all()
    offset = row.quotient.log_orbit_volume(x) - row.log_volume(x)
    assert float((offset - offset[0, 0]).abs().max()) < TOLERANCE
    assert_curvature(row, x, row.quotient.mean_curvature(x))


def assert_routes(row: Row) -> None:
    """Every independent route to H; that of the volume only where the group is unimodular."""
    x = row.at_all_magnitudes()
    assert_curvature(row, x, mean_curvature_from_projector(row.quotient, x))
    assert_curvature(row, x, mean_curvature_from_second_fundamental_form(row.quotient, x))
    if row.quotient.action.group.unimodular:
        assert_curvature(row, x, mean_curvature_from_log_volume(row.quotient, x))
    else:
        with pytest.raises(ClaimError, match="not unimodular"):
            mean_curvature_from_log_volume(row.quotient, x)


def assert_named(row: Row) -> None:
    """P and H are finite, P is a projection of the right rank, and the stratum is what it should be."""
    for name, named in row.named.items():
        x = named.point
        assert int(row.quotient.orbit_dimension(x)) == named.dimension, name
        assert bool(row.quotient.stratum(x).regular) is named.regular, name
        frame = row.space.parseval_frame(x).contiguous()
        vertical = row.quotient.vertical_projection(frame, x.expand(frame.shape))
        rank = row.space.inner_product(vertical, frame, x.expand(frame.shape)).sum()
        assert abs(float(rank) - named.dimension) < TOLERANCE, name
        curvature = row.quotient.mean_curvature(x)
        assert curvature.isfinite().all(), name
        part = row.space.norm(row.quotient.vertical_projection(curvature, x), x)
        assert float(part / (1 + row.space.norm(curvature, x))) < TOLERANCE, name
        assert row.quotient.log_orbit_volume(x).isfinite(), name


@final
@dataclass(frozen=True, eq=False)
class Traces:
    """Lap_M f, tr_H Hess f and <H, grad f>, ``[..., k]``, and <grad f_i, grad f_j>, ``[..., k, k]``."""

    laplacian: Tensor
    horizontal: Tensor
    curvature: Tensor
    diffusion: Tensor


def traces(quotient: GroupQuotient, functions: Field, x: Tensor) -> Traces:
    """By differentiating twice, on flat and curved spaces."""
    space = quotient.total_space
    count = functions(x).shape[-1]
    frame = space.parseval_frame(x).contiguous()
    here = x.expand(frame.shape).contiguous()
    level = quotient.horizontal_projection(frame, here).contiguous()
    curvature = quotient.mean_curvature(x)
    gradients, laplacian, horizontal = [], [], []
    for k in range(count):

        def gradient(y: Tensor, k: int = k) -> Tensor:
            return space.gradient(torch.func.grad(lambda z: functions(z)[..., k].sum())(y), y)

        for directions, found in ((frame, laplacian), (level, horizontal)):
            change = space.covariant_derivative(gradient, directions, here)
            found.append(space.inner_product(change, directions, here).sum(0))
        gradients.append(gradient(x))
    rows = torch.stack(gradients)
    products = space.inner_product(rows.unsqueeze(0), rows.unsqueeze(1), x).movedim((0, 1), (-2, -1))
    slopes = space.inner_product(rows, curvature, x).movedim(0, -1)
    return Traces(torch.stack(laplacian, -1), torch.stack(horizontal, -1), slopes, products)


def assert_close(found: Tensor, expected: Tensor) -> None:
    """Entry by entry, to 1e-9 of one plus the largest entry at the same point."""
    batch = expected.ndim - found.ndim + 1
    scale = 1 + expected.abs().flatten(batch).amax(-1)
    gap = (found - expected).abs().flatten(batch).amax(-1)
    assert float((gap / scale).max()) < TOLERANCE


def assert_process(row: Row) -> None:
    """1/2 Lap f = 1/2 tr_H Hess f - 1/2 <H, grad f> = drift, and 1/2 tr_H Hess f is the intrinsic drift."""
    assert row.process is not None
    x = row.draw(seed=2)
    found = traces(row.quotient, row.process.invariants, x)
    drift, intrinsic = row.process.drift(x), row.process.intrinsic(x)
    assert_close(found.laplacian / 2, drift)
    assert_close((found.horizontal - found.curvature) / 2, drift)
    assert_close(found.horizontal / 2, intrinsic)
    if row.process.diffusion is not None:
        assert_close(found.diffusion, row.process.diffusion(x))
    g = row.quotient.action.group.random((len(x),), torch.Generator().manual_seed(3), x)
    moved = row.process.invariants(row.quotient.action.act(g, x))
    assert_close(moved, row.process.invariants(x))


def radial(dim: int, lost: int, axes: int) -> Process:
    """|x| where x has ``dim`` coordinates and <H, x> = -lost: a Bessel process, and what is left without H."""

    def radius(x: Tensor) -> Tensor:
        return array_norm(x, axes).unsqueeze(-1)

    return Process(
        radius,
        lambda x: (dim - 1) / (2 * radius(x)),
        lambda x: (dim - 1 - lost) / (2 * radius(x)),
        lambda x: torch.ones_like(radius(x)).unsqueeze(-1),
    )


def space_rotations() -> Row:
    def radius(x: Tensor) -> Tensor:
        return x.norm(dim=-1, keepdim=True)

    return Row(
        quotient=GroupQuotient(Euclidean(3), VectorAction(SpecialOrthogonal(3))),
        dimension=2,
        vertical=lambda v, x: v - x * (x * v).sum(-1, keepdim=True) / radius(x) ** 2,
        log_volume=lambda x: 2 * radius(x).squeeze(-1).log(),
        mean_curvature=lambda x: -2 * x / radius(x) ** 2,
        process=radial(3, 2, 1),
        magnitudes=MAGNITUDES,
        named={"origin": Named(torch.zeros(3, dtype=torch.float64), 0)},
    )


def test_the_right_row_passes() -> None:
    row = space_rotations()
    for check in (assert_geometry, assert_routes, assert_named, assert_process):
        check(row)


@pytest.mark.parametrize("wrong", [-1.0, 0.5, 2.0, 1 + 1e-8], ids=["sign", "half", "twice", "eight digits"])
def test_planted_errors_are_told_apart(wrong: float) -> None:
    right = space_rotations()
    process = right.process
    assert process is not None
    curvature = dataclasses.replace(right, mean_curvature=lambda x: wrong * right.mean_curvature(x))
    volume = dataclasses.replace(right, log_volume=lambda x: wrong * right.log_volume(x))
    vertical = dataclasses.replace(right, vertical=lambda v, x: wrong * right.vertical(v, x))
    drift = dataclasses.replace(right, process=dataclasses.replace(process, drift=lambda x: wrong * process.drift(x)))
    swapped = dataclasses.replace(right, process=dataclasses.replace(process, intrinsic=process.drift))
    named = dataclasses.replace(right, named={"origin": Named(right.named["origin"].point, 2)})
    for check, row in (
        (assert_geometry, curvature),
        (assert_routes, curvature),
        (assert_geometry, volume),
        (assert_geometry, vertical),
        (assert_process, drift),
        (assert_process, swapped),
        (assert_named, named),
    ):
        with pytest.raises(AssertionError):
            check(row)
