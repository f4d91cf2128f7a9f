"""Every treatment, coupling and prior of the command line on ragged batches of molecules."""

from dataclasses import replace
from typing import final

import pytest
import torch
from rdkit import Chem
from torch import Tensor

from applications.molecular.batching import FeatureBatch, collate
from applications.molecular.choices import Coupling, PriorKind, Symmetry
from applications.molecular.features import Hydrogens, featurize
from applications.molecular.model import ConformerModel, ModelSpec, shape_space
from applications.molecular.networks import AbstractConformerNetwork, PlainConfig
from applications.molecular.sampling import ModelSampler
from applications.molecular.sampling_settings import SamplerKind, SamplingSettings
from diffusion import Equivariant, OrbitAveraged, Quotient
from diffusion.training import AbstractBatches, OptimizerConfig, QuotientTrainingModule, TrainingBatch
from quotient import CounterNoise

SCALE = 2.0
SPEC = ModelSpec(
    network=PlainConfig(width=16, pairs=8, heads=2, blocks=1),
    hydrogens=Hydrogens.PLACED,
    symmetry=Symmetry.QUOTIENT,
    coupling=Coupling.INDEPENDENT,
    scale=SCALE,
)
FEATURES = [featurize(Chem.MolFromSmiles(s), hydrogens=Hydrogens.PLACED) for s in ("CCCO", "CC(C)C(=O)NC1CC1", "CO")]


def batch_of(features: list) -> TrainingBatch:  # type: ignore[type-arg]
    condition = collate(features, scale=SCALE)
    points = torch.randn(len(features), condition.n_atoms, 3, generator=torch.Generator().manual_seed(0))
    return TrainingBatch(
        points=points * condition.mask[..., None],
        t=torch.linspace(0.2, 0.8, len(features)),
        seeds=torch.arange(len(features)),
        condition=condition,
    )


class Fixed(AbstractBatches):
    """One batch for ever."""

    def at(self, step: int, *, rank: int = 0, world_size: int = 1) -> TrainingBatch:
        return batch_of(FEATURES)


def losses(spec: ModelSpec, batch: TrainingBatch) -> Tensor:
    torch.manual_seed(0)
    network = ConformerModel.untrained(spec).network.train().requires_grad_(True)
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    module = QuotientTrainingModule(
        model=spec.diffusion(network),
        treatment=spec.symmetry.treatment(),
        optimizer=OptimizerConfig(),
        train_batches=Fixed(),
    )
    found = module.losses(batch)
    found.sum().backward()
    assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in network.parameters())
    return found.detach()


@pytest.mark.parametrize("symmetry", list(Symmetry))
@pytest.mark.parametrize("prior", list(PriorKind))
@pytest.mark.parametrize("coupling", list(Coupling))
def test_losses_do_not_depend_on_the_batch(symmetry: Symmetry, prior: PriorKind, coupling: Coupling) -> None:
    """A molecule has the loss that it has alone, unpadded; combinations without a known posterior are refused."""
    averaged = symmetry in (Symmetry.ORBIT_AVERAGED, Symmetry.ORBIT_AVERAGED_UNPROJECTED)
    if averaged and coupling is Coupling.ORBIT_ALIGNED:
        with pytest.raises(ValueError, match="use the coupling independent"):
            replace(SPEC, symmetry=symmetry, coupling=coupling)
        return
    spec = replace(SPEC, symmetry=symmetry, prior=prior, coupling=coupling)
    batch = batch_of(FEATURES)
    together = losses(spec, batch)
    assert bool((together > 0).all())
    for row, item in enumerate(FEATURES):
        alone = TrainingBatch(
            points=batch.points[row : row + 1, : item.n_atoms],
            t=batch.t[row : row + 1],
            seeds=batch.seeds[row : row + 1],
            condition=collate([item], scale=SCALE),
        )
        torch.testing.assert_close(losses(spec, alone)[0], together[row], rtol=2e-4, atol=1e-5)


@final
class Sine(AbstractConformerNetwork):
    """A network whose operations autocast leaves alone."""

    def forward(self, x_t: Tensor, t: Tensor, features: FeatureBatch) -> Tensor:
        return torch.sin(3.0 * x_t) * features.mask[..., None]


