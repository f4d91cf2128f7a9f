"""Mean curvature and log volume of the orbits of rigid motions, in clones of the cloud."""

from __future__ import annotations

import torch

from quotient import OrbitSpace, ShapeSpace
from tests.benchmarks.racing import Call, Candidate, race
from tests.benchmarks.rows_projection import BATCH, N_POINTS, clone, clouds, compiled, derived
from tests.benchmarks.tables import Table


def measure(repeats: int) -> list[Table]:
    """Both quantities in both precisions."""
    return [costs(dtype, repeats) for dtype in (torch.float64, torch.float32)]


def costs(
    dtype: torch.dtype, repeats: int, *, batch: int = BATCH, n_points: int = N_POINTS, compiles: bool = True
) -> Table:
    """The closed form, eager and compiled, and what follows from ``act``."""
    _, x = clouds(batch, n_points, dtype)
    closed, native = ShapeSpace(n_points, 3, native=False), ShapeSpace(n_points, 3)

    def curvature(space: OrbitSpace) -> Call:
        space.mean_curvature(x)
        return lambda: space.mean_curvature(x)

    def volume(space: OrbitSpace) -> Call:
        space.log_orbit_volume(x)
        return lambda: space.log_orbit_volume(x)

    others = [
        Candidate("mean curvature, ShapeSpace, native kernel", lambda: curvature(native), needs=("numba",)),
        Candidate(
            "mean curvature, ShapeSpace, native kernel, torch.compile",
            lambda: compiled(native.mean_curvature, x),
            needs=("numba",),
        ),
        Candidate("mean curvature, ShapeSpace", lambda: curvature(closed)),
        Candidate("mean curvature, ShapeSpace, torch.compile", lambda: compiled(closed.mean_curvature, x)),
        Candidate("mean curvature, derived from act", lambda: curvature(derived(n_points))),
        Candidate("log volume, ShapeSpace", lambda: volume(closed)),
        Candidate("log volume, ShapeSpace, torch.compile", lambda: compiled(closed.log_orbit_volume, x)),
        Candidate("log volume, derived from act", lambda: volume(derived(n_points))),
    ]
    chosen = [other for other in others if compiles or "compile" not in other.name]
    name = str(dtype).removeprefix("torch.")
    with torch.no_grad():
        return race(f"Curvature and volume, {batch} x {n_points} x 3, {name}", clone(x), chosen, repeats)
