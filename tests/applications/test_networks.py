import pytest
import torch
from rdkit import Chem
from torch import Tensor

from applications.molecular.batching import FeatureBatch, collate
from applications.molecular.features import Hydrogens, MoleculeFeatures, featurize
from applications.molecular.networks import (
    EQUIVARIANT_TINY,
    PLAIN_TINY,
    AbstractConformerNetwork,
    EquivariantConfig,
    PlainConfig,
    build_network,
)

SMILES = ["C[C@H](O)C(=O)N", "c1ccncc1C", "C/C=C/[C@@](F)(Cl)CCO", "O"]
SMALL = [
    PlainConfig(width=32, pairs=16, heads=4, blocks=2),
    EquivariantConfig(scalars=24, vectors=8, pairs=16, heads=4, forces=4, blocks=2),
]
EQUIVARIANT = SMALL[1]


def molecules() -> list[MoleculeFeatures]:
    return [featurize(Chem.MolFromSmiles(s), hydrogens=Hydrogens.PLACED) for s in SMILES]


def make(config: PlainConfig | EquivariantConfig, seed: int = 0) -> AbstractConformerNetwork:
    torch.manual_seed(seed)
    network = build_network(config)
    for parameter in network.parameters():
        # Weights that start at zero would hide what they multiply.
        parameter.data += 0.05 * torch.randn_like(parameter)
    return network


def inputs(batch: FeatureBatch, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(batch.size, batch.n_atoms, 3, generator=generator, dtype=torch.float64)
    keep = batch.mask[..., None].to(torch.float64)
    x = (x - (x * keep).sum(1, keepdim=True) / keep.sum(1, keepdim=True)) * keep
    return x.to(dtype), torch.tensor([0.05, 0.4, 0.8, 0.99], dtype=dtype)


def rotation(seed: int) -> Tensor:
    q, _ = torch.linalg.qr(torch.randn(3, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))
    return q * torch.linalg.det(q)


@pytest.mark.parametrize(("config", "most"), [(PLAIN_TINY, 2_400_000), (EQUIVARIANT_TINY, 2_400_000)])
def test_presets_fit_in_five_megabytes_at_half_precision(config: PlainConfig | EquivariantConfig, most: int) -> None:
    assert 500_000 < sum(p.numel() for p in build_network(config).parameters()) < most


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.float64, 1e-12)])
def test_the_equivariant_network_commutes_with_rotations(dtype: torch.dtype, tolerance: float) -> None:
    batch = collate(molecules(), scale=2.0).to(dtype)
    network = make(EQUIVARIANT).to(dtype)
    x, t = inputs(batch, dtype)
    out = network(x, t, batch)
    for seed in range(3):
        turn = rotation(seed).to(dtype)
        difference = network(x @ turn.mT, t, batch) - out @ turn.mT
        assert difference.abs().max() < tolerance * out.abs().max()


def test_it_is_blind_to_translations_but_sees_the_hand() -> None:
    batch = collate(molecules(), scale=2.0).to(torch.float64)
    network = make(EQUIVARIANT).double()
    x, t = inputs(batch, torch.float64)
    out = network(x, t, batch)
    moved = (x + torch.tensor([1.0, -2.0, 0.5])) * batch.mask[..., None]
    assert (network(moved, t, batch) - out).abs().max() < 1e-12 * out.abs().max()
    assert (network(-x, t, batch) + out)[0].abs().max() > 1e-4


@pytest.mark.parametrize("config", SMALL)
def test_the_wanted_hand_changes_the_answer(config: PlainConfig | EquivariantConfig) -> None:
    pair = [featurize(Chem.MolFromSmiles(s), hydrogens=Hydrogens.PLACED) for s in ("C[C@H](O)N", "C[C@@H](O)N")]
    batch = collate(pair, scale=2.0)
    x, _ = inputs(batch)
    out = make(config)(x[:1].expand(2, -1, -1), torch.full((2,), 0.5), batch)
    assert (out[0] - out[1]).abs().max() > 1e-3


@pytest.mark.parametrize("config", SMALL)
def test_padding_and_the_company_in_a_batch_do_not_matter(config: PlainConfig | EquivariantConfig) -> None:
    network = make(config).double()
    items = molecules()
    batch = collate(items, scale=2.0, pad_to=14).to(torch.float64)
    x, t = inputs(batch, torch.float64)
    out = network(x, t, batch)
    assert out[~batch.mask].abs().max() == 0.0
    for row, item in enumerate(items):
        alone = collate([item], scale=2.0).to(torch.float64)
        single = network(x[row : row + 1, : item.n_atoms], t[row : row + 1], alone)
        assert (single[0] - out[row, : item.n_atoms]).abs().max() < 1e-11 * (1.0 + single.abs().max())


@pytest.mark.parametrize("config", SMALL)
def test_exchanging_atoms_exchanges_the_answer(config: PlainConfig | EquivariantConfig) -> None:
    network = make(config).double()
    item = molecules()[2]
    order = torch.randperm(item.n_atoms, generator=torch.Generator().manual_seed(1))
    place = torch.argsort(order)
    swapped = MoleculeFeatures(
        atom_index=item.atom_index[order],
        atoms=item.atoms[order],
        pairs=item.pairs[order][:, order],
        bounds=item.bounds[order][:, order],
        chiral_centre=place[item.chiral_centre],
        chiral_corners=place[item.chiral_corners],
        chiral_sign=item.chiral_sign,
    )
    one, other = (collate([m], scale=2.0).to(torch.float64) for m in (item, swapped))
    x, _ = inputs(one, torch.float64)
    t = torch.tensor([0.6], dtype=torch.float64)
    assert (network(x, t, one)[:, order] - network(x[:, order], t, other)).abs().max() < 1e-11


@pytest.mark.parametrize("config", SMALL)
def test_degenerate_configurations_have_finite_values_and_gradients(
    config: PlainConfig | EquivariantConfig,
) -> None:
    network = make(config)
    batch = collate(molecules(), scale=2.0)
    line = torch.linspace(-1, 1, batch.n_atoms)[:, None] * torch.tensor([1.0, 0.0, 0.0])
    for points in (torch.zeros(4, batch.n_atoms, 3), line.expand(4, -1, -1) * batch.mask[..., None]):
        for time in (0.0, 1.0):
            x = points.clone().requires_grad_()
            out = network(x, torch.full((4,), time), batch)
            out.square().sum().backward()
            assert out.isfinite().all()
            assert x.grad is not None
            assert x.grad.isfinite().all()
            assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())
            network.zero_grad()
