"""Scores on M and on Q, and scores of densities that are not invariant."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from scipy import integrate
from torch import Tensor

from groups import (
    Conjugation,
    GroupAction,
    PhaseAction,
    RotationAction,
    SpecialOrthogonal,
    Unitary,
    VectorAction,
)
from quotient import (
    CenteredClouds,
    ComplexEuclidean,
    Euclidean,
    GroupQuotient,
    HermitianMatrices,
    Hypersphere,
    OrbitSpace,
    ShapeSpace,
    SymmetricMatrices,
    project_score,
    quotient_score,
    total_score,
)
from quotient.orbit_posterior import orbit_posterior, rotation_rule

PLANE = GroupQuotient(Euclidean(2), VectorAction(SpecialOrthogonal(2)))


def normal(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def gradient(quotient: OrbitSpace, function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Of a function on M, by automatic differentiation."""
    return quotient.total_space.to_tangent(torch.func.grad(lambda y: function(y).sum())(x), x)


def test_score_of_the_radius_of_a_plane_gaussian() -> None:
    """|x| has the Rayleigh density r exp(-r^2 / 2), whose score is 1/r - r."""
    x = normal(0, 9, 2)
    r = x.norm(dim=-1, keepdim=True)
    lifted = quotient_score(PLANE, -x, x)
    torch.testing.assert_close((lifted * x / r).sum(-1, keepdim=True), 1 / r - r)
    torch.testing.assert_close(total_score(PLANE, lifted, x), -x)


class Axis(GroupAction):
    """Rotations of R^3 about the third axis."""

    group = SpecialOrthogonal(2)
    linear = True

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        turned = torch.einsum("...ij,...j->...i", g, x[..., :2])
        return torch.cat([turned, x[..., 2:].expand(*turned.shape[:-1], 1)], -1)


def size(x: Tensor, point_ndim: int) -> Tensor:
    return x.abs().square().flatten(-point_ndim).sum(-1)


def repulsion(x: Tensor) -> Tensor:
    """sum_(i < j) log |lambda_i - lambda_j|."""
    values = torch.linalg.eigvalsh(x)
    gaps = values.unsqueeze(-1) - values.unsqueeze(-2)
    upper = torch.triu_indices(x.shape[-1], x.shape[-1], 1)
    return gaps[..., upper[0], upper[1]].abs().log().sum(-1)


def inertia(x: Tensor) -> Tensor:
    """Half of the log determinant of sum_i (|x_i|^2 - x_i x_i^T) of the centred cloud."""
    y = x - x.mean(-2, keepdim=True)
    tensor = size(y, 2)[..., None, None] * torch.eye(3, dtype=x.dtype) - y.mT @ y
    return 0.5 * torch.logdet(tensor)


@dataclass(frozen=True)
class Case:
    """A quotient, the logarithm of its orbits' volume written by hand, and an invariant log density, not Gaussian."""

    quotient: OrbitSpace
    log_volume: Callable[[Tensor], Tensor]
    log_density: Callable[[Tensor], Tensor]
    point: Tensor


def quartic(x: Tensor, point_ndim: int) -> Tensor:
    return -0.5 * size(x, point_ndim) - 0.1 * size(x, point_ndim) ** 2


def traces(x: Tensor) -> Tensor:
    """Not a function of the size alone."""
    cube = torch.diagonal(x @ x @ x, dim1=-2, dim2=-1).sum(-1).real
    return -0.5 * size(x, 2) + 0.3 * torch.sin(cube)


def chirality(x: Tensor) -> Tensor:
    y = x - x.mean(-2, keepdim=True)
    return -0.5 * size(y, 2) + 0.3 * torch.tanh(torch.linalg.det(y[..., :3, :]))


