"""Networks of one's own: what a model makes of their outputs, conditions, and lost symmetry."""

from typing import Any, final

import pytest
import torch
from torch import Tensor, nn

from diffusion import (
    Denoiser,
    Equivariant,
    Heun,
    Interpolant,
    NotEquivariantError,
    ODESampler,
    OrbitMixture,
    PredictorCorrectorSampler,
    Quotient,
    QuotientModel,
    Sampler,
    SDESampler,
    Velocity,
    equivariance_error,
    log_likelihood,
    power_grid,
    uniform_grid,
)
from diffusion.training import AbstractBatches, OptimizerConfig, QuotientTrainingModule, TrainingBatch
from groups import GroupAction, RotationAction, SpecialOrthogonal, VectorAction
from quotient import CenteredClouds, Euclidean, GeneratorNoise, GroupQuotient, OrbitSpace, ShapeSpace
from quotient.orbit_posterior import orbit_posterior

ROTATIONS = VectorAction(SpecialOrthogonal(3))
SPACE = GroupQuotient(Euclidean(3), ROTATIONS)


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def oracle() -> OrbitMixture:
    templates = torch.tensor([[1.5, 0.0, 0.0], [0.0, 3.0, 0.0]], dtype=torch.float64)
    return OrbitMixture(SPACE, ROTATIONS, orbit_posterior(ROTATIONS), templates, jitter=0.3, interpolant=Interpolant())


@pytest.mark.parametrize("batch", [(), (4,), (2, 3)], ids=str)
def test_denoising_and_velocity_networks_are_the_same_model(batch: tuple[int, ...]) -> None:
    truth = oracle()
    models = [
        QuotientModel(lambda x, t, _: truth.denoiser(x, t), SPACE, parameterization=Denoiser()),
        QuotientModel(lambda x, t, _: truth.velocity(x, t), SPACE, parameterization=Velocity()),
    ]
    x, t = normal(0, *batch, 3), torch.tensor(0.4, dtype=torch.float64)
    for model in models:
        torch.testing.assert_close(model.velocity()(x, t), truth.velocity(x, t), rtol=1e-10, atol=1e-10)
        torch.testing.assert_close(model.denoiser()(x, t), truth.denoiser(x, t), rtol=1e-10, atol=1e-10)


def test_networks_get_a_time_for_each_point_in_their_precision() -> None:
    seen: list[Tensor] = []

    def network(x: Tensor, t: Tensor, condition: Any) -> Tensor:
        assert condition == "here"
        seen.append(t)
        return -x

    model = QuotientModel(network, SPACE)
    x0 = normal(0, 5, 2, 3).float()
    model.sample(ODESampler(uniform_grid(3)), x0, GeneratorNoise(torch.Generator()), condition="here")
    assert [t.shape for t in seen] == [(5, 2)] * 3
    assert all(t.dtype == torch.float32 for t in seen)


SAMPLERS = {
    "ode": ODESampler(power_grid(16, 1.5), method=Heun()),
    "sde": SDESampler(power_grid(40, 1.5), Interpolant()),
    "predictor-corrector": PredictorCorrectorSampler(power_grid(16, 1.5), Interpolant(), method=Heun()),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SAMPLERS))
def test_every_sampler_draws_from_a_model(name: str) -> None:
    """From prior points to the target of the oracle, whatever vertical motion the network adds."""
    truth = oracle()
    spin = torch.linalg.cross

    def network(x: Tensor, t: Tensor, _: Any) -> Tensor:
        axis = torch.tensor([0.0, 0.0, 3.0], dtype=x.dtype).expand_as(x)
        return truth.denoiser(x, t) + spin(axis, x)

    sampler: Sampler = SAMPLERS[name]
    model = QuotientModel(network, SPACE, parameterization=Denoiser())
    noise = GeneratorNoise(torch.Generator().manual_seed(1))
    radius = model.sample(sampler, torch.zeros(400, 3, dtype=torch.float64), noise).x.norm(dim=-1)
    expected = truth.sample(20_000, torch.Generator().manual_seed(2)).norm(dim=-1)
    standard = float(expected.std()) / 400**0.5
    assert abs(float(radius.mean() - expected.mean())) < 4.5 * standard


def test_predicted_points_are_projected() -> None:
    space = ShapeSpace(4, 3)
    x = space.center(normal(3, 2, 4, 3))
    model = QuotientModel(lambda x, t, _: x @ normal(4, 3, 3), space, parameterization=Denoiser())
    denoised = model.denoiser()(x, torch.tensor(0.5, dtype=torch.float64))
    assert float(space.vertical_projection(denoised, x).abs().max()) < 1e-12


