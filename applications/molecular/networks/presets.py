"""Named sizes of the networks, and the one place that builds a network from its configuration."""

from __future__ import annotations

from typing import Final, TypeAlias

from applications.molecular.networks.base import AbstractConformerNetwork
from applications.molecular.networks.equivariant import EquivariantConfig, EquivariantTransformer
from applications.molecular.networks.plain import PlainConfig, PlainTransformer

NetworkConfig: TypeAlias = PlainConfig | EquivariantConfig

PLAIN_TINY: Final = PlainConfig()
"""About 2.1 million parameters."""

EQUIVARIANT_TINY: Final = EquivariantConfig()
"""About 1.2 million parameters."""


def build_network(config: NetworkConfig) -> AbstractConformerNetwork:
    """Build a network with fresh weights (drawn from torch's global generator)."""
    if isinstance(config, PlainConfig):
        return PlainTransformer(config)
    return EquivariantTransformer(config)
