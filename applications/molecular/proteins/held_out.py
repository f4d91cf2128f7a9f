"""Figures of a backbone model during training: chains of fixed lengths, their geometry, and what rotations change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import torch
from numpy.typing import NDArray
from typing_extensions import override

from applications.molecular.equivariance import rotation_deviation_on
from applications.molecular.proteins.batching import BOND, BackboneFeatures, collate
from applications.molecular.proteins.checkpoint import save_backbone_model
from applications.molecular.proteins.model import BackboneModel, BackboneSpec
from applications.molecular.proteins.networks import AbstractBackboneNetwork
from applications.molecular.proteins.sampling import BackboneSampler
from applications.molecular.sampling_settings import GridKind, SamplingSettings
from applications.molecular.training_run import AbstractTask

_HELIX: Final = 50.0
"""Dihedral angle of four consecutive CA in a right-handed helix, in degrees."""

_HELIX_WIDTH: Final = 20.0
_BOND_WIDTH: Final = 0.1


@final
@dataclass(frozen=True, kw_only=True)
class BackboneFiguresConfig:
    """Size of the generation at validation; no chains skip it.

    Attributes:
        lengths: Residues of the chains.
        generated: Chains of each length.
        steps: Steps of the probability-flow ODE on the logarithmic grid.
    """

    lengths: tuple[int, ...] = (48, 64)
    generated: int = 4
    steps: int = 100

    @classmethod
    def between(cls, shortest: int, longest: int) -> BackboneFiguresConfig:
        """Those of the default lengths that are between two others, or else the shortest."""
        usual = tuple(n for n in cls().lengths if shortest <= n <= longest)
        return cls(lengths=usual or (shortest,))


def bond_fraction(positions: Sequence[NDArray[np.floating]]) -> float:
    """Share of the CA-CA bonds of all chains whose length is within 0.1 Å of 3.80 Å."""
    lengths = np.concatenate([np.linalg.norm(np.diff(x, axis=0), axis=-1) for x in positions])
    return float((np.abs(lengths - BOND) <= _BOND_WIDTH).mean())


def radius_of_gyration(positions: Sequence[NDArray[np.floating]]) -> float:
    """Mean over chains of the root mean square distance of CA from their centroid, in Å."""
    return float(np.mean([np.sqrt(((x - x.mean(axis=0)) ** 2).sum(-1).mean()) for x in positions]))


def helical_dihedrals(positions: Sequence[NDArray[np.floating]]) -> tuple[float, float]:
    """Shares of the dihedral angles of four consecutive CA that are those of right- and of left-handed helices."""
    angles = np.concatenate([_dihedrals(x) for x in positions])
    right, left = (float((np.abs(angles - side * _HELIX) <= _HELIX_WIDTH).mean()) for side in (1, -1))
    return right, left


def _dihedrals(x: NDArray[np.floating]) -> NDArray[np.floating]:
    a, b, c = (np.diff(x, axis=0)[k : len(x) - 3 + k] for k in range(3))
    first, second = np.cross(a, b), np.cross(b, c)
    along = np.linalg.norm(b, axis=-1)
    return np.degrees(np.arctan2(along * (a * second).sum(-1), (first * second).sum(-1)))


def backbone_figures(model: BackboneModel, config: BackboneFiguresConfig) -> dict[str, float]:
    """Generate by the probability flow and measure.

    Args:
        model: The model.
        config: What to generate; at least one chain of four residues.

    Returns:
        `bond_fraction`, `radius_of_gyration` in Å, shares `right_helical` and `left_helical` of the dihedrals, and of
        noise that is rotated: `rotation_shape_rmsd` and `rotation_rigid_rmsd` in Å, `rotation_velocity` (see
        `RotationDeviation`), means over chains.
    """
    chains = [BackboneFeatures.of_length(n) for n in config.lengths for _ in range(config.generated)]
    seeds = list(range(len(chains)))
    sampler = BackboneSampler(model, SamplingSettings(steps=config.steps, grid=GridKind.LOGARITHMIC))
    made = sampler.sample(chains, seeds)
    right, left = helical_dihedrals(made)
    device = next(model.network.parameters()).device
    batch = collate(chains, scale=model.scale).to(device)
    deviation = rotation_deviation_on(
        model.diffusion,
        batch,
        mask=batch.mask,
        scale=model.scale,
        seeds=seeds,
        generator=torch.Generator(device).manual_seed(0),
        steps=max(config.steps // 2, 1),
    )
    return {
        "bond_fraction": bond_fraction(made),
        "radius_of_gyration": radius_of_gyration(made),
        "right_helical": right,
        "left_helical": left,
        "rotation_shape_rmsd": float(deviation.shape_rmsd.mean()),
        "rotation_rigid_rmsd": float(deviation.rigid_rmsd.mean()),
        "rotation_velocity": float(deviation.velocity.mean()),
    }


@final
class BackboneTask(AbstractTask[AbstractBackboneNetwork, BackboneModel]):
    """A backbone model, measured on chains that it generates.

    Args:
        spec: What defines the model.
        config: What is generated.
    """

    headline = "bond_fraction"

    def __init__(self, *, spec: BackboneSpec, config: BackboneFiguresConfig) -> None:
        self._spec = spec
        self._config = config

    @override
    def model(self, network: AbstractBackboneNetwork, card: Mapping[str, Any]) -> BackboneModel:
        return BackboneModel(spec=self._spec, network=network, card=card)

    @override
    def figures(self, model: BackboneModel) -> dict[str, float]:
        return backbone_figures(model, self._config) if self._config.lengths and self._config.generated else {}

    @override
    def held_out(self) -> dict[str, Any]:
        lengths = [n for n in self._config.lengths for _ in range(self._config.generated)]
        return {"lengths": lengths, "steps": self._config.steps}

    @override
    def save(self, model: BackboneModel, folder: Path) -> object:
        return save_backbone_model(model, folder)
