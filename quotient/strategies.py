"""Hypothesis strategies of points, group elements and tangent vectors, for tests of one's own quotients."""

from __future__ import annotations

import enum

import torch
from hypothesis import strategies as st
from torch import Tensor

from groups import Group
from groups.trials import SPOILERS, draw_elements
from quotient.total_space import TotalSpace


class CloudShape(enum.Enum):
    """How a point cloud degenerates."""

    GENERIC = "generic"
    PLANAR = "planar"
    COLLINEAR = "collinear"
    COINCIDENT = "coincident"
    ONE_POINT = "one point"


_SPAN = {CloudShape.PLANAR: 2, CloudShape.COLLINEAR: 1, CloudShape.COINCIDENT: 0, CloudShape.ONE_POINT: 0}


def random_cloud(shape: CloudShape, *, n_points: int, dim: int, offset: float, scale: float, seed: int) -> Tensor:
    """A random cloud of a given shape in a random orientation, float64, ``[n_points, dim]``.

    Args:
        shape: how it degenerates; ``ONE_POINT`` ignores ``n_points``.
        n_points: number of points.
        dim: dimension of the space.
        offset: distance of the centroid from the origin.
        scale: size of the cloud.
        seed: of the generator.
    """
    generator = torch.Generator().manual_seed(seed)

    def normal(*size: int) -> Tensor:
        return torch.randn(*size, generator=generator, dtype=torch.float64)

    count = 1 if shape is CloudShape.ONE_POINT else n_points
    span = min(_SPAN.get(shape, dim), dim)
    frame = torch.linalg.qr(normal(dim, dim))[0][:span]
    direction = normal(dim)
    return scale * normal(count, span) @ frame + offset * direction / direction.norm()


def point_clouds(
    *,
    n_points: st.SearchStrategy[int] | None = None,
    dim: int = 3,
    max_log10_offset: float = 6.0,
    dtype: torch.dtype = torch.float64,
) -> st.SearchStrategy[Tensor]:
    """Generic and singular point clouds at offsets from 0 to ``10 ** max_log10_offset`` and of sizes 1e-3 to 1e3.

    Args:
        n_points: strategy of the number of points; 2 to 9 by default.
        dim: dimension of the space.
        max_log10_offset: decimal logarithm of the largest offset of the centroid, in units of the size.
        dtype: of the points.
    """
    offsets = st.one_of(st.just(0.0), st.floats(-2.0, max_log10_offset).map(lambda power: 10.0**power))

    def build(shape: CloudShape, count: int, offset: float, log_scale: float, seed: int) -> Tensor:
        scale = 10.0**log_scale
        cloud = random_cloud(shape, n_points=count, dim=dim, offset=offset * scale, scale=scale, seed=seed)
        return cloud.to(dtype)

    return st.builds(
        build,
        st.sampled_from(CloudShape),
        st.integers(2, 9) if n_points is None else n_points,
        offsets,
        st.floats(-3.0, 3.0),
        st.integers(0, 2**31),
    )


def points(space: TotalSpace, *, dtype: torch.dtype | None = None) -> st.SearchStrategy[Tensor]:
    """Points of any total space; on flat ones also tiny, huge, far, integer, singular and nearly singular ones.

    Args:
        space: M.
        dtype: of the points; that of ``space.random_point`` by default.
    """

    def build(kind: str, seed: int) -> Tensor:
        x = space.random_point(space.batch_shape, torch.Generator().manual_seed(seed))
        x = space.to_tangent(SPOILERS[kind](x), x) if space.flat else x
        return x if dtype is None else x.to(dtype)

    return st.builds(build, st.sampled_from(list(SPOILERS) if space.flat else ["generic"]), st.integers(0, 2**31))


def group_elements(group: Group, *, dtype: torch.dtype = torch.float64) -> st.SearchStrategy[Tensor]:
    """Group elements: random ones, and exponentials near and far from the identity.

    Args:
        group: G.
        dtype: precision of the elements; complex where the group is.
    """
    like = torch.zeros((), dtype=dtype)

    def build(kind: int, seed: int) -> Tensor:
        return draw_elements(group, 4, generator=torch.Generator().manual_seed(seed), like=like)[kind]

    return st.builds(build, st.integers(0, 3), st.integers(0, 2**31))


def tangent_vectors(space: TotalSpace, base_point: Tensor) -> st.SearchStrategy[Tensor]:
    """Normal tangent vectors at a point, of sizes 1e-6 to 1e6.

    Args:
        space: M.
        base_point: x, shape ``[..., *point_shape]``.
    """

    def build(log_size: float, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        normal = torch.randn(base_point.shape, generator=generator, dtype=base_point.dtype)
        return 10.0**log_size * space.to_tangent(normal, base_point)

    return st.builds(build, st.floats(-6.0, 6.0), st.integers(0, 2**31))
