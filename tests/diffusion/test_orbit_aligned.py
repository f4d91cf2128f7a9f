"""The denoiser and density of the orbit-aligned coupling, by automatic differentiation and in known coordinates."""

import itertools
import math
from typing import Any, final

import pytest
import torch
from torch import Tensor

from diffusion import (
    CosineSchedule,
    DiffusionError,
    GaussianPrior,
    HarmonicPrior,
    Interpolant,
    LinearSchedule,
    OrbitAligned,
    Prior,
    Schedule,
)
from diffusion.aligned_oracle import OrbitAlignedMixture
from diffusion.conversions import align_time
from groups import (
    CyclicGroup,
    GroupAction,
    OrthogonalAction,
    PhaseAction,
    RotationAction,
    SpecialOrthogonal,
)
from quotient import (
    ComplexEuclidean,
    ComplexHypersphere,
    Euclidean,
    GeneratorNoise,
    GroupQuotient,
    OrbitSpace,
    PointClouds,
    ShapeSpace,
)

ALIGNED = Interpolant(coupling=OrbitAligned())
PLANE = GroupQuotient(ComplexEuclidean(1), PhaseAction())
TRIANGLES = ShapeSpace(3, 2)


def normal(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def time(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


def noise(seed: int) -> GeneratorNoise:
    return GeneratorNoise(torch.Generator().manual_seed(seed))


def sized(quotient: OrbitSpace, points: Tensor, sizes: list[float]) -> Tensor:
    """Centred points scaled to the given norms."""
    centred = quotient.center(points)
    norms = quotient.total_space.norm(centred, centred) / torch.tensor(sizes, dtype=torch.float64)
    return centred / align_time(norms, centred)


def spaces() -> dict[str, tuple[OrbitSpace, Tensor]]:
    """Quotients and two templates; orbits may be small, of lower dimension, or have several parts."""
    line = normal(6, 4, 1) * normal(7, 1, 3)
    return {
        "C1/U(1)": (PLANE, normal(1, 2, 1, dtype=torch.complex128)),
        "C3/U(1)": (GroupQuotient(ComplexEuclidean(3), PhaseAction()), normal(1, 2, 3, dtype=torch.complex128)),
        "R3/SO(3)": (GroupQuotient(PointClouds(1, 3), RotationAction(3)), normal(2, 2, 1, 3)),
        "R3x2/SE(2)": (TRIANGLES, normal(3, 2, 3, 2)),
        "R4x3/SE(3)": (ShapeSpace(4, 3), normal(4, 2, 4, 3)),
        "R4x3/SE(3), one collinear": (ShapeSpace(4, 3), torch.stack([line, normal(8, 4, 3)])),
        "R4x3/O(3)": (GroupQuotient(PointClouds(4, 3), OrthogonalAction(3)), normal(5, 2, 4, 3)),
    }


def orthonormal_slice(quotient: OrbitSpace, like: Tensor) -> Tensor:
    space = quotient.total_space
    frame = quotient.center(space.parseval_frame(torch.zeros_like(like)))
    values, vectors = torch.linalg.eigh(space.inner_product(frame.unsqueeze(1), frame.unsqueeze(0), like))
    return torch.einsum("ij,i...->j...", vectors[:, values > 0.5].to(frame.dtype), frame)


def log_determinant(oracle: OrbitAlignedMixture, m: Tensor, x0: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """The point T(x0) = alpha x0 + beta A_x0(m), and log det DT(x0) on the slice by automatic differentiation."""
    quotient, schedule = oracle.quotient, oracle.interpolant.schedule
    inner, basis = quotient.total_space.inner_product, orthonormal_slice(oracle.quotient, m)

    def image(x: Tensor) -> Tensor:
        return schedule.alpha(t) * x + schedule.beta(t) * quotient.align(m, x).point

    def coordinates(c: Tensor) -> Tensor:
        return inner(basis, image(torch.einsum("j,j...->...", c.to(basis.dtype), basis)), m)

    jacobian: Any = torch.autograd.functional.jacobian(coordinates, inner(basis, x0, m))
    torch.testing.assert_close(jacobian, jacobian.mT, rtol=0, atol=1e-12)
    assert (torch.linalg.eigvalsh(jacobian) > 0).all()
    return image(x0), torch.linalg.slogdet(jacobian).logabsdet


@pytest.mark.parametrize("name", list(spaces()))
@pytest.mark.parametrize("schedule", [LinearSchedule(), CosineSchedule()], ids=["linear", "cosine"])
def test_density_is_that_of_a_gradient_map(name: str, schedule: Schedule) -> None:
    """p_t(T(x0)) det DT(x0) = p0(x0), with a symmetric positive DT: T is a gradient. Priors of known determinant."""
    quotient, templates = spaces()[name]
    space, weights = quotient.total_space, torch.tensor([0.3, 0.7], dtype=torch.float64)
    n_points, dimension = templates.shape[1], float(quotient.slice_dimension(templates[0]))
    springs = 1.2 * (1 - torch.eye(n_points, dtype=torch.float64))
    priors: list[tuple[Prior, float]] = [(GaussianPrior(), 1.0)]
    if isinstance(quotient, ShapeSpace):
        priors.append((HarmonicPrior(springs), 1.2 * n_points))
    t = time(0.4)
    for prior, precision in priors:
        interpolant = Interpolant(schedule, prior, OrbitAligned())
        oracle = OrbitAlignedMixture(quotient, templates, interpolant=interpolant, weights=weights)
        for k, x0 in itertools.product(range(2), prior.sample(quotient, templates, noise(9))):
            m = oracle.templates[k]
            x, log_determinant_of_map = log_determinant(oracle, m, x0, t)
            log_prior = 0.5 * dimension * math.log(precision / (2 * math.pi))
            log_prior = log_prior - 0.5 * precision * space.inner_product(x0, x0, x0)
            alone = OrbitAlignedMixture(quotient, m[None], interpolant=interpolant).log_density(x, t)
            torch.testing.assert_close(alone, log_prior - log_determinant_of_map, rtol=0, atol=1e-11)
            shares, moved = oracle.posterior(x, t)
            torch.testing.assert_close(moved[k], (x - schedule.alpha(t) * x0) / schedule.beta(t), rtol=0, atol=1e-12)
            joint = oracle.log_density(x, t) + shares[k].log()
            torch.testing.assert_close(joint, alone + weights[k].log(), rtol=0, atol=1e-11)


@pytest.mark.parametrize("name", list(spaces()))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_denoiser_is_horizontal_and_equivariant(name: str, dtype: torch.dtype) -> None:
    quotient, templates = spaces()[name]
    oracle = OrbitAlignedMixture(quotient, templates, interpolant=ALIGNED)
    single = dtype == torch.float32
    x = ALIGNED.sample(quotient, templates.repeat(3, *(1,) * (templates.ndim - 1)), torch.full((6,), 0.4), noise(0)).x_t
    x = x.to(torch.complex64 if x.is_complex() else torch.float32) if single else x
    turned = quotient.align(x, x.flip(0)).point
    t, tolerance = time(0.4), 1e-5 if single else 1e-11
    denoiser = oracle.denoiser(x, t)
    assert denoiser.dtype == x.dtype
    vertical = quotient.vertical_projection(denoiser, x)
    assert float(vertical.abs().max()) < tolerance
    assert float(quotient.vertical_projection(oracle.velocity(x, t), x).abs().max()) < 3 * tolerance
    shifted = quotient.dist(turned + oracle.denoiser(turned, t), x + denoiser)
    assert float(shifted.max()) < tolerance**0.5
    batch = oracle.denoiser(x.reshape(2, 3, *x.shape[1:]), t.expand(2, 3))
    torch.testing.assert_close(batch.reshape(x.shape), denoiser)
    torch.testing.assert_close(oracle.denoiser(x[2], t), denoiser[2])


def rayleigh(r: Tensor) -> Tensor:
    return torch.where(r > 0, r * torch.exp(-0.5 * r.clamp_min(0) ** 2), 0.0)


def test_plane_against_the_law_of_the_radius() -> None:
    """On R^2/SO(2) the radius is (1 - t) r0 + t R, r0 Rayleigh: weights and densities in one variable."""
    radii, weights = torch.tensor([[0.7, 1.5, 2.5], [0.2, 0.5, 0.3]], dtype=torch.float64)
    oracle = OrbitAlignedMixture(PLANE, radii[:, None] + 0j, interpolant=ALIGNED, weights=weights)
    r = torch.linspace(0.0, 9.0, 20_001, dtype=torch.float64)[1:]
    x = torch.polar(r, 0.3 * r)[:, None]
    for t in (0.0, 0.3, 0.7):
        parts = weights[:, None] * rayleigh((r - t * radii[:, None]) / (1 - t)) / (1 - t)
        density = parts.sum(0)
        mass = 2 * math.pi * r * oracle.log_density(x, time(t)).exp()
        torch.testing.assert_close(mass, density, rtol=1e-10, atol=1e-14)
        assert float(torch.trapezoid(mass, r)) == pytest.approx(1.0, abs=1e-5)
        inside = density > 0
        expected = (parts * radii[:, None]).sum(0)[inside] / density[inside]
        denoiser = oracle.denoiser(x, time(t))[:, 0] * torch.polar(torch.ones_like(r), -0.3 * r)
        torch.testing.assert_close(denoiser[inside], expected + 0j, rtol=1e-10, atol=1e-10)
        assert denoiser.isfinite().all()


def test_triangles_against_complex_coordinates() -> None:
    """Along m the coordinate u of x has |u_t| = (1 - t) |u_0| + t |m|, across it v_t = (1 - t) v_0: two known laws."""
    templates = sized(TRIANGLES, normal(3, 3, 3, 2), [1.0, 1.6, 2.2])
    oracle = OrbitAlignedMixture(TRIANGLES, templates, interpolant=ALIGNED)
    t = time(0.35)
    x = ALIGNED.sample(TRIANGLES, oracle.sample(400, torch.Generator().manual_seed(0)), t.expand(400), noise(1)).x_t
    flat, m = torch.view_as_complex(x), torch.view_as_complex(templates.contiguous())
    size = m.abs().square().sum(-1).sqrt()[:, None]
    along = (m.conj()[:, None] * flat).sum(-1).abs() / size
    across = flat.abs().square().sum(-1) - along**2
    before = (along - t * size) / (1 - t)
    parts = rayleigh(before) / along * torch.exp(-0.5 * across / (1 - t) ** 2)
    weights, _ = oracle.posterior(x, t)
    torch.testing.assert_close(weights, parts / parts.sum(0), rtol=1e-9, atol=1e-12)
    density = (parts / (1 - t) ** 3 / (2 * math.pi) ** 2).mean(0)
    torch.testing.assert_close(oracle.log_density(x, t), density.log(), rtol=1e-9, atol=1e-9)
    assert ((weights > 0.05).sum(0) > 1).double().mean() > 0.3


@final
class Sign(GroupAction):
    """x -> -x, with its nearest element."""

    linear = True
    group = CyclicGroup(2)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.where(g.unsqueeze(-1) == 0, x, -x)

    def nearest_element(self, point: Tensor, base_point: Tensor) -> Tensor:
        return ((point * base_point).sum(-1) < 0).long()


def test_finite_groups_have_no_determinants_and_a_condition_that_is_not_local() -> None:
    """On R/{1, -1} |x_t| = (1 - t) |x0| + t |m|."""
    oracle = OrbitAlignedMixture(GroupQuotient(Euclidean(1), Sign()), time(1.5).reshape(1, 1), interpolant=ALIGNED)
    x, t = torch.linspace(-4.0, 4.0, 4001, dtype=torch.float64)[:, None], 0.4
    density = oracle.log_density(x, time(t)).exp()
    before = (x[:, 0].abs() - t * 1.5) / (1 - t)
    expected = torch.where(before > 0, torch.exp(-0.5 * before**2) / math.sqrt(2 * math.pi) / (1 - t), 0.0)
    torch.testing.assert_close(density, expected)
    assert float(torch.trapezoid(density, x[:, 0])) == pytest.approx(1.0, abs=2e-3)
    torch.testing.assert_close(oracle.denoiser(x, time(t))[1:2000], torch.full((1999, 1), -1.5).double())


class WrittenTurns(GroupAction):
    """Rotations of the plane as a user writes them, without a nearest element."""

    linear = True
    group = SpecialOrthogonal(2)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.einsum("...ij,...j->...i", g, x)


def test_misuse_is_refused_with_a_remedy() -> None:
    templates = normal(0, 2, 3, 2)
    for interpolant in (Interpolant(), Interpolant(LinearSchedule(noise=0.2), coupling=OrbitAligned())):
        with pytest.raises(DiffusionError, match="use OrbitMixture"):
            OrbitAlignedMixture(TRIANGLES, templates, interpolant=interpolant)
    with pytest.raises(DiffusionError, match="positive weight"):
        OrbitAlignedMixture(TRIANGLES, templates, interpolant=ALIGNED, weights=torch.tensor([1.0, 0.0]))
    searching = GroupQuotient(Euclidean(2), WrittenTurns())
    with pytest.raises(DiffusionError, match="nearest_element"):
        OrbitAlignedMixture(searching, normal(0, 2, 2), interpolant=ALIGNED)
    sphere = GroupQuotient(ComplexHypersphere(2), PhaseAction())
    with pytest.raises(DiffusionError, match="curved"):
        OrbitAlignedMixture(sphere, normal(0, 2, 2, dtype=torch.complex128), interpolant=ALIGNED)
