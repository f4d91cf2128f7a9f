"""A transformer on CA coordinates: attention biased by pairs, layers modulated by the time, registers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from typing_extensions import override

from applications.molecular.networks.geometry_inputs import TimeEmbedding, skip_velocity
from applications.molecular.networks.sizes import check_sizes
from applications.molecular.proteins.batching import RESIDUES, BackboneBatch
from applications.molecular.proteins.networks.base import AbstractBackboneNetwork
from applications.molecular.proteins.networks.inputs import (
    CHAIN_WIDTH,
    CONTACT_WIDTH,
    LOCAL_SCALARS,
    LOCAL_VECTORS,
    N_SEPARATIONS,
    chain_inputs,
    contact_inputs,
    distances,
    local_geometry,
    radial_functions,
    separation_bins,
)

_REACH = 4.0
"""Centre of the last radial function in model units: about the diameter of a domain."""


@final
@dataclass(frozen=True, kw_only=True)
class TransformerConfig:
    """Sizes of a transformer of backbones.

    Attributes:
        width: Channels of a residue.
        pairs: Channels of a pair.
        condition: Channels of the embedding of the time, from which all layers are modulated.
        heads: Attention heads.
        head_width: Channels of a head.
        blocks: Number of blocks.
        expansion: Hidden width of the gated MLP over `width`.
        registers: Tokens beside the residues that carry what concerns the whole chain.
        radial: Radial functions of each distance, of x_t and of what is recalled.
        pushes: Whether pair weights also move residues along the directions between them.
        sequence: Whether the network sees the residue types.

    Raises:
        NetworkSizeError: If a size is below one.
    """

    width: int = 128
    pairs: int = 32
    condition: int = 64
    heads: int = 4
    head_width: int = 32
    blocks: int = 4
    expansion: int = 3
    registers: int = 4
    radial: int = 24
    pushes: bool = True
    sequence: bool = False

    def __post_init__(self) -> None:
        sizes = {name: value for name, value in vars(self).items() if name not in ("pushes", "sequence")}
        check_sizes(sizes, divided_by_heads=())


@final
class _Block(nn.Module):
    """Attention with a given pair bias and normalised queries and keys, then a gated MLP; both modulated."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        w, inner, hidden = config.width, config.heads * config.head_width, config.expansion * config.width
        self.heads = config.heads
        self.norm = nn.LayerNorm(w, elementwise_affine=False)
        self.modulation = nn.Linear(config.condition, 6 * w)
        self.qkv = nn.Linear(w, 3 * inner)
        self.query_norm = nn.LayerNorm(config.head_width)
        self.key_norm = nn.LayerNorm(config.head_width)
        self.out = nn.Linear(inner, w)
        self.enter = nn.Linear(w, 2 * hidden)
        self.leave = nn.Linear(hidden, w)
        # Gates begin at one and modulations at zero: an ordinary transformer, which learns what the time changes.
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, h: Tensor, bias: Tensor, condition: Tensor) -> Tensor:
        """Update tokens h (B, T, W) with attention bias (B, H, T, T) and condition (B, C)."""
        rows = self.modulation(condition)[:, None].chunk(6, dim=-1)
        shift_a, gain_a, gate_a, shift_b, gain_b, gate_b = rows
        size, n, _ = h.shape
        qkv = self.qkv(self.norm(h) * (1.0 + gain_a) + shift_a)
        q, k, value = qkv.reshape(size, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        q, k = self.query_norm(q) * q.shape[-1] ** -0.5, self.key_norm(k)
        weights = torch.softmax(q @ k.transpose(-1, -2) + bias, dim=-1)
        attended = (weights @ value).transpose(1, 2).reshape(size, n, -1)
        h = h + (1.0 + gate_a) * self.out(attended)
        signal, gate = self.enter(self.norm(h) * (1.0 + gain_b) + shift_b).chunk(2, dim=-1)
        return h + (1.0 + gate_b) * self.leave(nn.functional.silu(gate) * signal)


@final
class BackboneTransformer(AbstractBackboneNetwork):
    """Velocity field that learns rotations from augmented data.

    The pair representation of separation, distances of x_t, distances of the recalled prediction and deviations from
    the bounds that the chain sets is formed once and biases the attention of all blocks. Cost O(B N^2 pairs) memory.
    """

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        w, p = config.width, config.pairs
        self.residues = nn.Linear(CHAIN_WIDTH + 2 * (3 * LOCAL_VECTORS + LOCAL_SCALARS), w)
        if config.sequence:
            self.types = nn.Embedding(len(RESIDUES) + 1, w)
        self.registers = nn.Parameter(nn.init.normal_(torch.empty(config.registers, w), std=0.02))
        self.time = TimeEmbedding(config.condition)
        self.separations = nn.Embedding(N_SEPARATIONS, p)
        self.pairs = nn.Linear(2 * config.radial + CONTACT_WIDTH, p)
        self.pair_condition = nn.Linear(config.condition, p)
        self.pair_mlp = nn.Sequential(nn.SiLU(), nn.Linear(p, p), nn.SiLU())
        self.pair_bias = nn.Linear(p, config.blocks * config.heads)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(w)
        self.out = nn.Linear(w, 3)
        nn.init.normal_(self.out.weight, std=0.02)
        if config.pushes:
            self.push_residues = nn.Linear(w, 2 * p, bias=False)
            self.push = nn.Sequential(nn.SiLU(), nn.Linear(p, 1))

    def _tokens(self, x: Tensor, condition: BackboneBatch, recalled: Tensor) -> Tensor:
        seen = [part for points in (x, recalled) for part in local_geometry(points, condition)]
        h = self.residues(torch.cat([chain_inputs(condition, x.dtype), *seen], dim=-1))
        return h + self.types(condition.sequence) if self.config.sequence else h

    def _pairs(self, x: Tensor, t: Tensor, time: Tensor, condition: BackboneBatch, recalled: Tensor) -> Tensor:
        now, then, n = distances(x), distances(recalled), self.config.radial
        values = [radial_functions(d, n, reach=_REACH) for d in (now, then)]
        pair = self.pairs(torch.cat([*values, contact_inputs(now, t, condition)], dim=-1))
        pair = pair + self.separations(separation_bins(condition)) + self.pair_condition(time)[:, None, None]
        return self.pair_mlp(pair)

    @override
    def forward(self, x: Tensor, t: Tensor, condition: BackboneBatch, recalled: Tensor) -> Tensor:
        mask, extra, time = condition.mask, self.config.registers, self.time(t)
        size, n = mask.shape
        pair = self._pairs(x, t, time, condition, recalled)
        bias = self.pair_bias(pair).permute(0, 3, 1, 2).masked_fill(~mask[:, None, None, :], -1e9)
        bias = nn.functional.pad(bias, (0, extra, 0, extra))
        # registers do not see padding either
        hidden = nn.functional.pad(~mask, (0, extra))[:, None, None, :].expand(-1, -1, extra, -1)
        bias[:, :, n:] = bias[:, :, n:].masked_fill(hidden, -1e9)
        registers = self.registers.expand(size, -1, -1)
        h = torch.cat([self._tokens(x, condition, recalled), registers.to(x.dtype)], dim=1).to(x.dtype)
        for block, block_bias in zip(self.blocks, bias.chunk(len(self.blocks), dim=1), strict=True):
            h = block(h, block_bias, time)
        h = self.norm(h[:, :n])
        velocity = skip_velocity(x, t) + self.out(h)
        if self.config.pushes:
            velocity = velocity + self._pushed(h, pair, x, mask)
        return velocity * mask[..., None].to(x.dtype)

    def _pushed(self, h: Tensor, pair: Tensor, x: Tensor, mask: Tensor) -> Tensor:
        """sum_j w_ij (x_j - x_i) / |x_j - x_i|, in the precision of the coordinates."""
        from_i, from_j = self.push_residues(h).chunk(2, dim=-1)
        weights = self.push(pair + from_i[:, :, None] + from_j[:, None, :]).squeeze(-1)
        with torch.autocast(x.device.type, enabled=False):
            inverse = mask[:, None, :].to(x.dtype) / (distances(x) + 0.02)
            push = weights.to(x.dtype) * inverse
            return push @ x - push.sum(-1, keepdim=True) * x