class AboutAxis(GroupAction):
    """Rotations of space about the third axis."""

    group = SpecialOrthogonal(2)

    def act(self, g: Tensor, x: Tensor) -> Tensor:
        turned = torch.einsum("...ij,...j->...i", g, x[..., :2])
        return torch.cat([turned, x[..., 2:].expand(*turned.shape[:-1], 1)], -1)


def field_of(condition: Any) -> OrbitSpace:
    """A field along the third axis leaves the rotations about it."""
    return SPACE if condition is None else GroupQuotient(Euclidean(3), AboutAxis())


def falling(x: Tensor, _t: Tensor, condition: Any) -> Tensor:
    """Equivariant under all rotations without a field."""
    return -x if condition is None else condition - x


def test_a_condition_shrinks_the_group() -> None:
    model = QuotientModel(falling, field_of)
    down = torch.tensor([0.0, 0.0, -1.0], dtype=torch.float64)
    x, t = normal(5, 6, 3), torch.tensor(0.5, dtype=torch.float64)

    def error(space: OrbitSpace, action: GroupAction, condition: Tensor | None) -> float:
        generator = torch.Generator().manual_seed(0)
        return float(equivariance_error(space, action, model.velocity(condition), x, t, generator).max())

    assert error(SPACE, ROTATIONS, None) < 1e-12
    assert error(SPACE, ROTATIONS, down) > 0.1
    assert error(model.space(down), AboutAxis(), down) < 1e-12
    assert int(model.space(down).principal_orbit_dimension) == 1
    assert int(model.space(None).principal_orbit_dimension) == 2


def test_vertical_parts_do_not_count_as_lost_symmetry() -> None:
    def field(x: Tensor, _t: Tensor) -> Tensor:
        return -x + torch.linalg.cross(torch.tensor([0.0, 0.0, 1.0], dtype=x.dtype).expand_as(x), x)

    x, t = normal(6, 6, 3), torch.tensor(0.5, dtype=torch.float64)
    assert float(equivariance_error(SPACE, ROTATIONS, field, x, t, torch.Generator()).max()) < 1e-12


def test_likelihoods_of_networks_without_the_symmetry_are_refused() -> None:
    space, action = GroupQuotient(CenteredClouds(3, 2), RotationAction(2)), RotationAction(2)
    x = space.center(normal(7, 4, 3, 2))

    def sound(x: Tensor, _t: Tensor) -> Tensor:
        return -x

    def broken(x: Tensor, _t: Tensor) -> Tensor:
        return -x * torch.tensor([1.0, 2.0], dtype=x.dtype)

    grid = uniform_grid(4)
    value = log_likelihood(space, x, sound, grid, action=action).log_density
    torch.testing.assert_close(value, log_likelihood(space, x, sound, grid).log_density)
    with pytest.raises(NotEquivariantError, match="RotationAction changes the velocity"):
        log_likelihood(space, x, broken, grid, action=action)


@final
class Radii(AbstractBatches):
    """Points at distance two from the origin, in directions of their own: the same batch at every step."""

    def at(self, step: int, *, rank: int = 0, world_size: int = 1) -> TrainingBatch:
        x = normal(8, 64, 3).float()
        return TrainingBatch(
            points=2 * x / x.norm(dim=-1, keepdim=True),
            t=torch.rand(64, generator=torch.Generator().manual_seed(9)),
            seeds=torch.arange(64),
        )


@final
class Scaling(nn.Module):
    """One number: how much of x_t the denoiser keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(0.5))

    def forward(self, x: Tensor, t: Tensor, condition: Any) -> Tensor:
        return self.factor * x


def test_training_takes_the_parameterization_of_the_model() -> None:
    """The loss of a denoising network is |P(D - x1)|^2: here only lengths count."""
    batch = Radii().at(0)
    model = QuotientModel(Scaling(), SPACE, parameterization=Denoiser())

    def losses(treatment: Quotient | Equivariant) -> Tensor:
        return (
            QuotientTrainingModule(model=model, treatment=treatment, optimizer=OptimizerConfig(), train_batches=Radii())
            .losses(batch)
            .detach()
        )

    free, all_of_it = losses(Quotient()), losses(Equivariant())
    assert bool((free <= all_of_it + 1e-6).all())
    assert float(free.mean()) < 0.9 * float(all_of_it.mean())
    with pytest.raises(TypeError, match=r"torch\.nn\.Module"):
        QuotientTrainingModule(
            model=QuotientModel(falling, SPACE),
            treatment=Quotient(),
            optimizer=OptimizerConfig(),
            train_batches=Radii(),
        )
