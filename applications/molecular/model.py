"""A trained conformer model: network weights with everything that is needed to use them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeAlias, final

from torch import Tensor

from applications.molecular.batching import FeatureBatch, collate
from applications.molecular.features import Hydrogens, featurize
from applications.molecular.networks import (
    AbstractConformerNetwork,
    EquivariantConfig,
    NetworkConfig,
    PlainConfig,
    build_network,
)
from diffusion import (
    Equivariant,
    GaussianPrior,
    Independent,
    Interpolant,
    LinearSchedule,
    OrbitAligned,
    Quotient,
    QuotientModel,
)
from quotient import ShapeSpace

if TYPE_CHECKING:
    from rdkit.Chem.rdchem import Mol

Velocity: TypeAlias = Callable[[Tensor, Tensor], Tensor]


@final
class Symmetry(Enum):
    """How training treats motions along the orbit."""

    QUOTIENT = "quotient"
    EQUIVARIANT = "equivariant"

    def treatment(self) -> Quotient | Equivariant:
        """The treatment of the loss."""
        return Quotient() if self is Symmetry.QUOTIENT else Equivariant()


@final
class Coupling(Enum):
    """How noise is paired with data."""

    INDEPENDENT = "independent"
    ORBIT_ALIGNED = "orbit-aligned"

    def interpolant(self) -> Interpolant:
        """The linear interpolant from a Gaussian prior with this coupling."""
        coupling = OrbitAligned() if self is Coupling.ORBIT_ALIGNED else Independent()
        return Interpolant(LinearSchedule(), GaussianPrior(), coupling)


@final
class NetworkKind(Enum):
    """Families of networks."""

    PLAIN = "plain"
    EQUIVARIANT = "equivariant"

    @property
    def config_type(self) -> type[NetworkConfig]:
        """Class of the configurations of this family."""
        return PlainConfig if self is NetworkKind.PLAIN else EquivariantConfig


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
    """

    network: NetworkConfig
    hydrogens: Hydrogens
    symmetry: Symmetry
    coupling: Coupling
    scale: float

    @property
    def kind(self) -> NetworkKind:
        """Family of the network."""
        return NetworkKind.PLAIN if isinstance(self.network, PlainConfig) else NetworkKind.EQUIVARIANT

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads back."""
        return {
            "network_kind": self.kind.value,
            "network": asdict(self.network),
            "hydrogens": self.hydrogens.value,
            "symmetry": self.symmetry.value,
            "coupling": self.coupling.value,
            "scale": self.scale,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ModelSpec:
        """Read a specification.

        Raises:
            KeyError, TypeError, ValueError: If a field is missing or not understood.
        """
        kind = NetworkKind(values["network_kind"])
        return cls(
            network=kind.config_type(**values["network"]),
            hydrogens=Hydrogens(values["hydrogens"]),
            symmetry=Symmetry(values["symmetry"]),
            coupling=Coupling(values["coupling"]),
            scale=float(values["scale"]),
        )


def shape_space(batch: FeatureBatch) -> ShapeSpace:
    """The quotient R^{3N}/SE(3) of the molecules of a batch, with their mask."""
    return ShapeSpace(batch.n_atoms, 3, mask=batch.mask)


@final
class ConformerModel:
    """A conformer model ready for sampling.

    Usage:
        model = load_model(None)
        batch = model.featurize([mol])
        velocity = model.velocity(batch)          # velocity(x, t) -> [B, N, 3]
        x = sampler.sample(model.quotient(batch), x0, velocity).x * model.scale

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

    @property
    def interpolant(self) -> Interpolant:
        """The interpolant it was trained with."""
        return self.spec.coupling.interpolant()

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

    def quotient(self, batch: FeatureBatch) -> ShapeSpace:
        """The shape space of a batch."""
        return shape_space(batch)

    def velocity(self, batch: FeatureBatch) -> Velocity:
        """The velocity field of a batch.

        Args:
            batch: Static inputs.

        Returns:
            Function of coordinates (B, N, 3) in model units and a time, scalar or (B,), with values (B, N,
            3). Its part along the orbits means nothing: project before any use.
        """
        return QuotientModel(self.network, shape_space, interpolant=self.interpolant).velocity(batch)
