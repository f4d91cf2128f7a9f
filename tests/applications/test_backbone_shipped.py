"""The model of backbones in the package."""

import numpy as np
import torch

from applications.molecular.proteins.batching import BackboneFeatures, collate
from applications.molecular.proteins.checkpoint import load_backbone_model, shipped_backbone_model_path
from diffusion import SDESampler, logarithmic_grid
from quotient import CounterNoise


def test_it_is_small_and_trained_to_the_end() -> None:
    model = load_backbone_model()
    assert shipped_backbone_model_path().stat().st_size < 5_000_000
    assert model.card["finished"] is True


def test_its_chains_have_bonds_of_proteins_and_right_handed_helices() -> None:
    """Of four chains, by fewer steps than are the default; fresh weights have no bond right."""
    model = load_backbone_model()
    batch = collate([BackboneFeatures.of_length(48)] * 4, scale=model.scale)
    sampler = SDESampler(logarithmic_grid(100), model.diffusion.path(batch), noise_scale=0.45)
    with torch.no_grad():
        found = model.diffusion.sample(sampler, torch.zeros(4, 48, 3), CounterNoise(torch.arange(4)), condition=batch)
    x = (found.x * model.scale).double().numpy()
    bonds = np.diff(x, axis=1)
    lengths = np.linalg.norm(bonds, axis=-1)
    assert (abs(lengths - 3.8) < 0.1).mean() > 0.8
    # of four atoms as near as in a helix, the signed volume
    near = np.linalg.norm(x[:, 3:] - x[:, :-3], axis=-1) < 6.0
    volume = np.einsum("bni,bni->bn", np.cross(bonds[:, :-2], bonds[:, 1:-1]), bonds[:, 2:])
    assert near.mean() > 0.1
    assert (volume[near] > 0).mean() > 0.8
