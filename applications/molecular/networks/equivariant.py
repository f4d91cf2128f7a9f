"""A transformer equivariant under SO(3) or O(3): scalars and vectors on atoms, attention biased by geometry."""

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
from applications.molecular.networks.isometries import Isometries
from applications.molecular.networks.sizes import check_sizes


@final
@dataclass(frozen=True, kw_only=True)
class EquivariantConfig:
    """Sizes of an equivariant transformer.

    Attributes:
        scalars: Scalar channels per atom.
        vectors: Vector channels per atom, a multiple of `heads`.
        pairs: Channels of the pair representation.
        heads: Attention heads.
        forces: Pair weights that act along the directions between atoms.
        blocks: Number of blocks; each refines the coordinates once.
        expansion: Hidden width of the atom MLP over `scalars`.
        radial: Radial functions of each distance.
        isometries: What the network commutes with. Under reflections too there are no cross products and no signed
            volumes, so that it cannot tell mirror images apart.

    Raises:
        NetworkSizeError: If one of them is below one, or `scalars` or `vectors` is not a multiple of `heads`.
    """

    scalars: int = 112
    vectors: int = 32
    pairs: int = 48
    heads: int = 8
    forces: int = 16
    blocks: int = 5
    expansion: int = 3
    radial: int = N_RADIAL
    isometries: Isometries = Isometries.ROTATIONS

    @property
    def sees_hands(self) -> bool:
        """Whether mirror images give other answers than mirrored ones."""
        return self.isometries is Isometries.ROTATIONS

    def __post_init__(self) -> None:
        sizes = {name: value for name, value in vars(self).items() if name != "isometries"}
        check_sizes(sizes, divided_by_heads=("scalars", "vectors"))


@final
@dataclass(frozen=True, kw_only=True)
class _Context:
    """What all blocks share in one evaluation."""

    x_t: Tensor
    t: Tensor
    time: Tensor
    features: FeatureBatch
    static: Tensor
    atom_mask: Tensor
    pair_mask: Tensor
    attention_mask: Tensor


@final
@dataclass(frozen=True, kw_only=True)
class _State:
    """Scalars (B, N, S), vectors (B, N, 3, V) and velocity (B, N, 3) between two blocks."""

    scalars: Tensor
    vectors: Tensor
    velocity: Tensor


def _vector_norm(v: Tensor) -> Tensor:
    return v / (v.square().sum(-2, keepdim=True).mean(-1, keepdim=True) + 1e-4).sqrt()


def _cross(a: Tensor, v: Tensor) -> Tensor:
    """Cross product of one vector per atom (..., 3) with vector channels (..., 3, V), in the precision of the first."""
    return torch.linalg.cross(a[..., None].expand_as(v), v.to(a.dtype), dim=-2)


def _forces(push: Tensor, inverse_distance: Tensor, y: Tensor) -> Tensor:
    """sum_j w_ij (y_j - y_i) / |y_j - y_i| for weights (B, F, N, N), shape (B, N, 3, F), in the precision of y."""
    with torch.autocast(y.device.type, enabled=False):
        push = push.to(y.dtype) * inverse_distance[:, None]
        force = push @ y[:, None] - push.sum(-1, keepdim=True) * y[:, None]
    return force.permute(0, 2, 3, 1)


