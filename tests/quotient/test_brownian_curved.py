"""Brownian motions of quotients of curved spaces, against laws known in closed form."""

import math

import pytest
import torch
from torch import Tensor

from groups import Conjugation, PhaseAction, RotationAction, SpecialOrthogonal
from quotient import (
    BrownianMotion,
    ClaimError,
    ComplexHypersphere,
    Euclidean,
    GeneratorNoise,
    GroupQuotient,
    Hypersphere,
    IntrinsicBrownianMotion,
    MapSubmersion,
    PreShapes,
    ProjectedBrownianMotion,
    RotationMatrices,
)

#: two-sided p = 1e-4
THRESHOLD = 3.89


def bloch_vector(psi: Tensor) -> Tensor:
    a, b = psi.unbind(-1)
    overlap = a.conj() * b
    return torch.stack([2 * overlap.real, 2 * overlap.imag, a.abs() ** 2 - b.abs() ** 2], -1)


def decay_of_one_step(h: float) -> float:
    """E cos(2 sqrt(h) r) for a normal vector of the plane of length r: a geodesic step on the sphere of radius 1/2."""
    r = torch.linspace(0.0, 12.0, 200_001, dtype=torch.float64)
    return float(torch.trapezoid(torch.cos(2 * math.sqrt(h) * r) * r * torch.exp(-0.5 * r * r), r))


@pytest.mark.parametrize("kind", [ProjectedBrownianMotion, IntrinsicBrownianMotion])
@pytest.mark.parametrize("seed", range(5))
def test_bloch_vector_decays(kind: type[BrownianMotion], seed: int) -> None:
    """Brownian motion of S^2(1/2): E n_t . n_0 = exp(-4 t); each geodesic step multiplies it by a known factor.

    Noise five per cent too large is told apart.
    """
    start = torch.zeros(8_000, 2, dtype=torch.complex128)
    start[:, 0] = 1.0
    motion = kind(GroupQuotient(ComplexHypersphere(2), PhaseAction()))
    z = []
    for scale in (1.0, 1.05):
        noise = GeneratorNoise(torch.Generator().manual_seed(seed))
        end = motion.sample(start, horizon=0.2 * scale**2, n_steps=8, noise=noise).xs[-1]
        overlap = bloch_vector(end)[:, 2]
        expected = decay_of_one_step(0.2 / 8) ** 8
        z.append(float((overlap.mean() - expected) / overlap.std() * math.sqrt(len(overlap))))
    assert abs(z[0]) < THRESHOLD
    assert abs(z[1]) > THRESHOLD


