"""Generated shapes and rigid motions of the noise."""

import pytest
import torch
from rdkit import Chem
from torch import Tensor

from applications.molecular.batching import collate
from applications.molecular.choices import Coupling, Symmetry
from applications.molecular.features import Hydrogens, featurize
from applications.molecular.model import ConformerModel, ModelSpec
from applications.molecular.networks import EquivariantConfig, NetworkConfig, PlainConfig
from diffusion import ODESampler, SDESampler, uniform_grid
from groups import SpecialOrthogonal
from quotient import CounterNoise, NoiseSource

SMILES = ["C[C@H](O)C(=O)N", "c1ccncc1C", "C/C=C/[C@@](F)(Cl)CCO", "CC"]
EQUIVARIANT = EquivariantConfig(scalars=24, vectors=8, pairs=16, heads=4, forces=4, blocks=2)
PLAIN = PlainConfig(width=32, pairs=16, heads=4, blocks=2)


class Turned(NoiseSource):
    """The noise of another source, rotated."""

    def __init__(self, source: NoiseSource, rotation: Tensor) -> None:
        self.source, self.rotation = source, rotation

    def normal(self, like: Tensor) -> Tensor:
        return self.source.normal(like) @ self.rotation.mT


def model(config: NetworkConfig, dtype: torch.dtype) -> ConformerModel:
    torch.manual_seed(0)
    spec = ModelSpec(
        network=config,
        hydrogens=Hydrogens.PLACED,
        symmetry=Symmetry.QUOTIENT,
        coupling=Coupling.INDEPENDENT,
        scale=2.0,
    )
    made = ConformerModel.untrained(spec)
    for parameter in made.network.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    made.network.to(dtype)
    return made


def distance_after_moving_the_noise(config: NetworkConfig, dtype: torch.dtype, *, sde: bool) -> Tensor:
    """Shape distance between what a noise and the same noise moved rigidly give, in units of the shape's size."""
    made = model(config, dtype)
    features = [featurize(Chem.MolFromSmiles(s), hydrogens=Hydrogens.PLACED) for s in SMILES]
    batch = collate(features, scale=made.scale).to(dtype)
    space = made.quotient(batch)
    rotation = SpecialOrthogonal(3).random((), torch.Generator().manual_seed(1), torch.zeros((), dtype=dtype))
    like = torch.zeros(batch.size, batch.n_atoms, 3, dtype=dtype)

    def run(turn: Tensor, shift: float) -> Tensor:
        noise = Turned(CounterNoise(torch.arange(len(SMILES))), turn)
        path = made.diffusion.path(batch)
        start = path.prior.sample(space, like, noise) + shift
        sampler = SDESampler(uniform_grid(10), path) if sde else ODESampler(uniform_grid(10))
        with torch.no_grad():
            return sampler.sample(space, start, made.velocity(batch), noise).x

    still, moved = run(torch.eye(3, dtype=dtype), 0.0), run(rotation, 2.0)
    return space.dist(moved, still) / space.total_space.norm(still, still)


@pytest.mark.parametrize("sde", [False, True], ids=["ode", "sde"])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-3), (torch.float64, 1e-7)])
def test_equivariant_network_gives_the_same_shape(dtype: torch.dtype, tolerance: float, *, sde: bool) -> None:
    assert float(distance_after_moving_the_noise(EQUIVARIANT, dtype, sde=sde).max()) < tolerance


def test_plain_network_does_not_by_itself() -> None:
    """What training with random rotations has to teach it: the deviation is there, and it is not a rounding error."""
    assert float(distance_after_moving_the_noise(PLAIN, torch.float64, sde=False).max()) > 1e-4
