"""The equivariant transformer of small molecules on CA traces: residues are its atoms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from typing_extensions import override

from applications.molecular.batching import FeatureBatch
from applications.molecular.networks import EquivariantConfig, EquivariantTransformer
from applications.molecular.proteins.batching import RESIDUES, BackboneBatch
from applications.molecular.proteins.networks.base import AbstractBackboneNetwork
from applications.molecular.proteins.networks.inputs import (
    CHAIN_WIDTH,
    N_SEPARATIONS,
    chain_inputs,
    distance_bounds,
    distances,
    radial_functions,
    separation_bins,
)

_REACH = 4.0
_SEPARATION_WIDTH = 16


@final
@dataclass(frozen=True, kw_only=True)
class EquivariantBackboneConfig:
    """Sizes of an equivariant network of backbones.

    Attributes:
        transformer: Those of the transformer.
        sequence: Whether the network sees the residue types.
    """

    transformer: EquivariantConfig
    sequence: bool = False


@final
class EquivariantBackboneNetwork(AbstractBackboneNetwork):
    """Velocity field of CA traces that commutes with rotations, whatever its weights.

    Residues are described by their place in the chain, pairs by their separation, by the distances of the recalled
    prediction and by the bounds that the chain sets. Four consecutive residues take the part of a stereocentre: the
    signed volume that they span is what tells a right-handed helix from a left-handed one.
    """

    def __init__(self, config: EquivariantBackboneConfig) -> None:
        super().__init__()
        self.config = config
        self.separations = nn.Embedding(N_SEPARATIONS, _SEPARATION_WIDTH)
        residue_width = CHAIN_WIDTH + (len(RESIDUES) + 1 if config.sequence else 0)
        pair_width = _SEPARATION_WIDTH + config.transformer.radial
        self.transformer = EquivariantTransformer(config.transformer, atom_width=residue_width, pair_width=pair_width)

    def _features(self, condition: BackboneBatch, recalled: Tensor) -> FeatureBatch:
        residues = chain_inputs(condition, recalled.dtype)
        if self.config.sequence:
            types = nn.functional.one_hot(condition.sequence, len(RESIDUES) + 1)
            residues = torch.cat([residues, types.to(residues.dtype)], dim=-1)
        seen = radial_functions(distances(recalled), self.config.transformer.radial, reach=_REACH)
        pairs = torch.cat([self.separations(separation_bins(condition)), seen], dim=-1)
        size, n = condition.mask.shape
        quadruples = max(n - 3, 0)
        first = torch.arange(quadruples, device=recalled.device).expand(size, -1)
        linked = condition.linked
        whole = linked[:, : n - 3] & linked[:, 1 : n - 2] & linked[:, 2:] if quadruples else linked[:, :0]
        mask = condition.mask
        return FeatureBatch(
            mask=mask,
            atoms=residues * mask[..., None],
            pairs=pairs * (mask[:, :, None] & mask[:, None, :])[..., None],
            bounds=torch.stack(distance_bounds(condition), dim=-1),
            chiral_centre=first,
            chiral_corners=torch.stack([first + k for k in range(4)], dim=-1),
            chiral_sign=whole.to(recalled.dtype),
            atom_index=torch.where(mask, torch.arange(n, device=mask.device), -1),
        )

    @override
    def forward(self, x: Tensor, t: Tensor, condition: BackboneBatch, recalled: Tensor) -> Tensor:
        return self.transformer(x, t, self._features(condition, recalled))
