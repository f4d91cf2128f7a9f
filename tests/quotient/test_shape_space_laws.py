"""Laws of R^{N x d}/SE(d) on generic and singular clouds, at centroid offsets up to 1e6, in both precisions."""

import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from groups import GroupAction, SpecialEuclidean
from quotient import GroupQuotient, PointClouds, ShapeSpace
from quotient.strategies import CloudShape, point_clouds, random_cloud

pytestmark = pytest.mark.usefixtures("kernels_or_tensors")

DTYPES = [torch.float32, torch.float64]


class DerivedRigidMotion(GroupAction):
    """SE(d) with nothing but ``act`` written: no closed form enters."""

    point_ndim = 2

    def __init__(self, dim: int) -> None:
        self.rigid = SpecialEuclidean(dim)
        self.group = self.rigid

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return x @ self.rigid.rotation(g).mT + self.rigid.translation(g).unsqueeze(-2)


def normal(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def conditioning(x: Tensor) -> float:
    """Size of the coordinates over the smallest extent that turns the cloud: how much rounding is amplified."""
    space = ShapeSpace(*x.shape)
    centered = space.center(x.double())
    frame = space._frame(x, centered)
    resolved = frame.log_residuals[frame.kept]
    smallest = float(resolved.min().exp()) if len(resolved) else float("inf")
    return 1.0 + float(x.abs().max()) * math.sqrt(2.0 * len(x)) / smallest


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data(), seed=st.integers(0, 1000))
def test_projection_is_idempotent_and_self_adjoint(dtype: torch.dtype, data: st.DataObject, seed: int) -> None:
    x = data.draw(point_clouds(dtype=dtype))
    space = ShapeSpace(*x.shape)
    v, w = normal(seed, *x.shape, dtype=dtype), normal(seed + 1, *x.shape, dtype=dtype)
    eps = 20 * torch.finfo(dtype).eps
    pv, pw = space.horizontal_projection(v, x), space.horizontal_projection(w, x)
    assert (space.horizontal_projection(pv, x) - pv).norm() <= eps * v.norm()
    assert ((pv * w).sum() - (v * pw).sum()).abs() <= eps * v.norm() * w.norm()
    assert (space.vertical_projection(v, x) + pv - v).norm() <= eps * v.norm()
    assert (space.vertical_projection(v, x) * pv).sum().abs() <= eps * v.norm() ** 2


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data())
def test_projection_kills_every_generator(dtype: torch.dtype, data: st.DataObject) -> None:
    x = data.draw(point_clouds(dtype=dtype))
    space = ShapeSpace(*x.shape)
    generators = space.generators(x)
    reach = float(x.abs().max()) * math.sqrt(2 * len(x))
    sizes = torch.maximum(generators.flatten(1).norm(dim=1), torch.tensor(reach, dtype=dtype))
    left = space.horizontal_projection(generators, x).flatten(1).norm(dim=1)
    assert (left <= 40 * torch.finfo(dtype).eps * sizes).all()


@pytest.mark.parametrize("shape", list(CloudShape))
@pytest.mark.parametrize("offset", [0.0, 1.0, 1e3, 1e6])
def test_centred_rotations_are_killed_at_any_offset(shape: CloudShape, offset: float) -> None:
    """Relative to the turn of the cloud itself, not to the offset: in float64 even at 1e6."""
    x = random_cloud(shape, n_points=6, dim=3, offset=offset, scale=1.0, seed=3)
    turned = (x - x.mean(-2, keepdim=True)) @ normal(5, 3, 3).triu(1).sub(normal(5, 3, 3).triu(1).mT)
    assert ShapeSpace(*x.shape).horizontal_projection(turned, x).norm() <= 1e-9 * (1.0 + turned.norm())


