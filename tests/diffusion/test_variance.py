"""The noise of the regression target given x_t: exact for data on finitely many orbits, and by draws with jitter."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from torch import Tensor

from diffusion import (
    AlignedPrediction,
    AlignedTarget,
    Denoiser,
    Equivariant,
    HarmonicPrior,
    Interpolant,
    InterpolantSample,
    OrbitAveraged,
    Quotient,
    Setting,
    Treatment,
)
from groups import GroupAction, PhaseAction, RotationAction
from quotient import ComplexEuclidean, GroupQuotient, OrbitPosterior, OrbitSpace, PointClouds, ShapeSpace
from quotient.orbit_posterior import orbit_posterior

CRITICAL = 3.9


def normal(seed: int, *shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@cache
def spaces() -> dict[str, tuple[OrbitSpace, GroupAction]]:
    plane, phase = RotationAction(2), PhaseAction()
    return {
        "R2/SO(2)": (GroupQuotient(PointClouds(1, 2), plane), plane),
        "C3/U(1)": (GroupQuotient(ComplexEuclidean(3), phase), phase),
        "R3x2/SE(2)": (ShapeSpace(3, 2), RotationAction(2)),
        "R4x3/SE(3)": (ShapeSpace(4, 3), RotationAction(3)),
    }


EACH = pytest.mark.parametrize("name", list(spaces()))


def number(value: float) -> Tensor:
    return torch.tensor(value, dtype=torch.float64)


@dataclass(frozen=True)
class Orbits:
    """x1 = g m_k with Haar g and probability w_k; every moment given x_t is a finite sum of orbit posteriors."""

    quotient: OrbitSpace
    posterior: OrbitPosterior
    templates: Tensor
    weights: Tensor
    interpolant: Interpolant

    def inner(self, first: Tensor, second: Tensor) -> Tensor:
        return self.quotient.total_space.inner_product(first, second, second)

    def given(self, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities r_k and means mu_k = E[g m_k] given one x_t, ``[K]`` and ``[K, *shape]``."""
        m = self.templates
        c = self.interpolant.schedule.coefficients(t)
        stiff = self.interpolant.prior.precision(self.quotient, m)
        dual = self.interpolant.dual(self.quotient, x_t, t).expand_as(m).contiguous()
        logs = self.posterior.log_normalizer(dual, m) - 0.5 * (c.beta / c.alpha) ** 2 * self.inner(m, stiff)
        return torch.softmax(self.weights.log() + logs, 0), self.posterior.mean(dual, m)

    def mix(self, r: Tensor, points: Tensor) -> Tensor:
        return torch.tensordot(r.to(points.dtype), points, 1)

    def spread(self, r: Tensor, points: Tensor, second: Tensor) -> float:
        """Mean of second moments less the square of the mean of points."""
        mean = self.mix(r, points)
        return float((r * second).sum() - self.inner(mean, mean))

    def vertical_moments(self, x_t: Tensor, t: Tensor) -> Tensor:
        """E|V g m_k|^2 given x_t, ``[K]``, from second derivatives of log Z along the orbit of x_t."""
        space = self.quotient.total_space
        frame = space.parseval_frame(x_t)
        vertical = self.quotient.vertical_projection(frame, x_t.expand_as(frame).contiguous())
        dual = self.interpolant.dual(self.quotient, x_t, t)
        found = []
        for m in self.templates:

            def log_z(s: Tensor, m: Tensor = m) -> Tensor:
                return self.posterior.log_normalizer(dual + torch.tensordot(s.to(dual.dtype), vertical, 1), m)

            origin = torch.zeros(len(frame), dtype=torch.float64)
            curved = torch.autograd.functional.hessian(log_z, origin)
            (slope,) = torch.autograd.grad(log_z(origin.requires_grad_()), origin)
            assert isinstance(curved, Tensor)
            found.append(curved.trace() + (slope**2).sum())
        return torch.stack(found).detach()

    def variances(self, x_t: Tensor, t: Tensor) -> dict[str, float]:
        r, means = self.given(x_t, t)
        sizes, here = self.inner(self.templates, self.templates), x_t.expand_as(self.templates).contiguous()
        flat = self.quotient.horizontal_projection(means, here)
        aligned = self.quotient.align(self.templates, here).point
        vertical = self.vertical_moments(x_t, t)
        return {
            "equivariant": self.spread(r, means, sizes),
            "quotient": self.spread(r, flat, sizes - vertical),
            "orbit averaged": self.spread(r, means, self.inner(means, means)),
            "orbit averaged, projected": self.spread(r, flat, self.inner(flat, flat)),
            "aligned target": self.spread(r, aligned, sizes),
        }

    def removed(self, x_t: Tensor, t: Tensor) -> float:
        """What projection removes, by the mean curvature of the orbit: -(a^2 / beta) <E[x1 | x_t], H(x_t)>."""
        r, means = self.given(x_t, t)
        c = self.interpolant.schedule.coefficients(t)
        return float(-(c.alpha**2) / c.beta * self.inner(self.mix(r, means), self.quotient.mean_curvature(x_t)))


