"""Networks that predict velocities of backbones: a pair-biased transformer and an equivariant one."""

from applications.molecular.proteins.networks.base import AbstractBackboneNetwork
from applications.molecular.proteins.networks.equivariant import EquivariantBackboneConfig, EquivariantBackboneNetwork
from applications.molecular.proteins.networks.presets import (
    BACKBONE_EQUIVARIANT_TINY,
    PROTEINA_60M,
    TRANSFORMER_TINY,
    BackboneNetworkConfig,
    BackboneNetworkKind,
    BackbonePreset,
    BackbonePresetError,
    backbone_network_from_json,
    backbone_network_to_json,
    build_backbone_network,
)
from applications.molecular.proteins.networks.transformer import BackboneTransformer, TransformerConfig

__all__ = [
    "BACKBONE_EQUIVARIANT_TINY",
    "PROTEINA_60M",
    "TRANSFORMER_TINY",
    "AbstractBackboneNetwork",
    "BackboneNetworkConfig",
    "BackboneNetworkKind",
    "BackbonePreset",
    "BackbonePresetError",
    "BackboneTransformer",
    "EquivariantBackboneConfig",
    "EquivariantBackboneNetwork",
    "TransformerConfig",
    "backbone_network_from_json",
    "backbone_network_to_json",
    "build_backbone_network",
]
