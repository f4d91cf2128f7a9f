"""Curved total spaces: projections, geodesics, connections and curvatures, by two routes each."""

import math
import warnings

import pytest
import torch
from geomstats.geometry.hypersphere import Hypersphere as GeomstatsHypersphere
from geomstats.geometry.poincare_ball import PoincareBall
from geomstats.geometry.stiefel import Stiefel as GeomstatsStiefel
from torch import Tensor

from quotient import (
    CenteredClouds,
    ComplexHypersphere,
    EmbeddedSpace,
    GeometryError,
    GeomstatsSpace,
    HermitianMatrices,
    HyperbolicHalfSpace,
    Hypersphere,
    PeriodicClouds,
    PointShapeError,
    PreShapes,
    RotationMatrices,
    SPDMatrices,
    Stiefel,
    SymmetricMatrices,
    TotalSpace,
)

CELL = torch.tensor([[1.0, 0.3], [0.0, 2.0]])
SPACES: dict[str, TotalSpace] = {
    "S3": Hypersphere(3),
    "complex S3": ComplexHypersphere(2),
    "pre-shapes": PreShapes(4, 3),
    "Stiefel": Stiefel(5, 2),
    "Stiefel, square": Stiefel(3, 3),
    "SO(3)": RotationMatrices(3),
    "SO(5)": RotationMatrices(5),
    "Hermitian": HermitianMatrices(3),
    "symmetric": SymmetricMatrices(3),
    "centred": CenteredClouds(4, 2),
    "SPD": SPDMatrices(3),
    "half plane": HyperbolicHalfSpace(2),
    "geomstats S3": GeomstatsSpace(GeomstatsHypersphere(3)),
    "geomstats Stiefel": GeomstatsSpace(GeomstatsStiefel(4, 2)),
    "Poincare ball": GeomstatsSpace(PoincareBall(2)),
    "periodic": PeriodicClouds(3, CELL),
}
EACH = pytest.mark.parametrize("name", list(SPACES))


def normal(space: TotalSpace, count: int, seed: int, *, is_complex: bool) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    dtype = torch.complex128 if is_complex else torch.float64
    return torch.randn(count, *space.shape, generator=generator, dtype=dtype)


def drawn(name: str, seed: int = 0) -> tuple[TotalSpace, Tensor, list[Tensor]]:
    """A space, six points of it and three tangent vectors of about unit length at each."""
    space = SPACES[name]
    x = space.random_point((6,), torch.Generator().manual_seed(seed))
    vectors = [space.white_noise(normal(space, 6, 10 * seed + k, is_complex=x.is_complex()), x) for k in range(1, 4)]
    return space, x, [0.3 * v for v in vectors]


def size(array: Tensor) -> float:
    return float(array.abs().max())


@EACH
def test_tangent_projection(name: str) -> None:
    space, x, (u, v, _) = drawn(name)
    raw = normal(space, 6, 99, is_complex=x.is_complex())
    assert size(space.to_tangent(space.to_tangent(raw, x), x) - space.to_tangent(raw, x)) < 1e-14
    gap = space.inner_product(space.to_tangent(raw, x), v, x) - space.inner_product(raw, v, x)
    assert size(gap) < 1e-12
    trace = space.inner_product(space.parseval_frame(x), space.parseval_frame(x), x).sum(0)
    assert size(trace - space.dim) < 1e-11
    assert size(space.to_tangent(u, x) - u) < 1e-13


@EACH
def test_parseval_frame_and_white_noise(name: str) -> None:
    space, x, (_, v, _) = drawn(name)
    frame = space.parseval_frame(x)
    rank = len(space.shape)
    weights = space.inner_product(frame, v, x)
    assert size((weights.reshape(weights.shape + (1,) * rank) * frame).sum(0) - v) < 1e-12
    # noise is linear in its normal input, so unit inputs show its whole covariance
    units = torch.eye(math.prod(space.shape), dtype=torch.float64).reshape(-1, 1, *space.shape)
    units = torch.cat([units.to(x.dtype), 1j * units]) if x.is_complex() else units
    noise = space.white_noise(units.expand(-1, *x.shape).contiguous(), x)
    weights = space.inner_product(noise, v, x)
    assert size((weights.reshape(weights.shape + (1,) * rank) * noise).sum(0) - v) < 1e-12