def test_geodesic_steps_have_weak_order_one() -> None:
    errors = [abs(decay_of_one_step(0.2 / n) ** n - math.exp(-0.8)) for n in (8, 16, 32)]
    assert errors[0] / errors[1] == pytest.approx(2.0, rel=0.05)
    assert errors[1] / errors[2] == pytest.approx(2.0, rel=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_gyration_of_kendall_shapes(seed: int) -> None:
    """tr C^2, C = x^T x, minus its mean is a spherical harmonic of degree four on the pre-shape sphere S^8.

    So for the projected process E tr C^2 relaxes to 7/11 with the rate 4 (4 + 7) / 2 = 22. Without the curvature drift,
    with the wrong sign, and for the intrinsic process it does not.
    """
    space = PreShapes(4, 3)
    quotient = GroupQuotient(space, RotationAction(3))
    first = space.random_point((), torch.Generator().manual_seed(1))
    start = first.expand(3_000, 4, 3).contiguous()
    horizon, steps = 0.03, 20

    def gyration(x: Tensor) -> Tensor:
        return ((x.mT @ x) ** 2).sum((-2, -1))

    expected = 7 / 11 + (float(gyration(first)) - 7 / 11) * math.exp(-22 * horizon)

    def deviation(motion: BrownianMotion) -> float:
        noise = GeneratorNoise(torch.Generator().manual_seed(seed))
        end = gyration(motion.sample(start, horizon=horizon, n_steps=steps, noise=noise).xs[-1])
        return float((end.mean() - expected) / end.std() * math.sqrt(len(end)))

    assert abs(deviation(ProjectedBrownianMotion(quotient))) < THRESHOLD
    assert abs(deviation(ProjectedBrownianMotion(quotient, curvature_drift=0.0))) > THRESHOLD
    assert abs(deviation(ProjectedBrownianMotion(quotient, curvature_drift=-1.0))) > THRESHOLD
    assert abs(deviation(IntrinsicBrownianMotion(quotient))) > THRESHOLD


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_angle_of_random_rotations(seed: int) -> None:
    """SO(3) by conjugation: characters are eigenfunctions, tr R decays with rate l (l + 1) / 4 = 1/2 in tr(u^T v)."""
    space = RotationMatrices(3)
    quotient = GroupQuotient(space, Conjugation(SpecialOrthogonal(3)))
    first = space.random_point((), torch.Generator().manual_seed(2))
    start = first.expand(1_500, 3, 3).contiguous()
    horizon = 0.5
    expected = float(first.trace()) * math.exp(-0.5 * horizon)

    def deviation(motion: BrownianMotion) -> float:
        noise = GeneratorNoise(torch.Generator().manual_seed(seed))
        end = motion.sample(start, horizon=horizon, n_steps=20, noise=noise).xs[-1]
        trace = torch.diagonal(end, dim1=-2, dim2=-1).sum(-1)
        return float((trace.mean() - expected) / trace.std() * math.sqrt(len(trace)))

    assert abs(deviation(ProjectedBrownianMotion(quotient))) < THRESHOLD
    assert abs(deviation(ProjectedBrownianMotion(quotient, curvature_drift=0.0))) > THRESHOLD
    assert abs(deviation(ProjectedBrownianMotion(quotient, curvature_drift=-1.0))) > THRESHOLD


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_paths_stay_on_the_space(dtype: torch.dtype) -> None:
    space = RotationMatrices(3)
    motion = ProjectedBrownianMotion(GroupQuotient(space, Conjugation(SpecialOrthogonal(3))))
    start = space.random_point((3,), torch.Generator().manual_seed(0)).to(dtype)
    path = motion.sample(start, horizon=1.0, n_steps=100, noise=GeneratorNoise(torch.Generator().manual_seed(1)))
    assert path.xs.dtype == dtype
    identity = torch.eye(3, dtype=dtype)
    assert float((path.xs.mT @ path.xs - identity).abs().max()) < 20 * torch.finfo(dtype).eps


def test_submersions_given_by_their_map() -> None:
    """The radius is Bessel; the distance to a circle has no projected process, and the intrinsic one exists."""
    radius = MapSubmersion(Euclidean(3), Euclidean(1), lambda x: torch.linalg.vector_norm(x, dim=-1, keepdim=True))
    start = torch.tensor([1.5, 0.0, 0.0], dtype=torch.float64).expand(5_000, 3).contiguous()
    noise = GeneratorNoise(torch.Generator().manual_seed(0))
    expected = 1.5**2 + 3 * 0.2
    for drift, holds in ((1.0, True), (0.0, False)):
        motion = ProjectedBrownianMotion(radius, curvature_drift=drift)
        square = (motion.sample(start, horizon=0.2, n_steps=20, noise=noise).xs[-1] ** 2).sum(-1)
        z = abs(float((square.mean() - expected) / square.std() * math.sqrt(len(square))))
        assert (z < THRESHOLD) == holds

    def distance_to_circle(x: Tensor) -> Tensor:
        across = torch.linalg.vector_norm(x[..., :2], dim=-1) - 2.0
        return torch.stack([across, x[..., 2]], -1).norm(dim=-1, keepdim=True)

    tori = MapSubmersion(Euclidean(3), Euclidean(1), distance_to_circle)
    with pytest.raises(ClaimError, match="not a Markov process"):
        ProjectedBrownianMotion(tori)
    moved = IntrinsicBrownianMotion(tori).step(start[:4], start.new_tensor(0.01), noise.normal(start[:4]))
    assert moved.isfinite().all()


def test_latitudes_of_the_sphere_are_a_submersion_of_it() -> None:
    """S^2 by its polar angle: mean curvature -cot(theta), so E cos(theta_t) = cos(theta_0) exp(-t)."""
    polar = MapSubmersion(
        Hypersphere(2), Euclidean(1), lambda x: torch.arccos(x[..., 2:] / x.norm(dim=-1, keepdim=True))
    )
    x = Hypersphere(2).random_point((6,), torch.Generator().manual_seed(3))
    theta = polar.map(x)
    drift = polar.tangent_map(polar.mean_curvature(x), x)
    torch.testing.assert_close(drift, -1 / torch.tan(theta), rtol=1e-9, atol=1e-9)
    start = x[:1].expand(5_000, 3).contiguous()
    noise = GeneratorNoise(torch.Generator().manual_seed(4))
    expected = float(x[0, 2]) * math.exp(-0.3)
    for factor, holds in ((1.0, True), (0.0, False)):
        motion = ProjectedBrownianMotion(polar, curvature_drift=factor)
        end = motion.sample(start, horizon=0.3, n_steps=20, noise=noise).xs[-1][:, 2]
        z = abs(float((end.mean() - expected) / end.std() * math.sqrt(len(end))))
        assert (z < THRESHOLD) == holds
