"""Moments of clouds against orthonormal frames, and which of the two an item takes."""

import pytest
import torch
from torch import Tensor

from quotient import ShapeSpace
from quotient._cloud_moments import CloudMoments, cloud_moments, symmetric_inverse
from quotient._frame import log_pseudo_volume, project
from quotient._products import ArrayProduct

pytestmark = pytest.mark.usefixtures("kernels_or_tensors")


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def stretched(n: int, dim: int, thickness: float, *, seed: int = 0, count: int = 20) -> Tensor:
    """Clouds whose extents fall from one to ``thickness``, in random directions, off the origin."""
    extents = torch.logspace(0, 1, dim, dtype=torch.float64, base=thickness)
    turn = torch.linalg.qr(normal(seed + 1, count, dim, dim)).Q
    return normal(seed, count, n, dim) * extents @ turn + 3.0


def moments_of(space: ShapeSpace, x: Tensor) -> CloudMoments:
    return cloud_moments(space.total_space, space._basis(x), x, torch.finfo(torch.float64).eps)


@pytest.mark.parametrize("m", [1, 3, 6])
def test_inverses_are_those_of_the_library(m: int) -> None:
    root = normal(m, 30, m, m)
    matrix = root @ root.mT + 0.1 * torch.eye(m, dtype=torch.float64)
    torch.testing.assert_close(symmetric_inverse(matrix), torch.linalg.inv(matrix), rtol=1e-9, atol=1e-9)
    assert not symmetric_inverse(torch.zeros(2, m, m, dtype=torch.float64)).isfinite().any()


@pytest.mark.parametrize("dim", [2, 3, 4])
@pytest.mark.parametrize("thickness", [1.0, 0.1, 1e-2, 1e-3])
def test_projections_are_those_of_a_frame(dim: int, thickness: float) -> None:
    """To 1e-13 of the vector, also where the remainder refines them."""
    space, inner = ShapeSpace(12, dim), ArrayProduct(2)
    x, v = stretched(12, dim, thickness), normal(9, 20, 12, dim)
    moments = moments_of(space, x)
    assert moments.passed.all()
    moved, centered = space.center(v), space.center(x)
    frame = space._frame(x, centered)
    exact = moved - project(frame, moved, inner)
    size = v.flatten(1).norm(dim=1)
    once = moments.horizontal(v)
    refined = torch.where(moments.plain[:, None, None], once, moments.horizontal(once))
    error = (refined - exact).flatten(1).norm(dim=1) / size
    assert error.max() < 1e-13
    volume = log_pseudo_volume(frame, space._turns(centered), inner)
    torch.testing.assert_close(moments.log_volume(), volume, rtol=0, atol=1e-11)
    bent = space.mean_curvature(x)
    assert (bent - space.horizontal_projection(bent, x)).norm() < 1e-12 * bent.norm()


def test_thin_clouds_take_the_frame_and_the_others_do_not() -> None:
    """Which way an item takes, and so its result, depends on that item alone."""
    space = ShapeSpace(12, 3)
    # along an axis of the basis a thin cloud would only have one short generator, which is no obstacle
    oblique = torch.linalg.qr(torch.tensor([[1.0, 0, 0], [2, 1, 0], [3, 0, 1]], dtype=torch.float64)).Q.mT
    extents = torch.tensor([[1.0, 1.0, 1.0], [1, 4e-2, 4e-2], [1, 1e-3, 1e-3], [1, 1e-9, 1e-9]], dtype=torch.float64)
    x = (normal(0, 4, 4, 12, 3) * extents[:, None, None] @ oblique).flatten(0, 1) + 3.0
    line = torch.linspace(0, 1, 12, dtype=torch.float64)[:, None] * torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    x = torch.cat([x, line[None]])
    moments = moments_of(space, x)
    assert moments.plain[:4].all()
    assert moments.passed[:8].all()
    assert not moments.plain[4:8].all()
    assert not moments.passed[8:].any()
    v = normal(5, len(x), 12, 3)
    for function in (lambda p, w: space.horizontal_projection(w, p), lambda p, _: space.mean_curvature(p)):
        together = function(x, v)
        assert together.isfinite().all()
        for i in range(len(x)):
            alone = function(x[i], v[i])
            torch.testing.assert_close(together[i], alone, rtol=1e-12, atol=1e-12 * float(alone.abs().max()))


def test_gradients_beside_a_singular_cloud_are_those_without_it() -> None:
    space = ShapeSpace(5, 3)
    x = normal(6, 2, 5, 3)
    x[1] = x[1, :1]
    x.requires_grad_()
    v = normal(7, 2, 5, 3)
    (together,) = torch.autograd.grad(space.horizontal_projection(v, x).square().sum(), x)
    alone = x[0].detach().requires_grad_()
    (expected,) = torch.autograd.grad(space.horizontal_projection(v[0], alone).square().sum(), alone)
    assert together.isfinite().all()
    torch.testing.assert_close(together[0], expected, rtol=1e-11, atol=1e-11)
