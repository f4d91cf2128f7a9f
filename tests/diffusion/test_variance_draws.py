"""The noise of the regression target given x_t for data with jitter, by exact draws of x1 given x_t."""

from dataclasses import dataclass
from functools import cache

import pytest
import torch
from torch import Tensor

from diffusion import (
    AlignedTarget,
    Denoiser,
    Equivariant,
    Interpolant,
    InterpolantSample,
    OrbitAveraged,
    OrbitMixture,
    Quotient,
    Setting,
    Treatment,
)
from groups import GroupAction, RotationAction
from quotient import GroupQuotient, OrbitSpace, PointClouds, ShapeSpace
from quotient.orbit_posterior import orbit_posterior

CRITICAL = 3.9
TIME, JITTER = torch.tensor(0.5, dtype=torch.float64), 0.5
COUNT, TRIED = 2000, 100_000


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@cache
def spaces() -> dict[str, tuple[OrbitSpace, GroupAction]]:
    plane = RotationAction(2)
    return {
        "R2/SO(2)": (GroupQuotient(PointClouds(1, 2), plane), plane),
        "R4x3/SE(3)": (ShapeSpace(4, 3), RotationAction(3)),
    }


EACH = pytest.mark.parametrize("name", list(spaces()))
SEEDS = pytest.mark.parametrize("seed", range(3))


def dot(first: Tensor, second: Tensor) -> Tensor:
    """Inner products of batches of points with points."""
    return (first * second).flatten(1).sum(1)


@dataclass(frozen=True)
class Drawn:
    """Independent draws of x1 given one x_t.

    Attributes:
        mixture: the law of x1.
        x_t: the point.
        x1: draws, ``[COUNT, *shape]``.
    """

    mixture: OrbitMixture
    x_t: Tensor
    x1: Tensor

    def seen(self, treatment: Treatment) -> Tensor:
        """What the loss compares predictions with, for each x1."""
        here = self.x_t.expand_as(self.x1).contiguous()
        x0 = (here - TIME * self.x1) / (1 - TIME)
        sample = InterpolantSample(x0=x0, x1=self.x1, noise=0 * x0, t=TIME, x_t=here, velocity=self.x1 - x0)
        setting = Setting(self.mixture.quotient, self.mixture.interpolant, Denoiser())
        target = treatment.target(here, sample, setting)
        return -treatment.residual(0 * target, target, here, self.mixture.quotient)


@cache
def drawn(name: str, seed: int) -> Drawn:
    """The template by its probability given x_t, its turn by rejection from Haar measure, then a normal law."""
    quotient, action = spaces()[name]
    generator = torch.Generator().manual_seed(seed)
    templates = quotient.center(0.8 * normal(10 + seed, 2, *quotient.total_space.shape))
    mixture = OrbitMixture(
        quotient, action, orbit_posterior(action), templates, jitter=JITTER, interpolant=Interpolant()
    )
    x0 = quotient.center(normal(20 + seed, *templates.shape[1:]))
    x_t = (1 - TIME) * x0 + TIME * templates[seed % 2]
    a2 = (1 - TIME) ** 2
    s2 = a2 + TIME**2 * JITTER**2
    dual = TIME * x_t / s2
    many = dual.expand_as(templates).contiguous()
    logs = mixture.posterior.log_normalizer(many, templates) - TIME**2 * dot(templates, templates) / (2 * s2)
    chosen = torch.multinomial(torch.softmax(logs, 0), COUNT, replacement=True, generator=generator)
    turned = torch.empty(COUNT, *x_t.shape, dtype=x_t.dtype)
    for k, m in enumerate(templates):
        tried = action.act(action.group.random((TRIED,), generator, m), m)
        chance = (dot(tried, dual) - (quotient.align(m, dual).point * dual).sum()).exp()
        assert float(chance.max()) < 1 + 1e-9
        kept = tried[torch.rand(TRIED, generator=generator, dtype=torch.float64) < chance]
        wanted = int((chosen == k).sum())
        assert len(kept) >= wanted
        turned[chosen == k] = kept[:wanted]
    noise = quotient.center(torch.randn(turned.shape, generator=generator, dtype=turned.dtype))
    x1 = (TIME * JITTER**2 * x_t + a2 * turned) / s2 + (a2 / s2).sqrt() * JITTER * noise
    return Drawn(mixture, x_t, x1)


def z_score(values: Tensor) -> float:
    """Of the mean against zero."""
    return float(values.mean() / (values.std() / len(values) ** 0.5))


@EACH
@SEEDS
def test_the_averaged_target_has_the_mean_of_the_equivariant_one(name: str, seed: int) -> None:
    """Along the denoiser, paired with x1 itself; the aligned target has another mean."""
    draws = drawn(name, seed)
    denoiser = draws.mixture.denoiser(draws.x_t, TIME)
    averaged, aligned = draws.seen(OrbitAveraged(draws.mixture.posterior)), draws.seen(AlignedTarget())
    assert abs(z_score(dot(draws.x1 - denoiser, denoiser))) < CRITICAL
    assert abs(z_score(dot(averaged - denoiser, denoiser))) < CRITICAL
    assert abs(z_score(dot(averaged - draws.x1, denoiser))) < CRITICAL
    assert z_score(dot(aligned - denoiser, denoiser)) > 2 * CRITICAL
    assert z_score(dot(aligned - draws.x1, denoiser)) > 2 * CRITICAL


@EACH
@SEEDS
def test_the_law_of_total_variance_with_jitter(name: str, seed: int) -> None:
    """Paired squared deviations: averaged below quotient below equivariant, each by many standard errors."""
    draws = drawn(name, seed)
    deviations = []
    for treatment in (OrbitAveraged(draws.mixture.posterior), Quotient(), Equivariant()):
        targets = draws.seen(treatment)
        deviations.append(dot(targets - targets.mean(0), targets - targets.mean(0)))
    assert z_score(deviations[1] - deviations[0]) > CRITICAL
    assert z_score(deviations[2] - deviations[1]) > CRITICAL


@EACH
@SEEDS
def test_the_curvature_term_with_jitter(name: str, seed: int) -> None:
    """E|V x1|^2 = -(a^2 / beta) <D, H> holds for every invariant law; not with the noise of the jitter in a^2."""
    draws = drawn(name, seed)
    quotient, here = draws.mixture.quotient, draws.x_t.expand_as(draws.x1).contiguous()
    vertical = quotient.vertical_projection(draws.x1, here).square().flatten(1).sum(1)
    pull = -(draws.mixture.denoiser(draws.x_t, TIME) * quotient.mean_curvature(draws.x_t)).sum()
    a2 = (1 - TIME) ** 2
    assert abs(z_score(vertical - a2 / TIME * pull)) < CRITICAL
    assert z_score(vertical - (a2 + TIME**2 * JITTER**2) / TIME * pull) < -CRITICAL
