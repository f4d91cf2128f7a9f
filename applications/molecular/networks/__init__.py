"""Networks that predict velocities of conformers: a plain and an equivariant transformer."""

from applications.molecular.networks.base import AbstractConformerNetwork
from applications.molecular.networks.equivariant import EquivariantConfig, EquivariantTransformer
from applications.molecular.networks.isometries import Isometries
from applications.molecular.networks.plain import PlainConfig, PlainTransformer
from applications.molecular.networks.presets import (
    EQUIVARIANT_SMALL,
    EQUIVARIANT_TINY,
    ETFLOW_O3,
    ETFLOW_SO3,
    PLAIN_SMALL,
    PLAIN_TINY,
    NetworkConfig,
    NetworkKind,
    Preset,
    PresetError,
    build_network,
    network_from_json,
    network_to_json,
)

__all__ = [
    "EQUIVARIANT_SMALL",
    "EQUIVARIANT_TINY",
    "ETFLOW_O3",
    "ETFLOW_SO3",
    "PLAIN_SMALL",
    "PLAIN_TINY",
    "AbstractConformerNetwork",
    "EquivariantConfig",
    "EquivariantTransformer",
    "Isometries",
    "NetworkConfig",
    "NetworkKind",
    "PlainConfig",
    "PlainTransformer",
    "Preset",
    "PresetError",
    "build_network",
    "network_from_json",
    "network_to_json",
]
