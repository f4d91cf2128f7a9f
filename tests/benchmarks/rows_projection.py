"""Horizontal projection by rigid motions: its cost in clones of the cloud, its growth, its accuracy in float32."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

import torch
from torch import Tensor

from quotient import GroupQuotient, OrbitSpace, PointClouds, ShapeSpace
from tests.benchmarks.bench_projection import DerivedRigidMotion, kendall_projection, preshape
from tests.benchmarks.racing import Call, Candidate, in_turn, race
from tests.benchmarks.tables import Column, Row, Table, Unit

BATCH, N_POINTS = 512, 256
MOST_POINTS = 10**6
Projection = Callable[[Tensor, Tensor], Tensor]


def measure(repeats: int) -> list[Table]:
    """All tables of the projection."""
    sizes = tuple(10**k for k in range(2, 7))
    return [*(costs(dtype, repeats) for dtype in (torch.float64, torch.float32)), growth(sizes, repeats), accuracy()]


def derived(n_points: int) -> OrbitSpace:
    """SE(3) on clouds, from nothing but ``act``."""
    return GroupQuotient(PointClouds(n_points, 3), DerivedRigidMotion())


def clouds(batch: int, n_points: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Tangent vectors and points."""
    generator = torch.Generator().manual_seed(0)
    v, x = torch.randn(2, batch, n_points, 3, generator=generator, dtype=torch.float64).to(dtype)
    return v, x


def compiled(function: Callable[..., Tensor], *arguments: Tensor) -> Call:
    """The function under torch.compile, compiled by a first call."""
    fast = torch.compile(function)
    fast(*arguments)
    return lambda: fast(*arguments)


def clone(x: Tensor) -> Candidate:
    """The unit of cost: to write the cloud once."""
    return Candidate("a clone of the input", lambda: x.clone)


def costs(
    dtype: torch.dtype, repeats: int, *, batch: int = BATCH, n_points: int = N_POINTS, compiles: bool = True
) -> Table:
    """Every way to project, in clones."""
    v, x = clouds(batch, n_points, dtype)
    closed, native = ShapeSpace(n_points, 3, native=False), ShapeSpace(n_points, 3)

    def kendall() -> Call:
        projection = kendall_projection(n_points)
        bent, tangent = preshape(x, v)
        return lambda: projection(tangent, bent)

    others = [
        Candidate("ShapeSpace, native kernel", lambda: quotient_projection(native, v, x), needs=("numba",)),
        Candidate(
            "ShapeSpace, native kernel, torch.compile",
            lambda: compiled(native.horizontal_projection, v, x),
            needs=("numba",),
        ),
        Candidate("ShapeSpace", lambda: lambda: closed.horizontal_projection(v, x)),
        Candidate("ShapeSpace, torch.compile", lambda: compiled(closed.horizontal_projection, v, x)),
        Candidate("GroupQuotient, derived from act", lambda: quotient_projection(derived(n_points), v, x)),
        Candidate("geomstats PreShapeBundle, rotations of pre-shapes", kendall),
    ]
    chosen = [other for other in others if compiles or "compile" not in other.name]
    name = str(dtype).removeprefix("torch.")
    with torch.no_grad():
        return race(f"Horizontal projection, {batch} x {n_points} x 3, {name}", clone(x), chosen, repeats)


def quotient_projection(quotient: OrbitSpace, v: Tensor, x: Tensor) -> Call:
    """The projection of a quotient, used once before it is timed."""
    quotient.horizontal_projection(v, x)
    return lambda: quotient.horizontal_projection(v, x)


def growth(sizes: tuple[int, ...], repeats: int) -> Table:
    """Cost against the number of points, as many points in all in every row; a line if it is linear."""
    calls: dict[str, Call] = {}
    for n_points in sizes:
        v, x = clouds(MOST_POINTS // n_points, n_points, torch.float64)
        calls[f"{n_points} clone"] = x.clone
        calls[f"{n_points} closed"] = quotient_projection(ShapeSpace(n_points, 3), v, x)
        calls[f"{n_points} derived"] = quotient_projection(derived(n_points), v, x)
    with torch.no_grad():
        found = in_turn(calls, max(3, repeats // 3))
    per_point = {
        (n, kind): found[f"{n} {kind}"].median / MOST_POINTS for n in sizes for kind in ("clone", "closed", "derived")
    }
    middle = sizes[len(sizes) // 2]
    rows = [
        Row(
            f"{n:,}",
            (
                float(MOST_POINTS // n),
                per_point[n, "closed"] / per_point[n, "clone"],
                per_point[n, "closed"] / per_point[middle, "closed"],
                per_point[n, "derived"] / per_point[middle, "derived"],
            ),
        )
        for n in sizes
    ]
    columns = (
        Column("clouds at once", Unit.COUNT),
        Column("ShapeSpace, in clones"),
        Column("ShapeSpace, time per point"),
        Column("derived, time per point"),
    )
    note = (
        f"{MOST_POINTS:,} points in all in every row. Time per point is that at {middle:,} points = 1: constant where "
        "the cost is linear. Medians, float64."
    )
    return Table("Horizontal projection against the number of points", "points", columns, tuple(rows), note)


def stretched(batch: int, n_points: int, condition: float) -> Tensor:
    """Centred clouds whose Gram matrix K of rotations has a given condition number, float32.

    With moments c_1 = 1 and c_2 = c_3 = e the eigenvalues of K are 2 e, 1 + e, 1 + e.
    """
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(batch, n_points, 3, generator=generator, dtype=torch.float64)
    frame = torch.linalg.qr(x - x.mean(-2, keepdim=True))[0]
    flat = 1.0 / (2.0 * condition - 1.0)
    turn = torch.linalg.qr(torch.randn(batch, 3, 3, generator=generator, dtype=torch.float64))[0]
    return (frame * torch.tensor([1.0, flat, flat], dtype=torch.float64).sqrt() @ turn).float()


def accuracy(*, batch: int = 64, n_points: int = 64) -> Table:
    """float32 against float64 on the same float32 inputs: the largest |error| / |v| of all clouds."""
    conditions = (1.0, 1e1, 1e2, 1e3, 1e4)
    spaces = {
        "ShapeSpace": ShapeSpace(n_points, 3, native=False),
        **({"ShapeSpace, native kernel": ShapeSpace(n_points, 3)} if find_spec("numba") else {}),
        "GroupQuotient, derived from act": derived(n_points),
    }
    v = torch.randn(batch, n_points, 3, generator=torch.Generator().manual_seed(2))

    def error(space: OrbitSpace, condition: float) -> float:
        x = stretched(batch, n_points, condition)
        low = space.horizontal_projection(v, x)
        high = space.horizontal_projection(v.double(), x.double())
        return float(((low.double() - high).flatten(1).norm(dim=1) / v.double().flatten(1).norm(dim=1)).max())

    rows = [Row(name, tuple(error(space, condition) for condition in conditions)) for name, space in spaces.items()]
    columns = tuple(Column(f"cond K = {condition:.0e}", Unit.ERROR) for condition in conditions)
    note = "Largest |error| / |v| of float32 against float64 on the same inputs; one unit in the last place is 1.2e-07."
    return Table("Accuracy of the projection in float32", "projection", columns, tuple(rows), note)