CASES = {
    "R2/SO(2)": Case(PLANE, lambda x: 0.5 * size(x, 1).log(), lambda x: quartic(x, 1), normal(1, 6, 2)),
    "R3/SO(3)": Case(
        GroupQuotient(Euclidean(3), VectorAction(SpecialOrthogonal(3))),
        lambda x: size(x, 1).log(),
        lambda x: quartic(x, 1),
        normal(2, 6, 3),
    ),
    "C3/U(1)": Case(
        GroupQuotient(ComplexEuclidean(3), PhaseAction()),
        lambda x: 0.5 * size(x, 1).log(),
        lambda x: quartic(x, 1) + (x[..., 0].conj() * x[..., 1]).imag,
        normal(3, 6, 3, dtype=torch.complex128),
    ),
    "Hermitian/U(3)": Case(
        GroupQuotient(HermitianMatrices(3), Conjugation(Unitary(3))),
        lambda x: 2 * repulsion(x),
        traces,
        HermitianMatrices(3).random_point((6,), torch.Generator().manual_seed(4)).to(torch.complex128),
    ),
    "symmetric/SO(3)": Case(
        GroupQuotient(SymmetricMatrices(3), Conjugation(SpecialOrthogonal(3))),
        repulsion,
        traces,
        SymmetricMatrices(3).random_point((6,), torch.Generator().manual_seed(5)).double(),
    ),
    "R4x3/SE(3)": Case(ShapeSpace(4, 3), inertia, chirality, normal(6, 6, 4, 3)),
    "S2/SO(2)": Case(
        GroupQuotient(Hypersphere(2), Axis()),
        lambda x: 0.5 * size(x[..., :2], 1).log(),
        lambda x: torch.sin(2 * x[..., 2]) + x[..., 2] ** 2,
        torch.nn.functional.normalize(normal(7, 6, 3), dim=-1),
    ),
}


@pytest.mark.parametrize("name", list(CASES))
def test_score_of_the_image_is_the_gradient_of_log_density_times_volume(name: str) -> None:
    """grad log q = grad log p - H against automatic differentiation; with the sign of H flipped it is not."""
    case = CASES[name]
    quotient, x = case.quotient, case.point
    score = gradient(quotient, case.log_density, x)
    expected = gradient(quotient, lambda y: case.log_density(y) + case.log_volume(y), x)
    found = quotient_score(quotient, score, x)
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)
    derived = gradient(quotient, lambda y: case.log_density(y) + quotient.log_orbit_volume(y), x)
    torch.testing.assert_close(found, derived, rtol=1e-8, atol=1e-8)
    # both are horizontal, and the conversion goes back
    assert bool(quotient.is_horizontal(found, x, atol=1e-9).all())
    torch.testing.assert_close(total_score(quotient, found, x), score, rtol=1e-8, atol=1e-8)
    flipped = quotient.horizontal_projection(score, x) + quotient.mean_curvature(x)
    gap = quotient.total_space.norm(flipped - expected, x) / quotient.total_space.norm(expected, x)
    assert float(gap.min()) > 0.1


@pytest.mark.parametrize("name", list(CASES))
def test_projection_leaves_the_score_of_an_invariant_density(name: str) -> None:
    case = CASES[name]
    score = gradient(case.quotient, case.log_density, case.point)
    torch.testing.assert_close(project_score(case.quotient, score, case.point), score, rtol=1e-9, atol=1e-9)


def circle(count: int) -> tuple[Tensor, Tensor]:
    angle = 2 * math.pi * torch.arange(count, dtype=torch.float64) / count
    return angle, torch.full((count,), 1 / count, dtype=torch.float64)


