"""Named sizes of the networks, their plain values, and the one place that builds a network from its configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from enum import Enum
from typing import Any, Final, TypeAlias, final

from applications.molecular.networks.base import AbstractConformerNetwork
from applications.molecular.networks.equivariant import EquivariantConfig, EquivariantTransformer
from applications.molecular.networks.isometries import Isometries
from applications.molecular.networks.plain import PlainConfig, PlainTransformer

NetworkConfig: TypeAlias = PlainConfig | EquivariantConfig


@final
class NetworkKind(Enum):
    """Families of networks."""

    PLAIN = "plain"
    EQUIVARIANT = "equivariant"

    @property
    def config_type(self) -> type[NetworkConfig]:
        """Class of the configurations of this family."""
        return PlainConfig if self is NetworkKind.PLAIN else EquivariantConfig

    @classmethod
    def of(cls, config: NetworkConfig) -> NetworkKind:
        """Family of a configuration."""
        return cls.PLAIN if isinstance(config, PlainConfig) else cls.EQUIVARIANT


@final
class Preset(Enum):
    """Named sizes. The last two are those that ET-Flow has published, for our equivariant network [Hassan2024]."""

    TINY = "tiny"
    SMALL = "small"
    ETFLOW_SO3 = "etflow-so3"
    ETFLOW_O3 = "etflow-o3"

    def config(self, kind: NetworkKind) -> NetworkConfig:
        """The configuration of a family.

        Raises:
            PresetError: If the family has no such preset.
        """
        found = _PRESETS.get((kind, self))
        if found is None:
            known = ", ".join(preset.value for family, preset in _PRESETS if family is kind)
            raise PresetError(
                f"got preset {self.value} with network {kind.value}, expected one of {known}; "
                f"{self.value} is a preset of the network equivariant"
            )
        return found


@final
class PresetError(ValueError):
    """A preset that a family of networks does not have."""


PLAIN_TINY: Final = PlainConfig()
"""About 2.1 million parameters."""

PLAIN_SMALL: Final = PlainConfig(width=192, blocks=7)
"""About 3.5 million parameters."""

EQUIVARIANT_TINY: Final = EquivariantConfig()
"""About 1.2 million parameters."""

EQUIVARIANT_SMALL: Final = EquivariantConfig(scalars=128, pairs=64, blocks=8)
"""About 2.5 million parameters."""

ETFLOW_SO3: Final = EquivariantConfig(scalars=160, vectors=32, pairs=48, heads=8, blocks=20, radial=64)
"""About 9.1 million parameters."""

ETFLOW_O3: Final = replace(ETFLOW_SO3, vectors=16, isometries=Isometries.ROTATIONS_AND_REFLECTIONS)
"""About 8.3 million parameters; blind to handedness."""

_PRESETS: Final[dict[tuple[NetworkKind, Preset], NetworkConfig]] = {
    (NetworkKind.PLAIN, Preset.TINY): PLAIN_TINY,
    (NetworkKind.PLAIN, Preset.SMALL): PLAIN_SMALL,
    (NetworkKind.EQUIVARIANT, Preset.TINY): EQUIVARIANT_TINY,
    (NetworkKind.EQUIVARIANT, Preset.SMALL): EQUIVARIANT_SMALL,
    (NetworkKind.EQUIVARIANT, Preset.ETFLOW_SO3): ETFLOW_SO3,
    (NetworkKind.EQUIVARIANT, Preset.ETFLOW_O3): ETFLOW_O3,
}


def build_network(config: NetworkConfig) -> AbstractConformerNetwork:
    """Build a network with fresh weights (drawn from torch's global generator)."""
    if isinstance(config, PlainConfig):
        return PlainTransformer(config)
    return EquivariantTransformer(config)


def network_to_json(config: NetworkConfig) -> dict[str, Any]:
    """Plain values that `network_from_json` reads back."""
    return {name: value.value if isinstance(value, Enum) else value for name, value in asdict(config).items()}


def network_from_json(kind: NetworkKind, values: Mapping[str, Any]) -> NetworkConfig:
    """Read a configuration; fields that it lacks, being older than they are, take their defaults.

    Raises:
        TypeError, ValueError: If a field is not known or its value not understood.
    """
    read = dict(values)
    if "isometries" in read:
        read["isometries"] = Isometries(read["isometries"])
    return kind.config_type(**read)