def orbits(
    name: str, seed: int, *, count: int = 2, scale: float = 1.0, interpolant: Interpolant | None = None
) -> Orbits:
    quotient, action = spaces()[name]
    like = quotient.total_space.random_point((), torch.Generator().manual_seed(0))
    templates = quotient.center(scale * normal(seed, count, *like.shape, dtype=like.dtype))
    weights = torch.softmax(normal(seed + 1, count), 0)
    return Orbits(quotient, orbit_posterior(action), templates, weights, interpolant or Interpolant())


def noisy(data: Orbits, seed: int, t: Tensor) -> Tensor:
    x0 = data.quotient.center(normal(seed, *data.templates.shape[1:], dtype=data.templates.dtype))
    return (1 - t) * x0 + t * data.templates[seed % len(data.templates)]


# Two routes to every number


def circle(radii: Tensor, weights: Tensor, size: float, t: float) -> dict[str, float]:
    """The five variances in the plane at |x_t| = size, by ratios of Bessel functions."""
    ell, a2 = radii.numpy(), (1 - t) ** 2
    kappa = t * size * ell / a2
    logs = np.log(weights.numpy()) + np.log(special.ive(0, kappa)) + kappa - t**2 * ell**2 / (2 * a2)
    r = np.exp(logs - special.logsumexp(logs))
    first, second = (special.ive(k, kappa) / special.ive(0, kappa) for k in (1, 2))
    mean = (r * ell * first).sum()
    aligned = (r * ell**2).sum() - (r * ell).sum() ** 2
    return {
        "equivariant": (r * ell**2).sum() - mean**2,
        "quotient": (r * ell**2 * (1 + second) / 2).sum() - mean**2,
        "orbit averaged": (r * (ell * first) ** 2).sum() - mean**2,
        "orbit averaged, projected": (r * (ell * first) ** 2).sum() - mean**2,
        "aligned target": aligned,
        "aligned prediction": aligned,
    }


def treatments(posterior: OrbitPosterior) -> dict[str, Treatment]:
    return {
        "equivariant": Equivariant(),
        "quotient": Quotient(),
        "orbit averaged": OrbitAveraged(posterior),
        "orbit averaged, projected": OrbitAveraged(posterior, projected=True),
        "aligned target": AlignedTarget(),
        "aligned prediction": AlignedPrediction(),
    }


def seen(treatment: Treatment, x1: Tensor, x_t: Tensor, t: Tensor, data: Orbits, guess: Tensor) -> Tensor:
    """What the loss compares predictions with, for each x1."""
    here = x_t.expand_as(x1).contiguous()
    sample = InterpolantSample(x0=(here - t * x1) / (1 - t), x1=x1, noise=0 * x1, t=t, x_t=here, velocity=0 * x1)
    setting = Setting(data.quotient, data.interpolant, Denoiser())
    target = treatment.target(guess.expand_as(x1).contiguous(), sample, setting)
    return -treatment.residual(0 * target, target, here, data.quotient)


@pytest.mark.parametrize(("size", "t"), [(0.05, 0.1), (0.7, 0.4), (1.2, 0.6), (1.6, 0.8)])
def test_bessel_ratios_give_the_variance_of_every_target_in_the_plane(size: float, t: float) -> None:
    """Targets of the treatments at 96 angles of each ring, weighted by the law of x_t: the trapezoid is exact."""
    data = orbits("R2/SO(2)", 0, count=3, scale=1.5)
    radii, time = data.templates.norm(dim=(-2, -1)), number(t)
    x_t = torch.tensor([[0.6, -0.8]], dtype=torch.float64) * size
    angle = torch.arange(96, dtype=torch.float64) * (2 * torch.pi / 96)
    x1 = (radii[:, None, None] * torch.stack([angle.cos(), angle.sin()], -1)).reshape(-1, 1, 2)
    logs = data.weights.log().repeat_interleave(96) - ((x_t - time * x1) ** 2).sum((-2, -1)) / (2 * (1 - time) ** 2)
    weights = torch.softmax(logs, 0)
    aligned = (weights[:, None, None] * seen(AlignedTarget(), x1, x_t, time, data, x_t)).sum(0)
    expected, finite = circle(radii, data.weights, size, t), data.variances(x_t, time)
    for name, treatment in treatments(data.posterior).items():
        targets = seen(treatment, x1, x_t, time, data, aligned)
        mean = (weights[:, None, None] * targets).sum(0)
        measured = float((weights * ((targets - mean) ** 2).sum((-2, -1))).sum())
        assert measured == pytest.approx(expected[name], rel=1e-9, abs=1e-12), name
        assert finite.get(name, measured) == pytest.approx(measured, rel=1e-9, abs=1e-12), name