def spinor(angles: Tensor) -> Tensor:
    """exp(-i a sigma_z / 2) exp(-i b sigma_y / 2) exp(-i c sigma_z / 2)."""
    a, b, c = angles.unbind(-1)
    rows = [
        [torch.polar(torch.cos(b / 2), -(a + c) / 2), -torch.polar(torch.sin(b / 2), (c - a) / 2)],
        [torch.polar(torch.sin(b / 2), (a - c) / 2), torch.polar(torch.cos(b / 2), (a + c) / 2)],
    ]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def averages() -> dict[str, tuple[GroupQuotient, Callable[[Tensor], Tensor], Tensor, Tensor, Tensor]]:
    """Quotient, log volume by hand, nodes and weights of the Haar measure, and a point."""
    angle, uniform = circle(128)
    turns = torch.stack([torch.cos(angle), -torch.sin(angle), torch.sin(angle), torch.cos(angle)], -1)
    rotations, spins = rotation_rule(24), rotation_rule(24, element=spinor)
    clouds = GroupQuotient(CenteredClouds(4, 3), RotationAction(3))
    hermitian = HermitianMatrices(2)
    return {
        "R2/SO(2)": (PLANE, CASES["R2/SO(2)"].log_volume, turns.reshape(-1, 2, 2), uniform, normal(8, 2)),
        "C3/U(1)": (
            GroupQuotient(ComplexEuclidean(3), PhaseAction()),
            CASES["C3/U(1)"].log_volume,
            torch.polar(torch.ones_like(angle), angle).reshape(-1, 1, 1),
            uniform,
            normal(9, 3, dtype=torch.complex128),
        ),
        "clouds/SO(3)": (
            clouds,
            inertia,
            rotations.nodes,
            rotations.weights,
            clouds.total_space.to_tangent(normal(10, 4, 3), normal(10, 4, 3)),
        ),
        "Hermitian/U(2)": (
            GroupQuotient(hermitian, Conjugation(Unitary(2))),
            lambda x: 2 * repulsion(x),
            spins.nodes,
            spins.weights,
            hermitian.random_point((), torch.Generator().manual_seed(11)).to(torch.complex128),
        ),
    }


@pytest.mark.parametrize("name", list(averages()))
def test_score_of_the_image_of_a_density_that_is_not_invariant(name: str) -> None:
    """grad log q(x) = E[g^-1 P grad log p(g x)] - H, g of density p(g x): the mean of projected scores on the orbit.

    p is normal about a point mu, so the mean of p over the orbit is the integral of exp<x, g mu>, known in closed form
    (Bessel functions, matrix Fisher, Harish-Chandra). The score at one point, or its mean over all g alike, is not it.
    """
    quotient, log_volume, nodes, weights, x = averages()[name]
    space, action = quotient.total_space, quotient.action
    mean = space.to_tangent(torch.roll(x, 1, 0) + 0.5, x)
    posterior = orbit_posterior(action)

    def log_average(y: Tensor) -> Tensor:
        return posterior.log_normalizer(y, mean) - 0.5 * size(y, y.ndim)

    expected = gradient(quotient, lambda y: log_average(y) + log_volume(y), x)
    moved = action.act(nodes.to(x.dtype), x)
    logits = weights.log() - 0.5 * size(moved - mean, x.ndim)
    back = action.act(action.group.inverse(nodes.to(x.dtype)), project_score(quotient, mean - moved, moved))
    ones = (-1, *(1,) * x.ndim)
    average = (torch.softmax(logits, 0).reshape(ones) * back).sum(0)
    torch.testing.assert_close(average - quotient.mean_curvature(x), expected, rtol=1e-8, atol=1e-8)
    for rival in (project_score(quotient, mean - x, x), (weights.reshape(ones) * back).sum(0)):
        gap = space.norm(quotient_score(quotient, rival, x) - expected, x)
        assert float(gap) > 0.05


def test_density_of_the_radius_of_an_anisotropic_normal_law() -> None:
    """R^2/SO(2): q(r) = r * integral of p over the angle, by adaptive quadrature and a central difference."""
    precision = torch.tensor([[1.5, 0.4], [0.4, 0.5]], dtype=torch.float64)
    mean = torch.tensor([0.8, -0.3], dtype=torch.float64)

    def density(r: float, angle: float) -> float:
        gap = torch.tensor([r * math.cos(angle), r * math.sin(angle)], dtype=torch.float64) - mean
        return math.exp(-0.5 * float(gap @ precision @ gap))

    def log_image(r: float) -> float:
        value, _ = integrate.quad(lambda angle: density(r, angle), 0, 2 * math.pi, epsabs=1e-12, epsrel=1e-12)
        return math.log(r * value)

    radius, step = 1.3, 1e-4
    expected = (log_image(radius + step) - log_image(radius - step)) / (2 * step)
    angle, _ = circle(256)
    x = radius * torch.stack([torch.cos(angle), torch.sin(angle)], -1)
    gap = x - mean
    shares = torch.softmax(-0.5 * (gap @ precision * gap).sum(-1), 0)
    scores = project_score(PLANE, -gap @ precision, x) - PLANE.mean_curvature(x)
    found = float((shares * (scores * x).sum(-1) / radius).sum())
    assert found == pytest.approx(expected, abs=1e-6)