@pytest.mark.parametrize("symmetry", list(Symmetry))
@pytest.mark.parametrize("prior", list(PriorKind))
def test_geometry_keeps_its_precision_under_autocast(symmetry: Symmetry, prior: PriorKind) -> None:
    """Interpolant, targets, projection and loss have the same bits in a run in bfloat16; networks do not."""
    spec = replace(SPEC, symmetry=symmetry, prior=prior)
    batch = batch_of(FEATURES)

    def losses_by(network: AbstractConformerNetwork) -> Tensor:
        module = QuotientTrainingModule(
            model=spec.diffusion(network),
            treatment=spec.symmetry.treatment(),
            optimizer=OptimizerConfig(),
            train_batches=Fixed(),
        )
        return module.losses(batch).detach()

    torch.manual_seed(0)
    network = ConformerModel.untrained(spec).network
    plain, plain_of_network = losses_by(Sine()), losses_by(network)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(losses_by(Sine()), plain)
        low = losses_by(network)
        # The control: without protection the harmonic prior itself would be drawn in bfloat16.
        drawn = (
            replace(SPEC, prior=PriorKind.HARMONIC)
            .path(batch.condition)
            .prior.sample(shape_space(batch.condition), batch.points, CounterNoise(batch.seeds))
        )
    assert low.dtype is torch.float32
    assert not torch.equal(low, plain_of_network)
    torch.testing.assert_close(low, plain_of_network, rtol=0.05, atol=0.01)
    right = (
        replace(SPEC, prior=PriorKind.HARMONIC)
        .path(batch.condition)
        .prior.sample(shape_space(batch.condition), batch.points, CounterNoise(batch.seeds))
    )
    assert (drawn.float() - right).abs().max() > 1e-4


def test_treatments_are_those_of_their_names() -> None:
    kinds = {symmetry: symmetry.treatment() for symmetry in Symmetry}
    assert isinstance(kinds[Symmetry.QUOTIENT], Quotient)
    assert isinstance(kinds[Symmetry.EQUIVARIANT], Equivariant)
    for symmetry, projected in ((Symmetry.ORBIT_AVERAGED, True), (Symmetry.ORBIT_AVERAGED_UNPROJECTED, False)):
        treatment = kinds[symmetry]
        assert isinstance(treatment, OrbitAveraged)
        assert treatment.projected is projected
    exact = {symmetry for symmetry, treatment in kinds.items() if treatment.exact_sampler}
    assert exact == set(Symmetry) - {Symmetry.ALIGNED_TARGET, Symmetry.ALIGNED_PREDICTION}


@pytest.mark.parametrize("prior", list(PriorKind))
def test_specifications_keep_their_prior(prior: PriorKind) -> None:
    spec = replace(SPEC, prior=prior)
    assert ModelSpec.from_json(spec.to_json()) == spec
    old = {name: value for name, value in spec.to_json().items() if name != "prior"}
    assert ModelSpec.from_json(old).prior is PriorKind.GAUSSIAN


def test_harmonic_noise_keeps_bonds_short() -> None:
    """In a chain each bond has mean square 3 / k, whatever its neighbours; three bonds apart it is three times that."""
    count = 4000
    batch = collate([FEATURES[0]] * count, scale=SCALE)
    prior = replace(SPEC, prior=PriorKind.HARMONIC).path(batch).prior
    like = torch.zeros(count, 4, 3, dtype=torch.float64)
    model = ConformerModel.untrained(replace(SPEC, prior=PriorKind.HARMONIC))
    x = prior.sample(model.quotient(batch), like, CounterNoise(torch.arange(count))) * SCALE
    assert float(x.sum(-2).abs().max()) < 1e-10
    for a, b, bonds in ((0, 1, 1), (1, 2, 1), (0, 3, 3)):
        square = ((x[:, a] - x[:, b]) ** 2).sum(-1)
        assert abs(float((square.mean() - 3 * bonds) / (square.std() / count**0.5))) < 3.9


@pytest.mark.parametrize("kind", list(SamplerKind))
@pytest.mark.parametrize("prior", list(PriorKind))
def test_generation_starts_from_the_prior_and_does_not_depend_on_the_batch(kind: SamplerKind, prior: PriorKind) -> None:
    torch.manual_seed(1)
    model = ConformerModel.untrained(replace(SPEC, prior=prior))
    for parameter in model.network.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    sampler = ModelSampler(model, SamplingSettings(steps=5, kind=kind))
    single = featurize(Chem.MolFromSmiles("O"), hydrogens=Hydrogens.PLACED)
    together = sampler.sample([*FEATURES, single], [3, 4, 5, 6])
    assert abs(together[-1]).max() < 1e-6
    for features, seed, expected in zip(FEATURES, [3, 4, 5], together, strict=False):
        (alone,) = sampler.sample([features], [seed])
        torch.testing.assert_close(torch.from_numpy(alone), torch.from_numpy(expected), rtol=0, atol=1e-4)