@pytest.mark.parametrize("dtype", DTYPES)
@given(data=st.data(), seed=st.integers(0, 1000))
def test_projection_is_equivariant(dtype: torch.dtype, data: st.DataObject, seed: int) -> None:
    x = data.draw(point_clouds(dtype=dtype))
    eps = torch.finfo(dtype).eps
    space = ShapeSpace(*x.shape)
    group = SpecialEuclidean(3)
    g = group.random((), torch.Generator().manual_seed(seed), x.double())
    rotation = group.rotation(g)
    reach = 1.0 + x.abs().max().double()
    moved = (x.double() @ rotation.mT + reach * group.translation(g)).to(dtype)
    # rounding strikes at both points, and the second one may lie farther away
    amplified = max(conditioning(x), conditioning(moved))
    assume(amplified * eps < 1e-4)
    v = normal(seed + 2, *x.shape)
    expected = space.horizontal_projection(v, x) @ rotation.mT
    assert (space.horizontal_projection(v @ rotation.mT, moved) - expected).norm() <= 200 * eps * amplified * v.norm()


@given(x=point_clouds(), seed=st.integers(0, 1000))
def test_closed_form_equals_derived_quotient(x: Tensor, seed: int) -> None:
    derived = GroupQuotient(PointClouds(*x.shape), DerivedRigidMotion(3))
    closed = ShapeSpace(*x.shape)
    v = normal(seed, *x.shape)
    scale = float((x - x.mean(-2)).norm())
    curvature = closed.mean_curvature(x)
    assert torch.equal(closed.orbit_dimension(x), derived.orbit_dimension(x))
    assert (closed.horizontal_projection(v, x) - derived.horizontal_projection(v, x)).norm() <= 1e-10 * v.norm()
    assert (curvature - derived.mean_curvature(x)).norm() <= 1e-10 * (float(curvature.norm()) + 1e-300)
    # a stabiliser is seen only through the offset, hence to the precision of the offset
    slack = 1e-10 if conditioning(x) < 1e5 else 1e-8
    assert (closed.log_orbit_volume(x) - derived.log_orbit_volume(x)).abs() <= slack * (
        1 + abs(math.log(scale + 1e-300))
    )


@pytest.mark.parametrize("dim", [1, 2, 3, 4])
def test_closed_form_equals_derived_quotient_in_any_dimension(dim: int) -> None:
    x, v = normal(0, 4, 6, dim), normal(1, 4, 6, dim)
    derived = GroupQuotient(PointClouds(6, dim), DerivedRigidMotion(dim))
    closed = ShapeSpace(6, dim)
    torch.testing.assert_close(closed.generators(x), derived.generators(x), rtol=0, atol=1e-13)
    torch.testing.assert_close(closed.gram(x), derived.gram(x), rtol=0, atol=1e-12)
    torch.testing.assert_close(
        closed.horizontal_projection(v, x), derived.horizontal_projection(v, x), rtol=0, atol=1e-12
    )
    torch.testing.assert_close(closed.mean_curvature(x), derived.mean_curvature(x), rtol=0, atol=1e-12)
    torch.testing.assert_close(closed.log_orbit_volume(x), derived.log_orbit_volume(x), rtol=0, atol=1e-12)


def test_closed_forms_of_the_literature() -> None:
    """log V and H from the eigenvalues of x^T x, and the inertia tensor, in three dimensions."""
    x = normal(2, 7, 5, 3)
    centered = x - x.mean(-2, keepdim=True)
    space = ShapeSpace(5, 3)
    c = torch.linalg.eigvalsh(centered.mT @ centered)
    pairs = (c[:, 0] + c[:, 1]).log() + (c[:, 0] + c[:, 2]).log() + (c[:, 1] + c[:, 2]).log()
    torch.testing.assert_close(space.log_orbit_volume(x), 0.5 * pairs + 1.5 * math.log(5), rtol=0, atol=1e-12)
    inertia = c.sum(-1)[:, None, None] * torch.eye(3, dtype=torch.float64) - centered.mT @ centered
    inverse = torch.linalg.inv(inertia)
    trace = torch.diagonal(inverse, dim1=-2, dim2=-1).sum(-1)[:, None, None]
    torch.testing.assert_close(space.mean_curvature(x), centered @ inverse - trace * centered, rtol=0, atol=1e-12)


