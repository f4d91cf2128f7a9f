"""Cost of projections and mean curvatures, as ratios to geomstats' hand-written Kendall projection.

Run by path, on a machine that does nothing else: ``python tests/benchmarks/bench_projection.py``. One thread. All
candidates of a row are timed in turn, many times over, so that drifts of the machine meet all of them; a ratio is one
of medians. Kendall's projection divides out rotations of centred clouds of unit norm, ours rigid motions of any cloud.
Nothing is asserted.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from groups import GroupAction, SpecialEuclidean
from quotient import GroupQuotient, OrbitSpace, PointClouds, ShapeSpace

SIZES = ((256, 8), (256, 64), (256, 256), (16, 64), (1, 64))


class DerivedRigidMotion(GroupAction):
    """SE(3) on clouds, as a user writes it: nothing but ``act``."""

    point_ndim = 2

    def __init__(self) -> None:
        self.rigid = SpecialEuclidean(3)
        self.group = self.rigid

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return x @ self.rigid.rotation(g).mT + self.rigid.translation(g).unsqueeze(-2)


class WrittenRigidMotion(DerivedRigidMotion):
    """The same with its generators written by hand."""

    def infinitesimal(self, x: Tensor) -> Tensor:
        basis = self.group.basis_like(x)
        turns = torch.einsum("...nj,aij->a...ni", x, basis[:, :3, :3])
        return turns + basis[:, :3, 3].reshape(-1, *(1,) * (x.ndim - 1), 3)


def kendall_projection(n_points: int) -> Callable[[Tensor, Tensor], Tensor]:
    """geomstats' ``horizontal_projection(tangent_vec, base_point)`` of Kendall's pre-shapes."""
    from geomstats.geometry.pre_shape import PreShapeSpace

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        space = PreShapeSpace(n_points, 3)
        space.equip_with_group_action("rotations")
        space.equip_with_quotient()
    return space.fiber_bundle.horizontal_projection


def preshape(x: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """The centred cloud of unit norm, and the tangent vector there."""
    x, v = x - x.mean(-2, keepdim=True), v - v.mean(-2, keepdim=True)
    x = x / x.flatten(1).norm(dim=1)[:, None, None]
    return x, v - (x * v).sum((-2, -1), keepdim=True) * x


def candidates(batch: int, n_points: int) -> dict[str, Callable[[], Tensor]]:
    """What is timed at one size, the reference first."""
    generator = torch.Generator().manual_seed(0)
    x, v = torch.randn(2, batch, n_points, 3, generator=generator, dtype=torch.float64)
    bent, tangent = preshape(x, v)
    clouds = PointClouds(n_points, 3)
    action = DerivedRigidMotion()
    derived, written = GroupQuotient(clouds, action), GroupQuotient(clouds, WrittenRigidMotion())
    closed, theirs = ShapeSpace(n_points, 3), kendall_projection(n_points)

    def projection(quotient: OrbitSpace, dtype: torch.dtype) -> Callable[[], Tensor]:
        point, vector = x.to(dtype), v.to(dtype)
        return lambda: quotient.horizontal_projection(vector, point)

    point, vector = bent.float(), tangent.float()
    return {
        "geomstats Kendall, P": lambda: theirs(tangent, bent),
        "geomstats Kendall, P, float32": lambda: theirs(vector, point),
        "derived, P": projection(derived, torch.float64),
        "derived, P, float32": projection(derived, torch.float32),
        "derived, P, first use": lambda: GroupQuotient(clouds, action).horizontal_projection(v, x),
        "written generators, P": projection(written, torch.float64),
        "closed form, P": projection(closed, torch.float64),
        "derived, H": lambda: derived.mean_curvature(x),
        "closed form, H": lambda: closed.mean_curvature(x),
        "derived, log volume": lambda: derived.log_orbit_volume(x),
        "derived, frame": lambda: derived.vertical_frame(x).vectors,
    }


def medians(functions: dict[str, Callable[[], Tensor]], repeats: int) -> dict[str, float]:
    """Median seconds of each function, timed in turn."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(repeats + 3):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found[3:]) for name, found in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=60)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    table = Table(
        "batch x points", "what", "median ms", "ratio", title="cost relative to geomstats' Kendall projection"
    )
    with torch.no_grad():
        for batch, n_points in SIZES:
            found = medians(candidates(batch, n_points), repeats)
            reference = next(iter(found.values()))
            for name, seconds in found.items():
                table.add_row(f"{batch} x {n_points}", name, f"{1e3 * seconds:.3f}", f"{seconds / reference:.2f}")
            table.add_section()
    Console().print(table)


if __name__ == "__main__":
    main()