@EACH
def test_geodesics(name: str) -> None:
    """They stay on M, keep their speed, and have no covariant acceleration."""
    space, x, (v, _, _) = drawn(name)

    def point(t: float) -> Tensor:
        return space.exp(t * v, x)

    step = 1e-3
    wrapped = isinstance(space, PeriodicClouds)
    ahead, behind = point(1.0 + step), point(1.0 - step)
    velocity = (space.log(ahead, behind) if wrapped else ahead - behind) / (2 * step)
    here = point(1.0)
    assert size(space.to_tangent(velocity, here) - velocity) < 1e-5
    assert size(space.norm(velocity, here) - space.norm(v, x)) < 1e-5

    def velocities(y: Tensor) -> Tensor:
        """A field that extends the velocity along the geodesic to first order."""
        change = (ahead + behind - 2 * here) / step**2
        along = space.inner_product(y - here, velocity, here) / space.inner_product(velocity, velocity, here)
        return velocity + along.reshape(-1, *(1,) * len(space.shape)) * change

    if not wrapped:
        assert size(space.covariant_derivative(velocities, velocity, here)) < 1e-4


@EACH
def test_logarithm_inverts_the_exponential(name: str) -> None:
    space, x, (v, _, _) = drawn(name)
    if isinstance(space, Stiefel):
        with pytest.raises(GeometryError, match="no logarithm"):
            space.log(x, x)
        return
    v = 0.1 * v
    tolerance = 1e-6 if name == "geomstats Stiefel" else 1e-12
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="__array__", category=DeprecationWarning)
        assert size(space.log(space.exp(v, x), x) - v) < tolerance
        assert size(space.log(x, x)) < 1e-7


@EACH
def test_connection_is_metric_and_free_of_torsion(name: str) -> None:
    space, x, (u, v, w) = drawn(name)

    def field(vector: Tensor):  # noqa: ANN202
        return lambda y: space.to_tangent(vector + 0.2 * y * y, y)

    value, along = field(v), u
    inner = lambda y: space.inner_product(value(y), field(w)(y), y)  # noqa: E731
    slope = torch.func.jvp(inner, (x,), (along,))[1]
    product = space.inner_product(space.covariant_derivative(value, along, x), field(w)(x), x)
    product = product + space.inner_product(value(x), space.covariant_derivative(field(w), along, x), x)
    assert size(slope - product) < 1e-11
    first, second = field(u), field(v)
    bracket = torch.func.jvp(second, (x,), (first(x).contiguous(),))[1]
    bracket = bracket - torch.func.jvp(first, (x,), (second(x).contiguous(),))[1]
    torsion = space.covariant_derivative(second, first(x).contiguous(), x)
    torsion = torsion - space.covariant_derivative(first, second(x).contiguous(), x) - bracket
    assert size(torsion) < 1e-11


@EACH
def test_gradient_is_dual_to_the_differential(name: str) -> None:
    space, x, (u, _, _) = drawn(name)

    def function(y: Tensor) -> Tensor:
        return (y.abs() ** 2 * torch.arange(1.0, 1 + math.prod(space.shape)).reshape(space.shape)).sum() + y[
            0
        ].real.sum()

    differential = torch.func.grad(function)(x)
    slope = torch.func.jvp(function, (x,), (u,))[1]
    gradient = space.gradient(differential, x)
    assert size(space.inner_product(gradient, u, x).sum() - slope) < 1e-11
    assert size(space.to_tangent(gradient, x) - gradient) < 1e-12


@EACH
def test_curvature_symmetries(name: str) -> None:
    space, x, (u, v, w) = drawn(name)
    curve = lambda a, b, c: space.curvature(a, b, c, x)  # noqa: E731
    scale = 1e-10 * (1 + size(curve(u, v, w)))
    assert size(curve(u, v, w) + curve(v, u, w)) < scale
    assert size(curve(u, v, w) + curve(v, w, u) + curve(w, u, v)) < scale
    assert size(space.inner_product(curve(u, v, w), w, x)) < scale
    if isinstance(space, EmbeddedSpace):
        assert size(TotalSpace.curvature(space, u, v, w, x) - curve(u, v, w)) < scale