@given(x=point_clouds(n_points=st.integers(4, 9), max_log10_offset=3.0))
def test_growth_identity_without_monte_carlo(x: Tensor) -> None:
    """tr P - <x, H> = 3 (N - 1) at regular clouds, for the invariant |x|^2 of the centred cloud."""
    space = ShapeSpace(*x.shape)
    assume(bool(space.stratum(x).regular))
    count = x.numel()
    basis = torch.eye(count, dtype=x.dtype).reshape(count, *x.shape)
    trace = (space.horizontal_projection(basis, x) * basis).sum()
    curvature = space.mean_curvature(x)
    growth = trace - (space.center(x) * curvature).sum()
    assert abs(float(growth) - 3 * (len(x) - 1)) < 1e-8


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", list(CloudShape))
def test_padding_changes_nothing(shape: CloudShape, dtype: torch.dtype) -> None:
    x = random_cloud(shape, n_points=5, dim=3, offset=2.0, scale=1.0, seed=11).to(dtype)
    count = len(x)
    v, y = normal(1, count, 3, dtype=dtype), normal(2, count, 3, dtype=dtype)
    mask = torch.arange(count + 3) < count

    def pad(array: Tensor) -> Tensor:
        return torch.cat([array, torch.full((3, 3), float("nan"), dtype=dtype)])

    bare, padded = ShapeSpace(count, 3), ShapeSpace(count + 3, 3, mask=mask)
    tight = {"rtol": 0, "atol": 4 * torch.finfo(dtype).eps}
    pairs = [
        (bare.horizontal_projection(v, x), padded.horizontal_projection(pad(v), pad(x))),
        (bare.vertical_projection(v, x), padded.vertical_projection(pad(v), pad(x))),
        (bare.mean_curvature(x), padded.mean_curvature(pad(x))),
        (bare.center(x), padded.center(pad(x))),
    ]
    for expected, got in pairs:
        torch.testing.assert_close(got[:count], expected, **tight)
        assert (got[count:] == 0).all()
    torch.testing.assert_close(padded.log_orbit_volume(pad(x)), bare.log_orbit_volume(x), **tight)
    torch.testing.assert_close(padded.gram(pad(x)), bare.gram(x), rtol=4 * torch.finfo(dtype).eps, atol=1e-5)
    torch.testing.assert_close(padded.dist(pad(x), pad(y)), bare.dist(x, y), rtol=0, atol=40 * torch.finfo(dtype).eps)
    assert torch.equal(padded.orbit_dimension(pad(x)), bare.orbit_dimension(x))


@pytest.mark.parametrize("batch", [(), (1,), (4,), (2, 3)])
def test_batches_and_broadcasts(batch: tuple[int, ...]) -> None:
    x, v = normal(1, *batch, 5, 3), normal(2, 5, 3)
    space = ShapeSpace(5, 3)
    got = space.horizontal_projection(v, x)
    assert got.shape == x.shape
    one_by_one = torch.stack([space.horizontal_projection(v, each) for each in x.reshape(-1, 5, 3)])
    torch.testing.assert_close(got.reshape(-1, 5, 3), one_by_one, rtol=0, atol=1e-14)
    assert space.log_orbit_volume(x).shape == batch
    assert space.horizontal_projection(x, x[(0,) * len(batch)]).shape == x.shape


@pytest.mark.parametrize("condition", [1.0, 1e2, 1e4])
def test_single_precision_is_exact_to_its_own_rounding(condition: float) -> None:
    x = normal(4, 64, 8, 3) * torch.tensor([1.0, 1.0, 1.0 / math.sqrt(condition)], dtype=torch.float64)
    x[..., 1] /= math.sqrt(condition)
    x, v = x.float(), normal(5, 64, 8, 3, dtype=torch.float32)
    space = ShapeSpace(8, 3)
    single = space.horizontal_projection(v, x).double()
    double = space.horizontal_projection(v.double(), x.double())
    assert ((single - double).flatten(1).norm(dim=1) <= 1e-6 * v.double().flatten(1).norm(dim=1)).all()


