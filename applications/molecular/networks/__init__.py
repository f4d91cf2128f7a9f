"""Networks that predict velocities of conformers: a plain and an equivariant transformer."""

from applications.molecular.networks.base import AbstractConformerNetwork
from applications.molecular.networks.equivariant import EquivariantConfig, EquivariantTransformer
from applications.molecular.networks.plain import PlainConfig, PlainTransformer
from applications.molecular.networks.presets import EQUIVARIANT_TINY, PLAIN_TINY, NetworkConfig, build_network

__all__ = [
    "EQUIVARIANT_TINY",
    "PLAIN_TINY",
    "AbstractConformerNetwork",
    "EquivariantConfig",
    "EquivariantTransformer",
    "NetworkConfig",
    "PlainConfig",
    "PlainTransformer",
    "build_network",
]
