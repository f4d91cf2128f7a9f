"""The treatments on quotients of curved spaces, where networks output velocities of geodesics."""

import pytest
import torch
from torch import Tensor

from diffusion import (
    AlignedPrediction,
    AlignedTarget,
    CosineSchedule,
    Denoiser,
    DiffusionError,
    Equivariant,
    Independent,
    Interpolant,
    InterpolantSample,
    OrbitAligned,
    OrbitAveraged,
    Quotient,
    Schedule,
    Setting,
    Treatment,
    UniformSpherePrior,
    Velocity,
)
from diffusion.conversions import align_time
from diffusion.couplings import Coupling
from diffusion.schedules import LinearSchedule
from groups import GroupAction, PhaseAction, RotationAction
from quotient import ComplexHypersphere, GeneratorNoise, GroupQuotient, PreShapes
from quotient.orbit_posterior import orbit_posterior

QUOTIENTS: dict[str, tuple[GroupQuotient, GroupAction]] = {
    "S3/U(1)": (GroupQuotient(ComplexHypersphere(2), PhaseAction()), PhaseAction()),
    "shapes in space": (GroupQuotient(PreShapes(4, 3), RotationAction(3)), RotationAction(3)),
}
EACH = pytest.mark.parametrize("name", list(QUOTIENTS))
TIMES = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9], dtype=torch.float64)


def drawn(name: str, coupling: Coupling, schedule: Schedule | None = None) -> tuple[InterpolantSample, Setting]:
    quotient, _ = QUOTIENTS[name]
    interpolant = Interpolant(schedule or LinearSchedule(), prior=UniformSpherePrior(), coupling=coupling)
    x1 = quotient.total_space.random_point((len(TIMES),), torch.Generator().manual_seed(0))
    sample = interpolant.sample(quotient, x1, TIMES, GeneratorNoise(torch.Generator().manual_seed(1)))
    return sample, Setting(quotient, interpolant, Velocity())


@EACH
@pytest.mark.parametrize("schedule", [LinearSchedule(), CosineSchedule()], ids=["linear", "cosine"])
def test_on_aligned_pairs_nothing_moves(name: str, schedule: Schedule) -> None:
    """There x1 is nearest to x_t in its orbit: every target is the velocity of the pair; not with other pairs."""
    for coupling, same in ((OrbitAligned(), True), (Independent(), False)):
        sample, setting = drawn(name, coupling, schedule)
        for treatment in (AlignedTarget(), AlignedPrediction()):
            found = treatment.target(sample.velocity, sample, setting)
            gap = setting.quotient.total_space.norm(found - sample.velocity, sample.x_t)
            if same:
                assert float(gap.max()) < 1e-9
            else:
                prediction = treatment.target(torch.zeros_like(found), sample, setting)
                assert float((prediction - sample.velocity).abs().amax()) > 0.1


@EACH
def test_aligned_targets_point_along_shortest_geodesics_of_the_quotient(name: str) -> None:
    """Horizontal, of length d(x_t, x1) / (1 - t), and a fixed point of alignment to the prediction."""
    sample, setting = drawn(name, Independent())
    quotient, space = setting.quotient, setting.quotient.total_space
    found = AlignedTarget().target(torch.zeros_like(sample.x_t), sample, setting)
    vertical = quotient.vertical_projection(found, sample.x_t)
    assert float(vertical.abs().max()) < 1e-9
    length = quotient.dist(sample.x1, sample.x_t) / (1 - TIMES)
    torch.testing.assert_close(space.norm(found, sample.x_t), length, rtol=1e-9, atol=1e-9)
    again = AlignedPrediction().target(found, sample, setting)
    torch.testing.assert_close(again, found, rtol=1e-8, atol=1e-8)
    end = space.exp(align_time(1 - TIMES, found) * found, sample.x_t)
    assert float(quotient.dist(end, sample.x1).max()) < 1e-7
    assert bool((space.norm(sample.velocity, sample.x_t) > length + 1e-3).any())


@EACH
@pytest.mark.parametrize("treatment", [Equivariant(), Quotient(), AlignedTarget(), AlignedPrediction()], ids=repr)
def test_losses_do_not_change_when_everything_moves(name: str, treatment: Treatment) -> None:
    sample, setting = drawn(name, Independent())
    quotient, action = QUOTIENTS[name]
    space = quotient.total_space
    noise = GeneratorNoise(torch.Generator().manual_seed(2)).normal(sample.x_t)
    prediction = space.to_tangent(noise, sample.x_t)
    g = action.group.random((len(TIMES),), torch.Generator().manual_seed(3), sample.x_t)

    def loss(moved: InterpolantSample, output: Tensor) -> Tensor:
        target = treatment.target(output, moved, setting)
        return treatment.loss(output, target, moved.x_t, quotient)

    turned = InterpolantSample(
        x0=action.act(g, sample.x0),
        x1=action.act(g, sample.x1),
        noise=sample.noise,
        t=sample.t,
        x_t=action.act(g, sample.x_t),
        velocity=action.act(g, sample.velocity),
    )
    before = loss(sample, prediction)
    assert float(before.min()) > 1e-3
    torch.testing.assert_close(loss(turned, action.act(g, prediction)), before, rtol=1e-8, atol=1e-8)
    along = quotient.vertical_projection(space.to_tangent(noise.flip(0), sample.x_t), sample.x_t)
    target = treatment.target(prediction, sample, setting)
    change = treatment.loss(prediction + along, target, sample.x_t, quotient) - before
    assert (float(change.abs().max()) < 1e-9) == isinstance(treatment, Quotient)


def test_means_are_refused_with_a_remedy() -> None:
    sample, setting = drawn("S3/U(1)", Independent())
    with pytest.raises(DiffusionError, match=r"use Quotient\(\)"):
        OrbitAveraged(orbit_posterior(PhaseAction())).target(sample.velocity, sample, setting)
    denoising = Setting(setting.quotient, setting.interpolant, Denoiser())
    with pytest.raises(DiffusionError, match=r"use Velocity\(\)"):
        AlignedTarget().target(sample.x1, sample, denoising)