@pytest.mark.parametrize(
    "shape", [CloudShape.COLLINEAR, CloudShape.COINCIDENT, CloudShape.ONE_POINT, CloudShape.PLANAR]
)
def test_singular_clouds_lose_exactly_the_missing_directions(shape: CloudShape) -> None:
    x = random_cloud(shape, n_points=5, dim=3, offset=3.0, scale=1.0, seed=1)
    space = ShapeSpace(*x.shape)
    basis = torch.eye(x.numel(), dtype=torch.float64).reshape(-1, *x.shape)
    rank = float((space.vertical_projection(basis, x) * basis).sum())
    expected = {
        CloudShape.COLLINEAR: 5,
        CloudShape.COINCIDENT: 3,
        CloudShape.ONE_POINT: 3,
        CloudShape.PLANAR: 6,
    }
    assert abs(rank - expected[shape]) < 1e-10
    assert int(space.orbit_dimension(x)) == expected[shape]
    # every cloud of one point is as regular as clouds of one point get
    assert bool(space.stratum(x).regular) == (shape in (CloudShape.PLANAR, CloudShape.ONE_POINT))


def test_gradients_match_finite_differences_and_stay_finite_on_singular_clouds() -> None:
    x, v = normal(7, 4, 3), normal(8, 4, 3)
    space = ShapeSpace(4, 3)
    for function in (
        lambda y: space.horizontal_projection(v, y),
        space.mean_curvature,
        space.log_orbit_volume,
        lambda y: space.align(y, v).point,
        lambda y: space.align(v, y).point,
        lambda y: space.dist(y, v),
    ):
        assert torch.autograd.gradcheck(function, (x.clone().requires_grad_(),), atol=1e-6)
    assert torch.autograd.gradgradcheck(lambda y: space.horizontal_projection(v, y), (x.clone().requires_grad_(),))
    for shape in CloudShape:
        cloud = random_cloud(shape, n_points=4, dim=3, offset=1.0, scale=1.0, seed=2).requires_grad_()
        field = normal(9, *cloud.shape)
        shape_space = ShapeSpace(*cloud.shape)
        total = (
            shape_space.horizontal_projection(field, cloud).pow(2).sum()
            + shape_space.mean_curvature(cloud).pow(2).sum()
        )
        (gradient,) = torch.autograd.grad(total + shape_space.log_orbit_volume(cloud), cloud)
        assert gradient.isfinite().all()


def test_gradient_along_the_collinear_stratum() -> None:
    """Stretching a collinear cloud: d/ds log vol = 2 and H scales as 1/s, derivatives included."""
    line = random_cloud(CloudShape.COLLINEAR, n_points=5, dim=3, offset=0.0, scale=1.0, seed=5)
    space = ShapeSpace(5, 3)
    s = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(space.log_orbit_volume(line * s.exp()), s)
    assert abs(float(slope) - 2.0) < 1e-12
    size = (space.center(line) ** 2).sum()
    torch.testing.assert_close(space.mean_curvature(line), -2 * space.center(line) / size, rtol=0, atol=1e-13)
    (slope,) = torch.autograd.grad((space.mean_curvature(line * s.exp()) * line).sum(), s)
    expected = 2 * float((space.center(line) * line).sum() / size)
    assert abs(float(slope) - expected) < 1e-12


@given(x=point_clouds(n_points=st.just(6), max_log10_offset=2.0), seed=st.integers(0, 100))
def test_alignment_is_the_nearest_proper_motion(x: Tensor, seed: int) -> None:
    space = ShapeSpace(*x.shape)
    target = normal(seed, *x.shape) * x.sub(x.mean(-2)).norm().clamp_min(1e-3)
    aligned = space.align(x, target).point
    distance = (aligned - target).norm()
    group = SpecialEuclidean(3)
    g = group.random((200,), torch.Generator().manual_seed(seed), x)
    rivals = space.center(x) @ group.rotation(g).mT + target.mean(-2)
    assert (distance <= (rivals - target).flatten(1).norm(dim=1) + 1e-9).all()
    mirror = x * torch.tensor([1.0, 1.0, -1.0], dtype=x.dtype)
    gaps = torch.cdist(aligned, aligned) - torch.cdist(x, x)
    assert gaps.abs().max() <= 1e-9 * (1 + x.abs().max())
    assert space.dist(x, target) <= space.dist(x, mirror) + space.dist(mirror, target) + 1e-9


def test_enantiomers_are_distinct_points() -> None:
    x = normal(3, 5, 3)
    assert float(ShapeSpace(5, 3).dist(x, x * torch.tensor([1.0, 1.0, -1.0]))) > 0.1
