"""Named sizes of the networks of backbones, their plain values, and the one place that builds them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from enum import Enum
from typing import Any, Final, TypeAlias, final

from applications.molecular.networks import EquivariantConfig
from applications.molecular.networks import NetworkKind as MoleculeNetworkKind
from applications.molecular.networks import network_from_json as molecule_network_from_json
from applications.molecular.networks import network_to_json as molecule_network_to_json
from applications.molecular.proteins.networks.base import AbstractBackboneNetwork
from applications.molecular.proteins.networks.equivariant import EquivariantBackboneConfig, EquivariantBackboneNetwork
from applications.molecular.proteins.networks.transformer import BackboneTransformer, TransformerConfig

BackboneNetworkConfig: TypeAlias = TransformerConfig | EquivariantBackboneConfig


@final
class BackboneNetworkKind(Enum):
    """Families of networks."""

    TRANSFORMER = "transformer"
    EQUIVARIANT = "equivariant"

    @classmethod
    def of(cls, config: BackboneNetworkConfig) -> BackboneNetworkKind:
        """Family of a configuration."""
        return cls.TRANSFORMER if isinstance(config, TransformerConfig) else cls.EQUIVARIANT


@final
class BackbonePreset(Enum):
    """Named sizes."""

    TINY = "tiny"
    PROTEINA_60M = "proteina-60m"

    def config(self, kind: BackboneNetworkKind, *, sequence: bool = False) -> BackboneNetworkConfig:
        """The configuration of a family.

        Args:
            kind: The family.
            sequence: Whether the network sees the residue types.

        Raises:
            BackbonePresetError: If the family has no such preset.
        """
        if kind is BackboneNetworkKind.TRANSFORMER:
            sizes = TRANSFORMER_TINY if self is BackbonePreset.TINY else PROTEINA_60M
            return TransformerConfig(**{**asdict(sizes), "sequence": sequence})
        if self is BackbonePreset.TINY:
            return EquivariantBackboneConfig(transformer=BACKBONE_EQUIVARIANT_TINY, sequence=sequence)
        raise BackbonePresetError(f"got preset {self.value} with network {kind.value}, expected tiny")


@final
class BackbonePresetError(ValueError):
    """A preset that a family of networks does not have."""


TRANSFORMER_TINY: Final = TransformerConfig()
"""About 1.3 million parameters."""

PROTEINA_60M: Final = TransformerConfig(
    width=512,
    pairs=196,
    condition=128,
    heads=12,
    head_width=42,
    blocks=12,
    expansion=4,
    registers=10,
    radial=64,
    pushes=False,
)
"""Layers, heads and widths of the 60M model of the paper's Table 4 [Xu2026]. A head has 42 channels, as 512 is not
divisible by 12."""

BACKBONE_EQUIVARIANT_TINY: Final = EquivariantConfig(scalars=96, vectors=16, pairs=32, heads=4, forces=8, blocks=4)
"""About 0.7 million parameters."""


def build_backbone_network(config: BackboneNetworkConfig) -> AbstractBackboneNetwork:
    """Build a network with fresh weights (drawn from torch's global generator)."""
    if isinstance(config, TransformerConfig):
        return BackboneTransformer(config)
    return EquivariantBackboneNetwork(config)


def backbone_network_to_json(config: BackboneNetworkConfig) -> dict[str, Any]:
    """Plain values that `backbone_network_from_json` reads back."""
    if isinstance(config, TransformerConfig):
        return asdict(config)
    return {"sequence": config.sequence, **molecule_network_to_json(config.transformer)}


def backbone_network_from_json(kind: BackboneNetworkKind, values: Mapping[str, Any]) -> BackboneNetworkConfig:
    """Read a configuration; fields that it lacks take their defaults.

    Raises:
        TypeError, ValueError: If a field is not known or its value not understood.
    """
    read = dict(values)
    sequence = read.pop("sequence", False)
    if not isinstance(sequence, bool):
        raise TypeError(f"got sequence {sequence!r}, expected true or false")
    if kind is BackboneNetworkKind.TRANSFORMER:
        return TransformerConfig(**read, sequence=sequence)
    transformer = molecule_network_from_json(MoleculeNetworkKind.EQUIVARIANT, read)
    assert isinstance(transformer, EquivariantConfig)
    return EquivariantBackboneConfig(transformer=transformer, sequence=sequence)
