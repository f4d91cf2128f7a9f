"""A plain transformer on coordinates: no symmetry built in but that of exchanging atoms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from applications.molecular.batching import FeatureBatch
from applications.molecular.features import ATOM_WIDTH, PAIR_WIDTH
from applications.molecular.networks.base import AbstractConformerNetwork
from applications.molecular.networks.geometry_inputs import (
    N_CHIRAL_SCALARS,
    N_RADIAL,
    TimeEmbedding,
    chirality,
    pair_geometry,
    pair_geometry_width,
    skip_velocity,
)
from applications.molecular.networks.sizes import check_sizes


@final
@dataclass(frozen=True, kw_only=True)
class PlainConfig:
    """Sizes of a plain transformer.

    Attributes:
        width: Channels per atom, a multiple of `heads`.
        pairs: Channels of the pair representation.
        heads: Attention heads.
        blocks: Number of transformer blocks.
        expansion: Hidden width of the atom MLP over `width`.

    Raises:
        NetworkSizeError: If one of them is below one, or `width` is not a multiple of `heads`.
    """

    width: int = 160
    pairs: int = 64
    heads: int = 8
    blocks: int = 6
    expansion: int = 4

    def __post_init__(self) -> None:
        check_sizes(vars(self), divided_by_heads=("width",))


@final
class _Block(nn.Module):
    """Pre-norm attention with a given pair bias, then an MLP, both modulated by the time."""

    def __init__(self, config: PlainConfig) -> None:
        super().__init__()
        w = config.width
        self.heads = config.heads
        self.norm = nn.LayerNorm(w, elementwise_affine=False)
        self.table = nn.Parameter(torch.zeros(6, w))
        self.qkv = nn.Linear(w, 3 * w)
        self.out = nn.Linear(w, w)
        self.mlp = nn.Sequential(nn.Linear(w, config.expansion * w), nn.SiLU(), nn.Linear(config.expansion * w, w))

    def forward(self, h: Tensor, bias: Tensor, modulation: Tensor) -> Tensor:
        """Update atoms h (B, N, W) with attention bias (B, H, N, N) and modulation (B, 6, W)."""
        rows = (modulation + self.table)[:, :, None].unbind(1)
        shift_a, gain_a, gate_a, shift_b, gain_b, gate_b = rows
        size, n, width = h.shape
        qkv = self.qkv(self.norm(h) * (1.0 + gain_a) + shift_a)
        q, k, value = qkv.reshape(size, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        logits = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2) + bias
        attended = (torch.softmax(logits, dim=-1) @ value).transpose(1, 2).reshape(size, n, width)
        h = h + (1.0 + gate_a) * self.out(attended)
        return h + (1.0 + gate_b) * self.mlp(self.norm(h) * (1.0 + gain_b) + shift_b)


@final
class PlainTransformer(AbstractConformerNetwork):
    """Velocity field that learns rotations from augmented data; exact only under permutations.

    Coordinates enter linearly. The pair bias of all blocks is computed once from the static pair features and
    the distances of x_t; besides the linear read-out, pair weights push atoms along the directions between
    them.
    """

    def __init__(self, config: PlainConfig) -> None:
        super().__init__()
        self.config = config
        w, p = config.width, config.pairs
        self.atoms = nn.Linear(ATOM_WIDTH, w)
        self.coordinates = nn.Linear(6 + N_CHIRAL_SCALARS, w)
        self.time = TimeEmbedding(w)
        self.modulation = nn.Linear(w, 6 * w)
        self.pairs = nn.Linear(PAIR_WIDTH + pair_geometry_width(N_RADIAL), p)
        self.pair_atoms = nn.Linear(w, 2 * p, bias=False)
        self.pair_mlp = nn.Sequential(nn.SiLU(), nn.Linear(p, p), nn.SiLU())
        self.pair_bias = nn.Linear(p, config.blocks * config.heads)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(w)
        self.out = nn.Linear(w, 3)
        self.push_atoms = nn.Linear(w, 2 * p, bias=False)
        self.push = nn.Sequential(nn.SiLU(), nn.Linear(p, 1))
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        nn.init.normal_(self.out.weight, std=0.02)

    def forward(self, x_t: Tensor, t: Tensor, features: FeatureBatch) -> Tensor:
        """Evaluate the velocity (see `AbstractConformerNetwork.forward`)."""
        atom_mask = features.mask[..., None].to(x_t.dtype)
        different = ~torch.eye(features.n_atoms, dtype=torch.bool, device=x_t.device)
        pair_mask = features.mask[:, :, None] & features.mask[:, None, :] & different
        geometry = pair_geometry(x_t, t, features, pair_mask)
        hand = chirality(x_t, features)
        time = self.time(t)
        h = self.atoms(features.atoms) + time[:, None]
        from_i, from_j = self.pair_atoms(h).chunk(2, dim=-1)
        pair = self.pairs(torch.cat([features.pairs, geometry.values], dim=-1))
        pair = self.pair_mlp(pair + from_i[:, :, None] + from_j[:, None, :])
        bias = self.pair_bias(pair).permute(0, 3, 1, 2)
        bias = bias.masked_fill(~features.mask[:, None, None, :], -1e9)
        h = (h + self.coordinates(torch.cat([x_t, hand.vectors, hand.scalars], dim=-1))).to(x_t.dtype)
        modulation = self.modulation(time).unflatten(-1, (6, -1))
        for block, block_bias in zip(self.blocks, bias.chunk(len(self.blocks), dim=1), strict=True):
            h = block(h, block_bias, modulation)
        h = self.norm(h)
        from_i, from_j = self.push_atoms(h).chunk(2, dim=-1)
        push = self.push(pair + from_i[:, :, None] + from_j[:, None, :]).squeeze(-1) * geometry.inverse_distance
        with torch.autocast(x_t.device.type, enabled=False):
            pushed = push @ x_t - push.sum(-1, keepdim=True) * x_t
        return (skip_velocity(x_t, t) + self.out(h) + pushed) * atom_mask