@EACH
@pytest.mark.parametrize("seed", range(4))
def test_projection_removes_the_curvature_term(name: str, seed: int) -> None:
    """E|V x1|^2 = -(a^2 / beta) <E[x1 | x_t], H(x_t)>: by second derivatives of log Z, and by the mean curvature."""
    data, t = orbits(name, seed, scale=1.5), number(0.2 + 0.2 * seed)
    x_t = noisy(data, seed + 9, t)
    exact = data.variances(x_t, t)
    assert exact["equivariant"] - exact["quotient"] == pytest.approx(data.removed(x_t, t), rel=1e-7)
    assert data.removed(x_t, t) > 1e-3


# The law of total variance


@EACH
@settings(max_examples=12)
@given(seed=st.integers(0, 2**20), t=st.floats(0.02, 0.95), scale=st.floats(0.05, 4.0), count=st.integers(1, 4))
def test_averaging_never_adds_variance(name: str, seed: int, t: float, scale: float, count: int) -> None:
    """Orbit-averaged <= quotient <= equivariant at every x_t: the averaged target is the conditional mean, given the
    orbit, of x1 and, because it is horizontal, of P x1."""
    data, time = orbits(name, seed, count=count, scale=scale), number(t)
    x_t = noisy(data, seed + 9, time)
    r, means = data.given(x_t, time)
    here = x_t.expand_as(means).contiguous()
    vertical = data.quotient.vertical_projection(means, here)
    assert float(data.inner(vertical, vertical).max()) < 1e-18 * scale**2
    sizes = data.inner(data.templates, data.templates)
    equivariant, averaged = (data.spread(r, means, second) for second in (sizes, data.inner(means, means)))
    slack = 1e-9 * scale**2
    assert averaged <= equivariant - data.removed(x_t, time) + slack
    assert data.removed(x_t, time) >= -slack
    assert averaged >= -slack


def test_springs_break_the_order_of_averaging_and_projection() -> None:
    """With a harmonic prior the averaged target is not horizontal, and may be noisier than P x1; its horizontal part
    never is."""
    springs = 4.0 * torch.tensor([[0, 9, 0, 0], [9, 0, 1, 0], [0, 1, 0, 0.1], [0, 0, 0.1, 0]], dtype=torch.float64)
    data = orbits("R4x3/SE(3)", 3, interpolant=Interpolant(prior=HarmonicPrior(springs)))
    close = data.templates[0] + 0.05 * data.quotient.center(normal(4, 2, 4, 3))
    data = Orbits(data.quotient, data.posterior, close, torch.full((2,), 0.5, dtype=torch.float64), data.interpolant)
    for t in (0.8, 0.9, 0.95):
        x_t = number(t) * data.templates.mean(0)
        found = data.variances(x_t, number(t))
        assert found["orbit averaged"] > 1.25 * found["quotient"]
        assert found["orbit averaged, projected"] < found["quotient"]
        assert found["orbit averaged"] < found["equivariant"]


# Against the aligned targets no order holds


def as_pair(data: Orbits, templates: Tensor) -> Orbits:
    return Orbits(data.quotient, data.posterior, templates, torch.full((2,), 0.5).double(), data.interpolant)


@pytest.mark.parametrize(
    ("size", "averaged", "aligned"), [(0.4, 0.0235077, 0.0388524), (1.3, 0.0410009, 0.0386693)], ids=["near", "far"]
)
def test_averaged_against_aligned_in_the_plane(size: float, averaged: float, aligned: float) -> None:
    """Rings of radius 1 and 1.4 at t = 1/2: near the centre averaging is quieter, further out the aligned target is."""
    data, t = as_pair(orbits("R2/SO(2)", 0), torch.tensor([[[1.0, 0.0]], [[1.4, 0.0]]], dtype=torch.float64)), 0.5
    exact = circle(data.templates.norm(dim=(-2, -1)), data.weights, size, t)
    found = data.variances(torch.tensor([[0.0, size]], dtype=torch.float64), number(t))
    for one in (exact, found):
        assert one["orbit averaged"] == pytest.approx(averaged, rel=1e-5)
        assert one["aligned target"] == pytest.approx(aligned, rel=1e-5)
    assert exact["aligned prediction"] == exact["aligned target"]


@pytest.mark.parametrize(
    ("t", "seed", "averaged", "aligned"), [(0.2, 0, 0.0555419, 0.1454321), (0.5, 11, 0.1523795, 0.1372928)]
)
def test_averaged_against_aligned_in_space(t: float, seed: int, averaged: float, aligned: float) -> None:
    """Two similar clouds of four points modulo rigid motions."""
    data = orbits("R4x3/SE(3)", 1, scale=1.2)
    first, second = data.templates
    data = as_pair(data, torch.stack([first, first + 0.2 * second]))
    found = data.variances(noisy(data, seed, number(t)), number(t))
    assert found["orbit averaged"] == pytest.approx(averaged, rel=1e-5)
    assert found["aligned target"] == pytest.approx(aligned, rel=1e-5)
    assert (averaged > 1.1 * aligned) == (seed == 11)