@final
class _Block(nn.Module):
    """Attention with vector messages, then an atom MLP, then a refinement of the velocity.

    With y the coordinates that the current velocity predicts, A the attention weights and w the pair weights,
    the vector messages are sum_j A_ij v_j, sum_j A_ij (y_j - y_i) x v_j (not under reflections) and
    sum_j w_ij (y_j - y_i) / |y_j - y_i|. All are matrix products over atoms: no tensor of atoms x atoms x vectors is
    formed.
    """

    def __init__(self, config: EquivariantConfig) -> None:
        super().__init__()
        s, v, p, h = config.scalars, config.vectors, config.pairs, config.heads
        self.heads, self.forces, self.n_vectors = h, config.forces, v
        self.radial, self.sees_hands = config.radial, config.sees_hands
        self.norm = nn.LayerNorm(s, elementwise_affine=False)
        self.modulation = nn.Linear(s, 4 * s)
        if config.sees_hands:
            self.chiral = nn.Linear(N_CHIRAL_SCALARS, s, bias=False)
        self.dots = nn.Linear(v, 2 * v, bias=False)
        self.qkv = nn.Linear(s + v, 3 * s)
        self.pair_atoms = nn.Linear(s, 2 * p, bias=False)
        self.pair_geometry = nn.Linear(pair_geometry_width(config.radial), p)
        self.pair_out = nn.Linear(p, h + config.forces)
        self.values = nn.Linear(v, v, bias=False)
        self.scalar_out = nn.Linear(s, s)
        carried = 2 * v + config.forces + 2 if config.sees_hands else v + config.forces + 1
        self.vector_out = nn.Linear(carried, v, bias=False)
        self.mlp = nn.Sequential(
            nn.Linear(s + v, config.expansion * s), nn.SiLU(), nn.Linear(config.expansion * s, s + 2 * v)
        )
        self.vector_mix = nn.Linear(v, v, bias=False)
        self.velocity_out = nn.Linear(v + config.forces, 1, bias=False)
        nn.init.zeros_(self.modulation.weight)
        nn.init.zeros_(self.modulation.bias)
        nn.init.normal_(self.velocity_out.weight, std=0.02)

    def _invariants(self, v: Tensor) -> Tensor:
        left, right = self.dots(v).chunk(2, dim=-1)
        return (left * right).sum(-2)

    def _messages(self, weights: Tensor, y: Tensor, v: Tensor) -> Tensor:
        """Vector messages (B, N, 3, 2V), or (B, N, 3, V) under reflections, carried by weights (B, H, N, N)."""
        size, n, _, width = v.shape
        carried = torch.cat([v, _cross(y, v)], dim=-1) if self.sees_hands else v
        kinds = carried.shape[-1] // width
        carried = carried.reshape(size, n, 3, kinds, self.heads, width // self.heads)
        carried = carried.permute(0, 4, 1, 2, 3, 5).reshape(size, self.heads, n, -1)
        out = (weights @ carried).reshape(size, self.heads, n, 3, kinds, width // self.heads)
        plain, *moment = out.permute(0, 2, 3, 4, 1, 5).reshape(size, n, 3, kinds, width).unbind(-2)
        return torch.cat([plain, *(m - _cross(y, plain) for m in moment)], dim=-1)

    def forward(self, state: _State, context: _Context) -> _State:
        """Advance scalars, vectors and velocity by one block."""
        left = (1.0 - context.t)[:, None, None]
        y = context.x_t + left * state.velocity
        geometry = pair_geometry(y, context.t, context.features, context.pair_mask, n_radial=self.radial)
        scalars, hands = state.scalars, []
        if self.sees_hands:
            hand = chirality(y, context.features)
            scalars = scalars + self.chiral(hand.scalars)
            hands.append(hand.vectors[..., None])
        shift_a, gain_a, shift_b, gain_b = self.modulation(context.time)[:, None].chunk(4, dim=-1)
        s = self.norm(scalars) * (1.0 + gain_a) + shift_a
        v = _vector_norm(state.vectors)
        size, n, width = s.shape
        qkv = self.qkv(torch.cat([s, self._invariants(v)], dim=-1))
        q, k, value = qkv.reshape(size, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        from_i, from_j = self.pair_atoms(s).chunk(2, dim=-1)
        pair = context.static + self.pair_geometry(geometry.values) + from_i[:, :, None] + from_j[:, None, :]
        pair = self.pair_out(nn.functional.silu(pair)).permute(0, 3, 1, 2)
        bias, push = pair.split([self.heads, self.forces], dim=1)
        logits = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2) + bias + context.attention_mask
        weights = torch.softmax(logits, dim=-1)
        attended = (weights @ value).transpose(1, 2).reshape(size, n, width)
        force = _forces(push, geometry.inverse_distance, y)
        inputs = [self._messages(weights, y, self.values(v)), force, y[..., None], *hands]
        vectors = state.vectors + self.vector_out(torch.cat(inputs, dim=-1))
        scalars = scalars + self.scalar_out(attended)
        s = self.norm(scalars) * (1.0 + gain_b) + shift_b
        v = _vector_norm(vectors)
        update = self.mlp(torch.cat([s, self._invariants(v)], dim=-1))
        ds, gate, gate_out = update.split([width, self.n_vectors, self.n_vectors], dim=-1)
        vectors = (vectors + gate[:, :, None] * self.vector_mix(v)) * context.atom_mask[..., None]
        moved = self.velocity_out(torch.cat([_vector_norm(vectors) * (1.0 + gate_out[:, :, None]), force], dim=-1))
        return _State(
            scalars=scalars + ds,
            vectors=vectors,
            velocity=(state.velocity + moved.squeeze(-1)) * context.atom_mask,
        )


@final
class EquivariantTransformer(AbstractConformerNetwork):
    """Equivariant velocity field: F(x Rᵀ) = F(x) Rᵀ for rotations, and for reflections if the configuration says so.

    Translations are removed first (the field sees centred coordinates). Cost per evaluation O(B N^2 pairs).

    Args:
        config: Sizes.
        atom_width: Number of descriptors of an atom.
        pair_width: Number of descriptors of a pair.
    """

    def __init__(
        self, config: EquivariantConfig, *, atom_width: int = ATOM_WIDTH, pair_width: int = PAIR_WIDTH
    ) -> None:
        super().__init__()
        self.config = config
        self.atoms = nn.Sequential(
            nn.Linear(atom_width, config.scalars), nn.SiLU(), nn.Linear(config.scalars, config.scalars)
        )
        self.time = TimeEmbedding(config.scalars)
        self.pairs = nn.Sequential(
            nn.Linear(pair_width, config.pairs), nn.SiLU(), nn.Linear(config.pairs, config.pairs)
        )
        self.noisy_pairs = nn.Linear(pair_geometry_width(config.radial), config.pairs)
        self.vectors = nn.Linear(2 if config.sees_hands else 1, config.vectors, bias=False)
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.blocks))

    def forward(self, x_t: Tensor, t: Tensor, features: FeatureBatch) -> Tensor:
        """Evaluate the velocity (see `AbstractConformerNetwork.forward`)."""
        atom_mask = features.mask[..., None].to(x_t.dtype)
        x = (x_t - (x_t * atom_mask).sum(1, keepdim=True) / atom_mask.sum(1, keepdim=True)) * atom_mask
        different = ~torch.eye(features.n_atoms, dtype=torch.bool, device=x.device)
        pair_mask = features.mask[:, :, None] & features.mask[:, None, :] & different
        geometry = pair_geometry(x, t, features, pair_mask, n_radial=self.config.radial)
        hidden = torch.zeros_like(features.mask, dtype=x.dtype).masked_fill(~features.mask, -1e9)
        context = _Context(
            x_t=x,
            t=t,
            time=self.time(t),
            features=features,
            static=self.pairs(features.pairs) + self.noisy_pairs(geometry.values),
            atom_mask=atom_mask,
            pair_mask=pair_mask,
            attention_mask=hidden[:, None, None, :],
        )
        seen = [x, chirality(x, features).vectors] if self.config.sees_hands else [x]
        vectors = self.vectors(torch.stack(seen, dim=-1))
        # Under autocast what the blocks add up keeps the precision of the coordinates.
        state = _State(
            scalars=(self.atoms(features.atoms) + context.time[:, None]).to(x.dtype),
            vectors=vectors.to(x.dtype),
            velocity=skip_velocity(x, t),
        )
        for block in self.blocks:
            state = block(state, context)
        return state.velocity
