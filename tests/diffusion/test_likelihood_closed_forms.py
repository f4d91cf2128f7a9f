"""Log-densities of the flow on quotients where they are known in closed form, and their integral over triangles."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from diffusion import Interpolant, OrbitMixture, log_likelihood, quotient_log_density
from groups import GroupAction, PhaseAction, RotationAction, SpecialOrthogonal, VectorAction
from quotient import CenteredClouds, ComplexEuclidean, Euclidean, GroupQuotient, OrbitSpace
from quotient.orbit_posterior import orbit_posterior

END, WIDTH = 0.9, 0.6


def spread() -> float:
    """Variance of x_t at the end, of the flow from N(0, 1) to N(0, WIDTH^2)."""
    return (1 - END) ** 2 + (WIDTH * END) ** 2


def gaussian_velocity(x: Tensor, t: Tensor) -> Tensor:
    return (WIDTH**2 * t - (1 - t)) / ((1 - t) ** 2 + WIDTH**2 * t**2) * x


def cases() -> dict[str, tuple[OrbitSpace, GroupAction]]:
    plane, phase = VectorAction(SpecialOrthogonal(2)), PhaseAction()
    return {
        "R2/SO(2)": (GroupQuotient(Euclidean(2), plane), plane),
        "C2/U(1)": (GroupQuotient(ComplexEuclidean(2), phase), phase),
        "triangles": (GroupQuotient(CenteredClouds(3, 2), RotationAction(2)), RotationAction(2)),
        "tetrahedra": (GroupQuotient(CenteredClouds(4, 3), RotationAction(3)), RotationAction(3)),
    }


def closed_form(name: str, x: Tensor) -> Tensor:
    """Of the length, Rayleigh's law; circles of length 2 pi |x|; orbits 8 pi^2 sqrt(det(tr C - C)), C = x^T x."""
    size = (x.abs() ** 2).flatten(1).sum(1)
    if name == "R2/SO(2)":
        return torch.from_numpy(stats.rayleigh.logpdf(size.sqrt().numpy(), scale=math.sqrt(spread())))
    dim = 9 if name == "tetrahedra" else 4
    log_p = -0.5 * dim * math.log(2 * math.pi * spread()) - size / (2 * spread())
    if dim == 4:
        return log_p + math.log(2 * math.pi) + 0.5 * size.log()
    moments = x.mT @ x
    inertia = size[:, None, None] * torch.eye(3, dtype=torch.float64) - moments
    return log_p + math.log(8 * math.pi**2) + 0.5 * torch.linalg.det(inertia).log()


@pytest.mark.parametrize("name", list(cases()))
def test_gaussian_targets(name: str) -> None:
    """In the limit of small steps, by extrapolation of an error of second order; q, not p."""
    quotient, action = cases()[name]
    space = quotient.total_space
    x = quotient.center(0.5 * space.random_point((6,), torch.Generator().manual_seed(0)))
    levels = []
    for steps in (16, 32):
        grid = END * torch.linspace(0, 1, steps + 1, dtype=torch.float64)
        flow = log_likelihood(quotient, x, gaussian_velocity, grid, action=action)
        levels.append(quotient_log_density(quotient, flow.log_density, x, action=action))
    limit, expected = (4 * levels[1] - levels[0]) / 3, closed_form(name, x)
    torch.testing.assert_close(limit, expected, rtol=0, atol=1e-3)
    assert float((levels[1] - expected).abs().max()) < 0.5 * float((levels[0] - expected).abs().max())
    assert float((limit - quotient.log_orbit_volume(x) - expected).abs().max()) > 0.1


@pytest.mark.slow
def test_the_density_of_the_flow_integrates_to_one_over_triangles() -> None:
    """On the slice u = (a, 0), v = (b, c) of Jacobi vectors, dvol_Q = a / |x| da db dc: see test_likelihood.py.

    The flow itself is integrated, with its error of second order taken off, by Gauss's rule in a and the trapezoidal
    rule in b and c. Without the volume of the orbits the integral is another.
    """
    quotient, action = cases()["triangles"]
    first = torch.tensor([1.0, -1.0, 0.0], dtype=torch.float64) / math.sqrt(2)
    second = torch.tensor([1.0, 1.0, -2.0], dtype=torch.float64) / math.sqrt(6)

    def triangle(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
        across = torch.stack([a, torch.zeros_like(a)], -1)
        return first[:, None] * across[..., None, :] + second[:, None] * torch.stack([b, c], -1)[..., None, :]

    places = torch.tensor([[1.0, 0.3, -0.2], [0.6, -0.5, 0.9]], dtype=torch.float64).unbind(-1)
    mixture = OrbitMixture(
        quotient, action, orbit_posterior(action), triangle(*places), jitter=0.8, interpolant=Interpolant()
    )
    nodes, weights = np.polynomial.legendre.leggauss(9)
    a, line = torch.from_numpy(2.25 * (nodes + 1)), torch.linspace(-4.5, 4.5, 12, dtype=torch.float64)
    u, v, w = torch.meshgrid(a, line, line, indexing="ij")
    x = triangle(u, v, w).flatten(0, 2)
    masses = torch.from_numpy(2.25 * weights)[:, None, None] * (line[1] - line[0]) ** 2 * u
    masses = masses.flatten() / torch.linalg.matrix_norm(x)
    exact = mixture.log_density(x, torch.tensor(END, dtype=torch.float64))
    totals = []
    for steps in (6, 12):
        grid = END * torch.linspace(0, 1, steps + 1, dtype=torch.float64)
        flow = log_likelihood(quotient, x, mixture.velocity, grid).log_density
        totals.append(
            [
                float((masses * quotient_log_density(quotient, log_p, x, action=action).exp()).sum())
                for log_p in (flow, exact)
            ]
        )
        bare = float((masses * flow.exp()).sum())
    assert totals[0][1] == pytest.approx(1.0, abs=1e-4)
    assert (4 * totals[1][0] - totals[0][0]) / 3 == pytest.approx(1.0, abs=2e-3)
    assert abs(bare - 1.0) > 0.5
