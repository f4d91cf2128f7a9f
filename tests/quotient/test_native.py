"""Compiled kernels of rigid motions against the closed form on tensors, and where they stand aside."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.autograd import forward_ad

from quotient import ShapeSpace
from quotient._native import native_horizontal, native_mean_curvature
from tests.quotient.compiled_graphs import CHECKS, DTYPES, both, normal

pytest.importorskip("numba", reason="pip install -e '.[native]'")


@pytest.fixture(scope="module", autouse=True)
def kernels() -> None:
    """Compiled before any example is timed."""
    for dtype, _ in DTYPES:
        for mask in (None, torch.ones(2, dtype=torch.bool)):
            x = normal(1, 2, 3, dtype=dtype)
            assert native_horizontal(x, x, mask) is not None
            assert native_mean_curvature(x, mask) is not None


@given(
    n=st.integers(1, 9),
    items=st.integers(0, 4),
    spread=st.floats(-3, 3),
    offset=st.floats(-4, 4),
    flat=st.sampled_from([1.0, 0.3, 1e-2, 1e-5, 0.0]),
    padded=st.booleans(),
    dtype=st.sampled_from(DTYPES),
    seed=st.integers(0, 2**31),
)
def test_kernels_are_the_closed_form(
    *,
    n: int,
    items: int,
    spread: float,
    offset: float,
    flat: float,
    padded: bool,
    dtype: tuple[torch.dtype, float],
    seed: int,
) -> None:
    kind, tolerance = dtype
    shape = torch.tensor([1.0, flat, flat], dtype=torch.float64)
    x = (10**spread * (normal(items, n, 3, seed=seed) * shape + 10**offset)).to(kind)
    v = normal(items, n, 3, seed=seed + 1, dtype=kind)
    mask = normal(items, n, seed=seed + 2) > 0 if padded else None
    if mask is not None:
        x, v = (torch.where(mask.unsqueeze(-1), one, torch.nan) for one in (x, v))
    fast, slow = both(n, mask)
    difference = fast.horizontal_projection(v, x) - slow.horizontal_projection(v, x)
    assert (difference.flatten(1).norm(dim=1) <= tolerance * v.nan_to_num().flatten(1).norm(dim=1)).all()
    bent = slow.mean_curvature(x)
    difference = fast.mean_curvature(x) - bent
    # H is known as far as the centred cloud is, which a far centroid spoils
    known = tolerance * (1 + 10**offset) * 1e3 if kind is torch.float64 else 1e-6
    assert (difference.flatten(1).norm(dim=1) <= known * bent.flatten(1).norm(dim=1) + 1e-300).all()


def test_an_item_that_is_not_good_for_a_kernel_is_left_at_zero_and_taken_by_the_frame() -> None:
    x, v = normal(3, 6, 3), normal(3, 6, 3, seed=1)
    x[1, :, 1:] = 0
    found = native_horizontal(v, x, None)
    assert found is not None
    assert found[1].tolist() == [True, False, True]
    assert not found[0][1].any()
    fast, slow = both(6)
    torch.testing.assert_close(
        fast.horizontal_projection(v, x), slow.horizontal_projection(v, x), rtol=1e-12, atol=1e-12
    )
    torch.testing.assert_close(fast.mean_curvature(x), slow.mean_curvature(x), rtol=1e-12, atol=1e-12)
    assert torch.equal(fast.horizontal_projection(v, x)[0], fast.horizontal_projection(v[:1], x[:1])[0])


@pytest.mark.parametrize(("dtype", "tolerance"), DTYPES)
def test_batches_broadcast(dtype: torch.dtype, tolerance: float) -> None:
    x, v = normal(2, 1, 5, 3, dtype=dtype), normal(4, 5, 3, seed=1, dtype=dtype)
    mask = torch.tensor([[True] * 5, [True] * 4 + [False]])[:, None]
    fast, slow = both(5, mask)
    projected = fast.horizontal_projection(v, x)
    assert projected.shape == (2, 4, 5, 3)
    torch.testing.assert_close(projected, slow.horizontal_projection(v, x), rtol=tolerance, atol=10 * tolerance)
    bent = fast.mean_curvature(x[:, 0, :, :])
    assert bent.shape == slow.mean_curvature(x[:, 0, :, :]).shape


def test_strided_and_single_clouds() -> None:
    x, v = normal(3, 7), normal(14, 3)[::2]
    fast, slow = both(7)
    torch.testing.assert_close(fast.horizontal_projection(v, x.mT), slow.horizontal_projection(v, x.mT))
    torch.testing.assert_close(fast.mean_curvature(x.mT), slow.mean_curvature(x.mT))


def test_derivatives_with_respect_to_the_vector_of_every_order() -> None:
    space, x = ShapeSpace(4, 3), normal(2, 4, 3)
    x[1, :, 1:] = 0
    v = normal(2, 4, 3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda v: space.horizontal_projection(v, x), v)
    assert torch.autograd.gradgradcheck(lambda v: space.horizontal_projection(v, x).pow(3), v)


def test_a_derivative_with_respect_to_the_point_takes_the_closed_form() -> None:
    space, v = ShapeSpace(4, 3), normal(4, 3, seed=1)
    x = normal(4, 3).requires_grad_()
    assert native_horizontal(v, x, None) is None
    assert native_mean_curvature(x, None) is None
    assert torch.autograd.gradcheck(lambda x: space.horizontal_projection(v, x), x)
    with torch.no_grad():
        assert native_horizontal(v, x, None) is not None


def test_transforms_of_functions_take_the_closed_form() -> None:
    space, slow = both(4)
    x, v = normal(5, 4, 3), normal(5, 4, 3, seed=1)
    want = slow.horizontal_projection(v, x)
    torch.testing.assert_close(torch.func.vmap(space.horizontal_projection)(v, x), want)
    torch.testing.assert_close(torch.func.vmap(space.mean_curvature)(x), slow.mean_curvature(x))
    torch.testing.assert_close(
        torch.func.jvp(lambda x: space.horizontal_projection(v, x), (x,), (v,)),
        torch.func.jvp(lambda x: slow.horizontal_projection(v, x), (x,), (v,)),
    )
    torch.testing.assert_close(
        torch.func.grad(lambda x: space.mean_curvature(x).pow(2).sum())(x),
        torch.func.grad(lambda x: slow.mean_curvature(x).pow(2).sum())(x),
    )


def test_dual_numbers_take_the_closed_form() -> None:
    space, slow = both(4)
    x, v = normal(4, 3), normal(4, 3, seed=1)
    tangents = []
    for one in (space, slow):
        with forward_ad.dual_level():
            moved = one.horizontal_projection(v, forward_ad.make_dual(x, v))
            tangents.append(forward_ad.unpack_dual(moved).tangent)
    assert tangents[0] is not None
    torch.testing.assert_close(tangents[0], tangents[1])


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_compiled_graphs(check: Callable[[], None]) -> None:
    """Without the type checks of the tests, which no graph can be made of."""
    command = [sys.executable, "-c", f"from tests.quotient.compiled_graphs import {check.__name__} as check; check()"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_mixed_precision_and_other_dimensions_take_the_closed_form() -> None:
    assert native_horizontal(normal(4, 3, dtype=torch.float32), normal(4, 3), None) is None
    plane = ShapeSpace(4, 2)
    v, x = normal(4, 2), normal(4, 2, seed=1)
    assert torch.equal(plane.horizontal_projection(v, x), ShapeSpace(4, 2, native=False).horizontal_projection(v, x))


def test_numba_is_imported_at_the_first_projection_and_can_be_missing_or_without_a_folder() -> None:
    script = """
import sys, torch
from quotient import ShapeSpace
space, x = ShapeSpace(4, 3), torch.randn(4, 3)
assert "numba" not in sys.modules
if sys.argv[1] == "without":
    sys.modules["numba"] = None
space.horizontal_projection(x, x), space.mean_curvature(x)
assert ("quotient._rigid_kernels" in sys.modules) == (sys.argv[1] == "with")
"""
    nowhere = {"NUMBA_CACHE_DIR": os.devnull + "/none", "NUMBA_CACHE_LOCATOR_CLASSES": "UserProvidedCacheLocator"}
    for how, variables in (("with", {}), ("without", {}), ("nowhere", nowhere)):
        done = subprocess.run(
            [sys.executable, "-c", script, how],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
