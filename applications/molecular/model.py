"""A trained conformer model: network weights with everything that is needed to use them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, final

from applications.molecular import descriptors
from applications.molecular.batching import FeatureBatch, collate
from applications.molecular.choices import Coupling, PriorKind, Symmetry, check_choices
from applications.molecular.features import Hydrogens, featurize
from applications.molecular.networks import (
    AbstractConformerNetwork,
    NetworkConfig,
    NetworkKind,
    build_network,
    network_from_json,
    network_to_json,
)
from diffusion import Interpolant, LinearSchedule, QuotientModel, VelocityField
from quotient import ShapeSpace

if TYPE_CHECKING:
    from rdkit.Chem.rdchem import Mol

_STIFFNESS: Final = 1.0
"""Of the springs between bonded atoms, in 1/Å^2: bonds of the prior have lengths of sqrt(3) Å in the mean square."""


@final
@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """What defines a model apart from its weights.

    Attributes:
        network: Sizes of the network.
        hydrogens: Which atoms are modelled.
        symmetry: Treatment it was trained with.
        coupling: Coupling it was trained with.
        scale: Å per model unit.
        prior: Prior it was trained with.

    Raises:
        ModelSpecError: If orbits are averaged with a coupling whose posterior is not known, or the scale is not a
            length.
    """

    network: NetworkConfig
    hydrogens: Hydrogens
    symmetry: Symmetry
    coupling: Coupling
    scale: float
    prior: PriorKind = PriorKind.GAUSSIAN

    def __post_init__(self) -> None:
        check_choices(self.symmetry, self.coupling, scale=self.scale)

    @property
    def kind(self) -> NetworkKind:
        """Family of the network."""
        return NetworkKind.of(self.network)

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads back."""
        return {
            "network_kind": self.kind.value,
            "network": network_to_json(self.network),
            "hydrogens": self.hydrogens.value,
            "symmetry": self.symmetry.value,
            "coupling": self.coupling.value,
            "prior": self.prior.value,
            "scale": self.scale,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ModelSpec:
        """Read a specification.

        Raises:
            KeyError, TypeError, ValueError, OverflowError: If a field is missing or not understood.
        """
        return cls(
            network=network_from_json(NetworkKind(values["network_kind"]), values["network"]),
            hydrogens=Hydrogens(values["hydrogens"]),
            symmetry=Symmetry(values["symmetry"]),
            coupling=Coupling(values["coupling"]),
            scale=float(values["scale"]),
            prior=PriorKind(values.get("prior", PriorKind.GAUSSIAN.value)),
        )

    def path(self, batch: FeatureBatch) -> Interpolant:
        """The linear interpolant from the prior of the molecules of a batch."""
        prior = self.prior.prior(lambda: _STIFFNESS * self.scale**2 * batch.pairs[..., descriptors.BONDED], batch.mask)
        return Interpolant(LinearSchedule(), prior, self.coupling.coupling())

    def diffusion(self, network: AbstractConformerNetwork) -> QuotientModel:
        """A network with its quotient and its interpolant, both functions of a batch."""
        return QuotientModel(network, shape_space, interpolant=self.path)


def shape_space(batch: FeatureBatch) -> ShapeSpace:
    """The quotient R^{3N}/SE(3) of the molecules of a batch, with their mask."""
    return ShapeSpace(batch.n_atoms, 3, mask=batch.mask)


@final
class ConformerModel:
    """A conformer model ready for sampling.

    Usage:
        model = load_model(None)
        batch = model.featurize([mol])
        like = torch.zeros(batch.size, batch.n_atoms, 3)
        x = model.diffusion.sample(sampler, like, noise, condition=batch).x * model.scale

    Args:
        spec: What defines the model.
        network: The network; it is set to evaluation mode and its weights are frozen.
        card: Free description: training data, versions, held-out figures.
    """

    def __init__(
        self, *, spec: ModelSpec, network: AbstractConformerNetwork, card: Mapping[str, Any] | None = None
    ) -> None:
        self.spec = spec
        self.network = network.eval().requires_grad_(False)
        self.card: dict[str, Any] = dict(card or {})

    @classmethod
    def untrained(cls, spec: ModelSpec) -> ConformerModel:
        """A model with fresh weights, drawn from torch's global generator."""
        return cls(spec=spec, network=build_network(spec.network))

    @property
    def scale(self) -> float:
        """Å per model unit."""
        return self.spec.scale

    @property
    def hydrogens(self) -> Hydrogens:
        """Which atoms the model generates."""
        return self.spec.hydrogens

    def featurize(self, mols: Sequence[Mol]) -> FeatureBatch:
        """Static inputs of several molecules, on the device of the network.

        Args:
            mols: Sanitised RDKit molecules, with or without explicit hydrogens.

        Returns:
            A padded batch; `atom_index` says which atoms of the explicit-hydrogen molecules are modelled.

        Raises:
            UnsupportedElementError: If an element has no code.
        """
        items = [featurize(mol, hydrogens=self.hydrogens) for mol in mols]
        parameter = next(self.network.parameters())
        return collate(items, scale=self.scale).to(parameter.device).to(parameter.dtype)

    @property
    def diffusion(self) -> QuotientModel:
        """The network with its quotient and its interpolant; conditions are batches.

        The part of its velocity along the orbits means nothing: project before any use.
        """
        return self.spec.diffusion(self.network)

    def quotient(self, batch: FeatureBatch) -> ShapeSpace:
        """The shape space of a batch."""
        return shape_space(batch)

    def velocity(self, batch: FeatureBatch) -> VelocityField:
        """The velocity field of a batch: of coordinates (B, N, 3) in model units and a time, scalar or (B,)."""
        return self.diffusion.velocity(batch)
