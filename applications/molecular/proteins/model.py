"""A trained model of backbones: network weights with everything that is needed to use them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, final

import torch
from torch import Tensor

from applications.molecular.choices import Coupling, PriorKind, Symmetry, check_choices
from applications.molecular.proteins.batching import BOND, BackboneBatch
from applications.molecular.proteins.networks import (
    AbstractBackboneNetwork,
    BackboneNetworkConfig,
    BackboneNetworkKind,
    backbone_network_from_json,
    backbone_network_to_json,
    build_backbone_network,
)
from diffusion import Interpolant, LinearSchedule, QuotientModel, SelfConditioned, SelfConditioning, VelocityField
from quotient import ShapeSpace

_STIFFNESS: Final = 3.0 / BOND**2
"""Of the springs between consecutive CA, in 1/Å^2: bonds of the prior have the right length in the mean square."""


@final
@dataclass(frozen=True, kw_only=True)
class BackboneSpec:
    """What defines a model apart from its weights.

    Attributes:
        network: Sizes of the network.
        symmetry: Treatment it was trained with.
        coupling: Coupling it was trained with.
        scale: Å per model unit.
        prior: Prior it was trained with.
        self_conditioning: What the network recalls.
        min_residues: Shortest chain or crop it was trained on.
        max_residues: Longest one.

    Raises:
        ModelSpecError: If orbits are averaged with a coupling whose posterior is not known, or the scale is not a
            length.
    """

    network: BackboneNetworkConfig
    symmetry: Symmetry
    coupling: Coupling
    scale: float
    prior: PriorKind = PriorKind.GAUSSIAN
    self_conditioning: SelfConditioning = SelfConditioning.PROJECTED
    min_residues: int = 40
    max_residues: int = 128

    def __post_init__(self) -> None:
        check_choices(self.symmetry, self.coupling, scale=self.scale)

    @property
    def kind(self) -> BackboneNetworkKind:
        """Family of the network."""
        return BackboneNetworkKind.of(self.network)

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads back."""
        return {
            "network_kind": self.kind.value,
            "network": backbone_network_to_json(self.network),
            "symmetry": self.symmetry.value,
            "coupling": self.coupling.value,
            "prior": self.prior.value,
            "self_conditioning": self.self_conditioning.value,
            "scale": self.scale,
            "min_residues": self.min_residues,
            "max_residues": self.max_residues,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> BackboneSpec:
        """Read a specification.

        Raises:
            KeyError, TypeError, ValueError, OverflowError: If a field is missing or not understood.
        """
        return cls(
            network=backbone_network_from_json(BackboneNetworkKind(values["network_kind"]), values["network"]),
            symmetry=Symmetry(values["symmetry"]),
            coupling=Coupling(values["coupling"]),
            prior=PriorKind(values["prior"]),
            self_conditioning=SelfConditioning(values["self_conditioning"]),
            scale=float(values["scale"]),
            min_residues=int(values["min_residues"]),
            max_residues=int(values["max_residues"]),
        )

    def path(self, batch: BackboneBatch) -> Interpolant:
        """The linear interpolant from the prior of the chains of a batch."""
        prior = self.prior.prior(lambda: self._springs(batch), batch.mask)
        return Interpolant(LinearSchedule(), prior, self.coupling.coupling())

    def _springs(self, batch: BackboneBatch) -> Tensor:
        """Stiffnesses in model units, shape (B, N, N); over a chain break as soft as the missing bonds in a row."""
        gap = batch.residue_index.diff(dim=1).clamp_min(1).double()
        both = batch.mask[:, 1:] & batch.mask[:, :-1]
        upper = torch.diag_embed(_STIFFNESS * self.scale**2 * both / gap, offset=1)
        return upper + upper.mT

    def diffusion(self, network: AbstractBackboneNetwork) -> QuotientModel:
        """A network with its quotient and its interpolant, both functions of a batch.

        The network of the result wraps the one given. It recalls what the specification says in training, and in
        each run of a sampler anew.
        """
        recalling = SelfConditioned(network, shape_space, mode=self.self_conditioning)
        return QuotientModel(recalling, shape_space, interpolant=self.path)


def shape_space(batch: BackboneBatch) -> ShapeSpace:
    """The quotient R^{3N}/SE(3) of the chains of a batch, with their mask."""
    return ShapeSpace(batch.n_residues, 3, mask=batch.mask)


@final
class BackboneModel:
    """A model of backbones ready for sampling.

    Usage:
        model = load_backbone_model()
        batch = collate([BackboneFeatures.of_length(64)], scale=model.scale)
        like = torch.zeros(batch.size, batch.n_residues, 3)
        x = model.diffusion.sample(sampler, like, noise, condition=batch).x * model.scale

    Args:
        spec: What defines the model.
        network: The network; it is set to evaluation mode and its weights are frozen.
        card: Free description: training data, versions, held-out figures.
    """

    def __init__(
        self, *, spec: BackboneSpec, network: AbstractBackboneNetwork, card: Mapping[str, Any] | None = None
    ) -> None:
        self.spec = spec
        self.network = network.eval().requires_grad_(False)
        self.card: dict[str, Any] = dict(card or {})

    @classmethod
    def untrained(cls, spec: BackboneSpec) -> BackboneModel:
        """A model with fresh weights, drawn from torch's global generator."""
        return cls(spec=spec, network=build_backbone_network(spec.network))

    @property
    def scale(self) -> float:
        """Å per model unit."""
        return self.spec.scale

    @property
    def diffusion(self) -> QuotientModel:
        """The network with its quotient and its interpolant; conditions are batches.

        The part of its velocity along the orbits means nothing: project before any use.
        """
        return self.spec.diffusion(self.network)

    def quotient(self, batch: BackboneBatch) -> ShapeSpace:
        """The shape space of a batch."""
        return shape_space(batch)

    def velocity(self, batch: BackboneBatch) -> VelocityField:
        """The velocity field of one run on a batch: of coordinates (B, N, 3) in model units and a time."""
        return self.diffusion.velocity(batch)
