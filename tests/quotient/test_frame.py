"""The two routes to frames, projections and curvatures agree, and each item takes its own whatever is beside it."""

import math

import pytest
import torch
from torch import Tensor

from groups import GroupAction, PhaseAction, RigidMotionAction, SpecialEuclidean, SpecialOrthogonal, Unitary
from quotient import (
    ComplexEuclidean,
    ComplexHypersphere,
    ComplexMatrices,
    Euclidean,
    GroupQuotient,
    Matrices,
    PointClouds,
    ShapeSpace,
)
from quotient._certificate import certify
from quotient._frame import Frame, _pivoted_frame, orthonormal_frame, project
from quotient._generic_direction import reach, rounding_noise
from quotient._products import ArrayProduct, gram_matrix
from quotient.strategies import CloudShape, random_cloud

EPS = torch.finfo(torch.float64).eps


def normal(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


class RigidMotion(GroupAction):
    """SE(d) on clouds with nothing but ``act``."""

    point_ndim = 2

    def __init__(self, dim: int = 3) -> None:
        self.rigid = SpecialEuclidean(dim)
        self.group = self.rigid

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return x @ self.rigid.rotation(g).mT + self.rigid.translation(g).unsqueeze(-2)


class VectorRotation(GroupAction):
    def __init__(self, n: int) -> None:
        self.group = SpecialOrthogonal(n)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.einsum("...ij,...j->...i", g, x)


class Conjugation(GroupAction):
    """Rows do not move by themselves."""

    point_ndim = 2

    def __init__(self, n: int) -> None:
        self.group = SpecialOrthogonal(n)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return g @ x @ g.mT


class Charges(GroupAction):
    """SO(2) turning the rows of N x 2 arrays, each at a speed of its own: all rows are affine, not all the same."""

    point_ndim = 2
    group = SpecialOrthogonal(2)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.cat([x[..., :2, :] @ g.mT, x[..., 2:, :] @ (g @ g @ g).mT], -2)


class UnitaryRows(GroupAction):
    """U(2) on rows of C^{N x 2}."""

    point_ndim = 2
    group = Unitary(2)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return x @ g.mT


def unit(x: Tensor) -> Tensor:
    return x / x.flatten(1).norm(dim=1)[:, None]


# the quotient, points, and whether all rows of a point are moved by one affine map
CASES: dict[str, tuple[GroupQuotient, Tensor, bool]] = {
    "SE(3) on clouds": (GroupQuotient(PointClouds(6, 3), RigidMotion()), normal(0, 5, 6, 3), True),
    "SO(4) on vectors": (GroupQuotient(Euclidean(4), VectorRotation(4)), normal(1, 5, 4), True),
    "phases": (GroupQuotient(ComplexEuclidean(3), PhaseAction()), normal(2, 5, 3, dtype=torch.complex128), True),
    "U(2) on rows": (
        GroupQuotient(ComplexMatrices(4, 2), UnitaryRows()),
        normal(3, 5, 4, 2, dtype=torch.complex128),
        True,
    ),
    "conjugation": (GroupQuotient(Matrices(3, 3), Conjugation(3)), normal(4, 5, 3, 3), False),
    "charges": (GroupQuotient(Matrices(4, 2), Charges()), normal(5, 5, 4, 2), False),
    "wide rows": (GroupQuotient(Euclidean(9), VectorRotation(9)), normal(6, 3, 9), False),
    "a sphere": (
        GroupQuotient(ComplexHypersphere(3), PhaseAction()),
        unit(normal(7, 5, 3, dtype=torch.complex128)),
        False,
    ),
}


def inner_of(quotient: GroupQuotient) -> ArrayProduct:
    return ArrayProduct(len(quotient.total_space.shape))


def slow_frame(quotient: GroupQuotient, x: Tensor, resolution: float = EPS) -> Frame:
    """The pivoted frame of the generators, whatever the certificate says."""
    fields, noise = rounding_noise(quotient.total_space, quotient.generators, x)
    return _pivoted_frame(fields, inner_of(quotient), noise, resolution)


def slow_curvature(quotient: GroupQuotient, x: Tensor) -> Tensor:
    frame, inner = slow_frame(quotient, x), inner_of(quotient)
    weights = torch.einsum("...ia,...inp->...anp", frame.coefficients, frame.vectors)
    gradient = torch.func.grad(lambda y: inner(weights, quotient.generators(y)).sum())(x)
    return project(frame, gradient, inner) - gradient


def sizes(vectors: Tensor) -> Tensor:
    return vectors.flatten(1).norm(dim=1)


def flattened_clouds(seed: int, count: int, flatness: float, offset: float) -> Tensor:
    """Clouds in random orientations, nearly collinear where ``flatness`` is small."""
    axes = torch.tensor([1.0, flatness, flatness], dtype=torch.float64)
    turns = torch.linalg.qr(normal(seed + 1, count, 3, 3))[0]
    return normal(seed, count, 6, 3) * axes @ turns + offset * torch.tensor([0.8, 0.5, 0.3], dtype=torch.float64)


@pytest.mark.parametrize("name", list(CASES))
def test_both_routes_give_one_frame(name: str) -> None:
    quotient, x, _ = CASES[name]
    inner = inner_of(quotient)
    v = quotient.total_space.to_tangent(normal(9, *x.shape, dtype=x.dtype), x)
    fast, slow, fields = quotient.vertical_frame(x), slow_frame(quotient, x), quotient.generators(x)
    assert torch.equal(fast.rank, slow.rank)
    # rotations of vectors have stabilisers, so their generators are dependent everywhere
    free = name not in ("SO(4) on vectors", "wide rows")
    assert bool((fast.coefficients.triu(1) == 0).all()) == free
    for frame in (fast, slow):
        spanned = torch.einsum("...ia,...ap->...ip", frame.coefficients.to(x.dtype), fields.flatten(2))
        torch.testing.assert_close(spanned, frame.vectors.flatten(2), rtol=0, atol=1e-13)
        gram = gram_matrix(frame.vectors, inner, inner.point_axes)
        torch.testing.assert_close(gram, torch.diag_embed(frame.kept.double()), rtol=0, atol=1e-14)
    expected = project(slow, v, inner)
    torch.testing.assert_close(project(fast, v, inner), expected, rtol=0, atol=1e-13)
    torch.testing.assert_close(quotient.vertical_projection(v, x), expected, rtol=0, atol=1e-13)
    if free:
        torch.testing.assert_close(fast.log_residuals.sum(-1), slow.log_residuals.sum(-1), rtol=0, atol=1e-13)


@pytest.mark.parametrize("name", list(CASES))
def test_row_maps_are_found_where_they_are(name: str) -> None:
    quotient, x, rowwise = CASES[name]
    known = quotient._generators.at(x, EPS).known
    assert (known is not None and known.maps is not None) == rowwise
    assert (known is None) == (not quotient.total_space.flat)
    if known is not None:
        fields, noise = rounding_noise(quotient.total_space, quotient.generators, x)
        found = reach(quotient.total_space, x).unsqueeze(-1) * known.spread
        # one direction or another: the size is what counts
        assert (found <= 4 * noise + 1e-15).all()
        assert (noise <= 4 * found + 1e-15).all()
        if known.maps is not None:
            rounding = 32 * torch.finfo(torch.float64).eps * float(x.abs().max())
            torch.testing.assert_close(known.maps.fields(x), fields, rtol=0, atol=rounding)


@pytest.mark.parametrize("offset", [0.0, 1e2, 1e4, 1e6])
@pytest.mark.parametrize("flatness", [1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5])
def test_routes_agree_to_rounding_amplified_by_the_condition(flatness: float, offset: float) -> None:
    quotient = CASES["SE(3) on clouds"][0]
    x, v = flattened_clouds(8, 32, flatness, offset), normal(9, 32, 6, 3)
    # the centroid is known to the offset's precision, which is the same for both routes
    expected = v - project(slow_frame(quotient, x), v, inner_of(quotient))
    got, curvature = quotient.horizontal_projection(v, x), slow_curvature(quotient, x)
    tolerance = 20 * EPS / flatness
    assert (sizes(got - expected) <= tolerance * sizes(v)).all()
    assert (sizes(quotient.mean_curvature(x) - curvature) <= 20 * EPS / flatness**2 * sizes(curvature)).all()
    close = 1e-12 + 20 * tolerance
    volume = slow_frame(quotient, x).log_residuals.sum(-1)
    torch.testing.assert_close(quotient.log_orbit_volume(x), volume, rtol=0, atol=close)


@pytest.mark.parametrize("offset", [0.0, 1.0, 30.0])
@pytest.mark.parametrize("condition", [1.0, 1e2, 1e4])
def test_single_precision_is_exact_to_its_own_rounding(condition: float, offset: float) -> None:
    quotient = CASES["SE(3) on clouds"][0]
    x = flattened_clouds(10, 64, condition**-0.5, offset).float()
    v = normal(11, 64, 6, 3).float()
    got = quotient.horizontal_projection(v, x)
    assert got.dtype == torch.float32
    expected = v.double() - project(slow_frame(quotient, x.double()), v.double(), ArrayProduct(2))
    assert (sizes(got.double() - expected) <= 1e-6 * sizes(v.double())).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_no_item_sees_its_neighbours(dtype: torch.dtype) -> None:
    """Generic, far, nearly singular and singular clouds in one batch, and each alone: same ranks, same numbers."""
    clouds = [
        random_cloud(shape, n_points=6, dim=3, offset=offset, scale=1.0, seed=12 + i).expand(6, 3)
        for i, shape in enumerate(CloudShape)
        for offset in (0.0, 3.0, 1e3)
    ]
    near = [flattened_clouds(13 + i, 3, flatness, 0.0) for i, flatness in enumerate((1e-2, 1e-4, 1e-7))]
    x = torch.cat([torch.stack(clouds), *near]).to(dtype)
    v = normal(17, *x.shape).to(dtype)
    # products of matrices are summed in another order for another number of items; the offset enters the volume
    amplified = torch.tensor([1.0, 3.0, 1e3] * len(CloudShape) + [1e2] * 3 + [1e4] * 3 + [1e7] * 3)
    quotient = CASES["SE(3) on clouds"][0]
    assert 3 < int(quotient.vertical_frame(x).kept.all(-1).sum()) < len(x) - 3
    for function in (
        lambda y, w: quotient.horizontal_projection(w, y),
        lambda y, w: quotient.mean_curvature(y),
        lambda y, w: quotient.log_orbit_volume(y),
        lambda y, w: quotient.orbit_dimension(y),
    ):
        together = function(x, v)
        alone = torch.stack([function(x[i], v[i]) for i in range(len(x))])
        gap = (together - alone).double().reshape(len(x), -1).norm(dim=1)
        size = 1 + alone.double().reshape(len(x), -1).norm(dim=1)
        assert (gap <= (torch.finfo(dtype).eps + 10 * EPS * amplified) * size).all()


def test_singular_clouds_keep_exactly_the_directions_that_exist() -> None:
    derived, closed = CASES["SE(3) on clouds"][0], ShapeSpace(6, 3)
    x = torch.stack(
        [random_cloud(shape, n_points=6, dim=3, offset=2.0, scale=1.0, seed=16).expand(6, 3) for shape in CloudShape]
    )
    v = normal(17, *x.shape)
    torch.testing.assert_close(derived.horizontal_projection(v, x), closed.horizontal_projection(v, x))
    torch.testing.assert_close(derived.mean_curvature(x), closed.mean_curvature(x))
    assert derived.orbit_dimension(x).tolist() == [6, 6, 5, 3, 3]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("seed", range(4))
def test_what_is_certified_is_kept_by_pivoting(seed: int, dtype: torch.dtype) -> None:
    """Over vectors from independent to dependent; some of either kind, or the certificate says nothing."""
    resolution = torch.finfo(dtype).eps
    scales = torch.logspace(0, -17, 300, dtype=torch.float64)[:, None]
    vectors = normal(20 + seed, 300, 4, 7)
    vectors[:, 3] = vectors[:, :3].sum(1) + scales * vectors[:, 3]
    noise = normal(30 + seed, 300, 4).abs() * (torch.arange(4) > 0)
    gram = gram_matrix(vectors, ArrayProduct(1), 1)
    factor, passed = certify(gram, torch.linalg.diagonal(gram).sqrt(), noise, resolution)
    slow = _pivoted_frame(vectors, ArrayProduct(1), noise, resolution)
    assert slow.kept[passed].all()
    assert 20 < int(passed.sum()) < 200
    assert not slow.kept.all()
    ones = factor[passed] @ gram[passed] @ factor[passed].mT
    torch.testing.assert_close(ones, torch.eye(4, dtype=torch.float64).expand_as(ones), rtol=0, atol=1e-8)
    frame = orthonormal_frame(vectors, ArrayProduct(1), noise, resolution)
    assert torch.equal(frame.kept.sum(-1), slow.kept.sum(-1))
    assert not certify(gram * math.nan, torch.ones_like(noise), noise, resolution)[1].any()


def test_padding_of_each_item_and_none_give_the_same() -> None:
    mask = torch.arange(7) < torch.tensor([7, 5, 3, 2, 1, 0])[:, None]
    x, v = normal(18, 6, 7, 3) + 4.0, normal(19, 6, 7, 3)
    for action in (RigidMotionAction(3, mask=mask), RigidMotion()):
        padded = GroupQuotient(PointClouds(7, 3, mask=mask), action)
        known = padded._generators.at(x, EPS).known
        assert known is not None
        assert known.maps is not None
        for i, count in enumerate([7, 5, 3, 2, 1]):
            bare = GroupQuotient(PointClouds(count, 3), RigidMotion())
            here, there = (v[i, :count], x[i, :count]), (v, x)
            exact = {"rtol": 0, "atol": 1e-13}
            part = padded.horizontal_projection(*there)[i]
            torch.testing.assert_close(part[:count], bare.horizontal_projection(*here), **exact)
            torch.testing.assert_close(padded.mean_curvature(x)[i, :count], bare.mean_curvature(here[1]), **exact)
            assert (part[count:] == 0).all()
        assert (padded.vertical_projection(v, x)[5] == 0).all()
