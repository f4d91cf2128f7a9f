"""Networks of backbones: padding, symmetry, chain breaks, sizes."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from applications.molecular.networks import EquivariantConfig
from applications.molecular.networks.sizes import NetworkSizeError
from applications.molecular.proteins.batching import BackboneBatch, BackboneFeatures, collate
from applications.molecular.proteins.networks import (
    AbstractBackboneNetwork,
    BackboneNetworkConfig,
    BackboneNetworkKind,
    BackbonePreset,
    BackbonePresetError,
    EquivariantBackboneConfig,
    TransformerConfig,
    backbone_network_from_json,
    backbone_network_to_json,
    build_backbone_network,
)
from applications.molecular.training_draws import random_rotations

SCALE = 8.0
SMALL: dict[str, BackboneNetworkConfig] = {
    "transformer": TransformerConfig(
        width=24, pairs=8, condition=8, heads=2, head_width=6, blocks=2, registers=2, sequence=True
    ),
    "equivariant": EquivariantBackboneConfig(
        transformer=EquivariantConfig(scalars=16, vectors=4, pairs=8, heads=2, forces=2, blocks=2), sequence=True
    ),
}
CHAINS = [
    BackboneFeatures(residue_index=np.arange(5, 16), sequence="ACDEFGHIKLX"),
    BackboneFeatures(residue_index=np.array([1, 2, 3, 7, 8, 9, 10]), sequence="MMWWYYV"),
    BackboneFeatures.of_length(2),
]


@pytest.fixture(params=sorted(SMALL))
def network(request: pytest.FixtureRequest) -> AbstractBackboneNetwork:
    return make(SMALL[request.param])


def make(config: BackboneNetworkConfig) -> AbstractBackboneNetwork:
    torch.manual_seed(0)
    network = build_backbone_network(config).double()
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return network


def inputs(batch: BackboneBatch) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    keep = batch.mask[..., None].double()
    x, recalled = (torch.randn(*batch.mask.shape, 3, generator=generator).double() * keep for _ in range(2))
    x = (x - x.sum(1, keepdim=True) / keep.sum(1, keepdim=True)) * keep
    return x, torch.linspace(0.2, 0.97, batch.size).double(), recalled


def batch_of(chains: list[BackboneFeatures], *, pad_to: int | None = None) -> BackboneBatch:
    return collate(chains, scale=SCALE, pad_to=pad_to).to(torch.float64)


def test_padding_and_the_company_in_a_batch_do_not_matter(network: AbstractBackboneNetwork) -> None:
    batch = batch_of(CHAINS, pad_to=14)
    x, t, recalled = inputs(batch)
    together = network(x, t, batch, recalled)
    assert not together[~batch.mask].any()
    assert together[batch.mask].abs().min() > 0
    for row, chain in enumerate(CHAINS):
        n = chain.n_residues
        alone = network(x[row : row + 1, :n], t[row : row + 1], batch_of([chain]), recalled[row : row + 1, :n])
        torch.testing.assert_close(alone[0], together[row, :n], rtol=1e-9, atol=1e-10)
        some = network(x[[row]], t[[row]], batch.rows(torch.tensor([row])), recalled[[row]])
        torch.testing.assert_close(some[0], together[row], rtol=1e-9, atol=1e-10)


def test_the_equivariant_network_commutes_with_rotations_and_sees_the_hand() -> None:
    batch = batch_of(CHAINS)
    x, t, recalled = inputs(batch)
    turn = random_rotations(np.random.default_rng(0), batch.size).double()
    for name, config in SMALL.items():
        network = make(config)
        here = network(x, t, batch, recalled)
        there = network(x @ turn.mT, t, batch, recalled @ turn.mT)
        deviation = (there - here @ turn.mT).abs().max()
        # float32 rotations are orthogonal to 1e-7
        assert (deviation < 1e-5) == (name == "equivariant"), (name, deviation)
        mirrored = network(-x, t, batch, -recalled)
        long = batch.lengths >= 4
        assert ((mirrored + here)[long].abs().amax((1, 2)) > 1e-4).all()


def test_what_is_recalled_the_sequence_and_chain_breaks_are_seen(network: AbstractBackboneNetwork) -> None:
    batch = batch_of(CHAINS[:1])
    x, t, recalled = inputs(batch)
    here = network(x, t, batch, recalled)
    broken = BackboneFeatures(residue_index=np.array([*range(5), *range(7, 13)]), sequence=CHAINS[0].sequence)
    other = BackboneFeatures(residue_index=CHAINS[0].residue_index, sequence="WCDEFGHIKLX")
    moved = BackboneFeatures(residue_index=CHAINS[0].residue_index + 40, sequence=CHAINS[0].sequence)
    assert (network(x, t, batch, 0.5 * recalled) - here).abs().max() > 1e-4
    assert (network(x, t, batch_of([broken]), recalled) - here).abs().max() > 1e-4
    assert (network(x, t, batch_of([other]), recalled) - here).abs().max() > 1e-4
    assert torch.equal(network(x, t, batch_of([moved]), recalled), here)


@pytest.mark.parametrize("name", sorted(SMALL))
def test_all_parameters_take_part_and_degenerate_chains_have_finite_gradients(name: str) -> None:
    network = make(SMALL[name])
    batch = batch_of(CHAINS)
    x, t, recalled = inputs(batch)
    (network(x, t, batch, recalled) * torch.randn_like(x)).sum().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # adding the same to all keys of a query or all logits of a softmax changes nothing
    assert all(name.endswith(("key_norm.bias", "pair_out.bias", "pair_bias.bias")) for name in silent), silent
    for degenerate in (torch.zeros_like(x), x * torch.tensor([1.0, 0.0, 0.0])):
        points = degenerate.clone().requires_grad_()
        out = network(points, torch.tensor([0.0, 0.5, 1.0]).double(), batch, torch.zeros_like(x))
        out.sum().backward()
        assert torch.isfinite(out).all()
        assert points.grad is not None
        assert torch.isfinite(points.grad).all()


def test_links_and_separations_are_those_of_the_residue_numbers() -> None:
    batch = batch_of(CHAINS)
    assert batch.lengths.tolist() == [11, 7, 2]
    assert batch.linked.sum(-1).tolist() == [10, 5, 1]
    assert batch.separation[1, 2, 3] == 4
    assert not batch.separation[2, 1:, 5].any()
    assert math.isclose(float(batch.bond[0]), 3.8 / SCALE, rel_tol=1e-6)


def test_presets_have_the_sizes_of_their_names() -> None:
    with torch.device("meta"):
        sizes = {
            preset: sum(
                p.numel() for p in build_backbone_network(preset.config(BackboneNetworkKind.TRANSFORMER)).parameters()
            )
            for preset in BackbonePreset
        }
    assert 2 * sizes[BackbonePreset.TINY] < 5_000_000
    assert 55_000_000 < sizes[BackbonePreset.PROTEINA_60M] < 66_000_000
    with pytest.raises(BackbonePresetError, match="expected tiny"):
        BackbonePreset.PROTEINA_60M.config(BackboneNetworkKind.EQUIVARIANT)


def test_configurations_survive_their_plain_values() -> None:
    for config in (*SMALL.values(), BackbonePreset.PROTEINA_60M.config(BackboneNetworkKind.TRANSFORMER)):
        kind = BackboneNetworkKind.of(config)
        assert backbone_network_from_json(kind, backbone_network_to_json(config)) == config
    with pytest.raises(NetworkSizeError, match="got width '0'"):
        TransformerConfig(width=0)