@pytest.mark.parametrize(
    ("name", "value"), [("S3", 1.0), ("complex S3", 1.0), ("pre-shapes", 1.0), ("half plane", -1.0), ("SO(3)", 0.125)]
)
def test_constant_sectional_curvatures(name: str, value: float) -> None:
    space, x, (u, v, _) = drawn(name)
    assert size(space.sectional_curvature(u, v, x) - value) < 1e-10
    assert space.sectional_curvature(u, 2 * u, x).isnan().all()


def test_curvature_of_spd_matrices() -> None:
    """Symmetric space: R(u, v) w = -1/4 x [[x^-1 u, x^-1 v], x^-1 w]."""
    space, x, (u, v, w) = drawn("SPD")
    a, b, c = (torch.linalg.solve(x, vector) for vector in (u, v, w))
    turn = a @ b - b @ a
    expected = -0.25 * x @ (turn @ c - c @ turn)
    assert size(space.curvature(u, v, w, x) - expected) < 1e-11 * (1 + size(expected))


@EACH
@pytest.mark.parametrize("shape", [(), (2,), (2, 3)])
def test_batch_shapes_and_single_precision(name: str, shape: tuple[int, ...]) -> None:
    space = SPACES[name]
    x = space.random_point(shape, torch.Generator().manual_seed(3))
    assert x.shape == (*shape, *space.shape)
    space.check_point(x)
    v = space.white_noise(torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(4)), x)
    narrow = torch.complex64 if x.is_complex() else torch.float32
    end, single = space.exp(0.3 * v, x), space.exp(0.3 * v.to(narrow), x.to(narrow))
    assert single.dtype == narrow
    assert single.shape == x.shape
    assert size(end - single) < 1e-4 * (1 + size(x))
    assert space.parseval_frame(x).shape[1:] == x.shape


@EACH
def test_draws_repeat_and_leave_global_state_alone(name: str) -> None:
    space = SPACES[name]
    before, dtype = torch.get_rng_state(), torch.get_default_dtype()
    first = space.random_point((4,), torch.Generator().manual_seed(5))
    assert torch.equal(first, space.random_point((4,), torch.Generator().manual_seed(5)))
    assert not torch.equal(first, space.random_point((4,), torch.Generator().manual_seed(6)))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.get_default_dtype() == dtype


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-3, 1.0, 3.1, 3.1415])
def test_rotation_logarithm_at_every_angle(angle: float) -> None:
    turn = torch.zeros(4, 4, dtype=torch.float64)
    turn[0, 1], turn[2, 3] = -angle, -angle / 2
    turn = turn - turn.mT
    frame = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)))[0]
    turn = frame @ turn @ frame.mT
    space, base = RotationMatrices(4), torch.eye(4, dtype=torch.float64)
    assert size(space.log(torch.linalg.matrix_exp(turn), base) - turn) < 1e-12 / max(math.pi - angle, 1e-3)


def test_logarithms_are_differentiable_at_the_base_point() -> None:
    for space in (Hypersphere(2), RotationMatrices(3), PreShapes(3, 2)):
        x = space.random_point((), torch.Generator().manual_seed(1))
        v = space.white_noise(torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(2)), x)
        there_and_back = lambda t, x=x, v=v, space=space: space.log(space.exp(t * v, x), x)  # noqa: E731
        slope = torch.func.jvp(there_and_back, (x.new_zeros(()),), (x.new_ones(()),))[1]
        assert size(slope - v) < 1e-12


def test_bad_spaces_are_refused() -> None:
    with pytest.raises(PointShapeError, match="1 <= k <= n"):
        Stiefel(2, 3)
    with pytest.raises(PointShapeError, match="invertible"):
        PeriodicClouds(3, torch.zeros(2, 2))
    with pytest.raises(PointShapeError, match="n >= 2"):
        RotationMatrices(1)
    with pytest.raises(GeometryError, match="has no metric"):
        GeomstatsSpace(GeomstatsHypersphere(2, equip=False))
    with pytest.raises(PointShapeError, match="complex"):
        ComplexHypersphere(2).check_point(torch.zeros(2))
