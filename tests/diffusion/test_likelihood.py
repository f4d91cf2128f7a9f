"""Log-likelihoods by the probability flow: exact densities, integrals over the quotient, refusals."""

import math

import pytest
import torch
from torch import Tensor

from diffusion import (
    ExactDivergence,
    Hutchinson,
    Interpolant,
    OrbitMixture,
    log_likelihood,
    quotient_log_density,
)
from groups import GroupAction, PhaseAction, RigidMotionAction, RotationAction, SpecialOrthogonal, VectorAction
from quotient import (
    CenteredClouds,
    ComplexEuclidean,
    Euclidean,
    GeneratorNoise,
    GroupQuotient,
    OrbitSpace,
    PointClouds,
    ShapeSpace,
)
from quotient.orbit_posterior import orbit_posterior

END = 0.95


def normal(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def cases() -> dict[str, tuple[OrbitSpace, GroupAction, Tensor]]:
    plane, phase = VectorAction(SpecialOrthogonal(2)), PhaseAction()
    return {
        "R2/SO(2)": (GroupQuotient(Euclidean(2), plane), plane, torch.tensor([[1.5, 0.0], [3.0, 0.0]]).double()),
        "C2/U(1)": (GroupQuotient(ComplexEuclidean(2), phase), phase, normal(1, 2, 2, dtype=torch.complex128)),
        "triangles": (
            GroupQuotient(CenteredClouds(3, 2), RotationAction(2)),
            RotationAction(2),
            CenteredClouds(3, 2).to_tangent(normal(2, 2, 3, 2), normal(2, 2, 3, 2)),
        ),
        "R3x2/SE(2)": (ShapeSpace(3, 2), RotationAction(2), normal(2, 2, 3, 2)),
    }


def mixture(name: str) -> OrbitMixture:
    quotient, action, templates = cases()[name]
    posterior = orbit_posterior(action)
    return OrbitMixture(quotient, action, posterior, templates, jitter=0.4, interpolant=Interpolant())


@pytest.mark.slow
@pytest.mark.parametrize("name", list(cases()))
def test_flow_gives_the_density_of_the_oracle(name: str) -> None:
    """At t = 0.95 and in the limit of small steps: errors fall by four when the steps halve."""
    oracle = mixture(name)
    x = oracle.sample(5, torch.Generator().manual_seed(0))
    expected = oracle.log_density(x, torch.tensor(END, dtype=torch.float64))
    errors = []
    for steps in (12, 24, 48):
        grid = END * (1 - (1 - torch.linspace(0, 1, steps + 1, dtype=torch.float64)) ** 1.5)
        found = log_likelihood(oracle.quotient, x, oracle.velocity, grid)
        errors.append(float((found.log_density - expected).abs().max()))
    assert errors[2] < 2e-2
    assert errors[0] / errors[2] > 8.0


def test_hutchinson_is_unbiased_and_exact_in_the_mean() -> None:
    oracle = mixture("triangles")
    x = oracle.sample(1, torch.Generator().manual_seed(1)).expand(4_000, 3, 2).contiguous()
    t = torch.tensor(0.5, dtype=torch.float64)
    field = lambda y, s: oracle.quotient.horizontal_projection(oracle.velocity(y, s), y)  # noqa: E731
    space = oracle.quotient.total_space
    exact = ExactDivergence().along(space, field, x[:1])(x[:1], t)
    noise = GeneratorNoise(torch.Generator().manual_seed(2))
    estimates = Hutchinson(noise).along(space, field, x)(x, t)
    z = float((estimates.mean() - exact[0]) / estimates.std() * math.sqrt(len(estimates)))
    assert abs(z) < 4.5
    assert float(estimates.std()) > 0.01


def test_projection_changes_the_divergence() -> None:
    """A vertical part of the velocity changes div v but not div Pv."""
    oracle = mixture("R2/SO(2)")
    x, t = oracle.sample(4, torch.Generator().manual_seed(3)), torch.tensor(0.5, dtype=torch.float64)

    def contaminated(y: Tensor, s: Tensor) -> Tensor:
        turn = torch.stack([-y[..., 1], y[..., 0]], -1)
        return oracle.velocity(y, s) + (y**2).sum(-1, keepdim=True) * torch.sin(y[..., :1]) * turn

    grid = torch.linspace(0, END, 11, dtype=torch.float64)
    clean = log_likelihood(oracle.quotient, x, oracle.velocity, grid).log_density
    dirty = log_likelihood(oracle.quotient, x, contaminated, grid).log_density
    torch.testing.assert_close(clean, dirty, rtol=1e-9, atol=1e-9)
    space = oracle.quotient.total_space
    raw, projected = (ExactDivergence().along(space, field, x)(x, t) for field in (contaminated, oracle.velocity))
    assert float((raw - projected).abs().max()) > 1e-2


def test_density_integrates_to_one_over_rays() -> None:
    """R^2/SO(2) is a half line: q(r) = 2 pi r p(r)."""
    oracle = mixture("R2/SO(2)")
    r = torch.linspace(1e-4, 9.0, 4001, dtype=torch.float64)
    x = torch.stack([r, 0 * r], -1)
    time = torch.tensor(END, dtype=torch.float64)
    log_q = quotient_log_density(oracle.quotient, oracle.log_density(x, time), x, action=oracle.action)
    assert float(torch.trapezoid(log_q.exp(), r)) == pytest.approx(1.0, abs=1e-6)
    grid = torch.linspace(0, END, 41, dtype=torch.float64)
    coarse = slice(None, None, 40)
    flow = log_likelihood(oracle.quotient, x[coarse], oracle.velocity, grid).log_density
    log_q = quotient_log_density(oracle.quotient, flow, x[coarse], action=oracle.action)
    assert float(torch.trapezoid(log_q.exp(), r[coarse])) == pytest.approx(1.0, abs=5e-3)


def test_density_integrates_to_one_over_triangles() -> None:
    """R^{3 x 2}/SE(2) in the coordinates (u, v e^{i phi}) of Jacobi vectors with u > 0: volume from the orbit metric.

    On the slice u = (a, 0), v = (b, c) the volume element of Q is a / |x| da db dc, since the plane through the orbit
    has the horizontal density of d^4x divided by the orbit length 2 pi |x|.
    """
    oracle = mixture("triangles")
    a = torch.linspace(0.02, 7.0, 60, dtype=torch.float64)
    b = torch.linspace(-7.0, 7.0, 61, dtype=torch.float64)
    u, v, w = torch.meshgrid(a, b, b, indexing="ij")
    first = torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64) / math.sqrt(2)
    second = torch.tensor([1.0, 1.0, -2.0], dtype=torch.float64) / math.sqrt(6)
    x = u[..., None, None] * first[:, None] * torch.tensor([1.0, 0.0]).double()
    x = x + second[:, None] * torch.stack([v, w], -1)[..., None, :]
    log_p = oracle.log_density(x, torch.tensor(END, dtype=torch.float64))
    log_q = quotient_log_density(oracle.quotient, log_p, x, action=oracle.action)
    size = x.norm(dim=(-2, -1))
    density = log_q.exp() * u / size
    total = torch.trapezoid(torch.trapezoid(torch.trapezoid(density, b, dim=-1), b, dim=-1), a, dim=-1)
    assert float(total) == pytest.approx(1.0, abs=2e-3)


def test_refusals() -> None:
    x = normal(4, 3, 2)
    rigid = GroupQuotient(PointClouds(3, 2), RigidMotionAction(2))
    with pytest.raises(ValueError, match="CenteredClouds"):
        quotient_log_density(rigid, torch.zeros(()), x, action=RigidMotionAction(2))
    space = VectorAction(SpecialOrthogonal(3))
    with pytest.raises(ValueError, match="positive dimension"):
        quotient_log_density(GroupQuotient(Euclidean(3), space), torch.zeros(()), normal(5, 3), action=space)
