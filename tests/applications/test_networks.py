import json

import pytest
import torch
from rdkit import Chem
from torch import Tensor

from applications.molecular.batching import FeatureBatch, collate
from applications.molecular.checkpoint import load_model, shipped_model_path
from applications.molecular.features import Hydrogens, MoleculeFeatures, featurize
from applications.molecular.networks import (
    EQUIVARIANT_TINY,
    ETFLOW_O3,
    ETFLOW_SO3,
    AbstractConformerNetwork,
    EquivariantConfig,
    Isometries,
    NetworkKind,
    PlainConfig,
    Preset,
    PresetError,
    build_network,
    network_from_json,
    network_to_json,
)

SMILES = ["C[C@H](O)C(=O)N", "c1ccncc1C", "C/C=C/[C@@](F)(Cl)CCO", "O"]
SMALL = [
    PlainConfig(width=32, pairs=16, heads=4, blocks=2),
    EquivariantConfig(scalars=24, vectors=8, pairs=16, heads=4, forces=4, blocks=2),
    EquivariantConfig(
        scalars=24, vectors=8, pairs=16, heads=4, forces=4, blocks=2, isometries=Isometries.ROTATIONS_AND_REFLECTIONS
    ),
]
EQUIVARIANT, REFLECTING = SMALL[1:]


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


@pytest.mark.parametrize(
    ("kind", "preset", "millions"),
    [
        (NetworkKind.PLAIN, Preset.TINY, 2.11),
        (NetworkKind.PLAIN, Preset.SMALL, 3.46),
        (NetworkKind.EQUIVARIANT, Preset.TINY, 1.25),
        (NetworkKind.EQUIVARIANT, Preset.SMALL, 2.51),
        (NetworkKind.EQUIVARIANT, Preset.ETFLOW_SO3, 9.05),
        (NetworkKind.EQUIVARIANT, Preset.ETFLOW_O3, 8.33),
    ],
)
def test_presets_have_the_sizes_of_their_names(kind: NetworkKind, preset: Preset, millions: float) -> None:
    config = preset.config(kind)
    with torch.device("meta"):
        size = sum(p.numel() for p in build_network(config).parameters())
    assert size / 1e6 == pytest.approx(millions, abs=0.01)
    assert network_from_json(kind, json.loads(json.dumps(network_to_json(config)))) == config


def test_presets_of_the_equivariant_family_have_the_published_sizes_and_symmetry() -> None:
    for config, isometries in (
        (ETFLOW_SO3, Isometries.ROTATIONS),
        (ETFLOW_O3, Isometries.ROTATIONS_AND_REFLECTIONS),
    ):
        assert (config.blocks, config.scalars, config.heads, config.radial) == (20, 160, 8, 64)
        assert config.isometries is isometries


def test_presets_of_another_family_are_refused() -> None:
    for preset in (Preset.ETFLOW_O3, Preset.ETFLOW_SO3):
        with pytest.raises(PresetError, match="network plain, expected one of tiny, small"):
            preset.config(NetworkKind.PLAIN)


def test_configurations_written_before_a_field_existed_take_its_default() -> None:
    """Cards of models had seven fields before `radial` and `isometries`."""
    written = json.loads((shipped_model_path().parent / "model.json").read_text())["spec"]["network"]
    values = {name: written[name] for name in ("scalars", "vectors", "pairs", "heads", "forces", "blocks", "expansion")}
    assert set(written) - set(values) == {"radial", "isometries"}
    config = network_from_json(NetworkKind.EQUIVARIANT, values)
    assert config == EQUIVARIANT_TINY
    assert load_model().spec.network == config
    with pytest.raises(ValueError, match="is not a valid Isometries"):
        network_from_json(NetworkKind.EQUIVARIANT, {**values, "isometries": "U(3)"})


def test_all_parameters_take_part_in_every_step() -> None:
    """DDP waits for the gradient of each, also in batches without stereocentres."""
    batch = collate(molecules()[1:2], scale=2.0)
    for config in SMALL:
        network = make(config)
        network(torch.randn(1, batch.n_atoms, 3), torch.tensor([0.4]), batch).square().sum().backward()
        assert all(p.grad is not None for p in network.parameters())


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (torch.float64, 1e-12)])
@pytest.mark.parametrize("config", [EQUIVARIANT, REFLECTING])
def test_the_equivariant_network_commutes_with_rotations(
    config: EquivariantConfig, dtype: torch.dtype, tolerance: float
) -> None:
    batch = collate(molecules(), scale=2.0).to(dtype)
    network = make(config).to(dtype)
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


@pytest.mark.parametrize("config", [EQUIVARIANT, ETFLOW_SO3, REFLECTING, ETFLOW_O3])
def test_reflections_commute_with_the_o3_network_and_not_with_the_so3_one(config: EquivariantConfig) -> None:
    batch = collate(molecules(), scale=2.0).to(torch.float64)
    network = make(config).double()
    x, t = inputs(batch, torch.float64)
    with torch.no_grad():
        out = network(x, t, batch)
        for seed in range(2):
            mirror = -rotation(seed)
            gap = (network(x @ mirror.mT, t, batch) - out @ mirror.mT).abs().amax((-2, -1)) / out.abs().max()
            if config.sees_hands:
                assert gap[0] > 1e-4
                assert gap[1] > 1e-5  # no stereocentre: cross products alone
            else:
                assert gap.max() < 1e-11


def test_the_o3_network_cannot_tell_hands_apart() -> None:
    pair = [featurize(Chem.MolFromSmiles(s), hydrogens=Hydrogens.PLACED) for s in ("C[C@H](O)N", "C[C@@H](O)N")]
    batch = collate(pair, scale=2.0).to(torch.float64)
    x, _ = inputs(batch, torch.float64)
    out = make(REFLECTING).double()(x[:1].expand(2, -1, -1), torch.full((2,), 0.5, dtype=torch.float64), batch)
    assert torch.equal(out[0], out[1])


def test_coordinates_and_forces_keep_their_precision_under_autocast() -> None:
    batch = collate(molecules(), scale=2.0)
    x, t = inputs(batch)
    for config in SMALL:
        network = make(config)
        out = network(x, t, batch)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            low = network(x, t, batch)
            far = network(x + 100.0 * batch.mask[..., None], t, batch) if config is not SMALL[0] else low
        assert low.dtype is torch.float32
        assert 0 < (low - out).norm() < 0.05 * out.norm()
        # Centred coordinates lose nothing to an offset but the rounding of float32.
        assert (far - low).norm() < 0.02 * low.norm()


@pytest.mark.parametrize("config", SMALL[:2])
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
