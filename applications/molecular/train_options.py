"""What a training run of a conformer model is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, final

from typing_extensions import override

from applications.molecular.choices import Coupling, PriorKind
from applications.molecular.common_train_options import AbstractTrainOptions
from applications.molecular.features import Hydrogens
from applications.molecular.held_out import HeldOutConfig
from applications.molecular.networks import EQUIVARIANT_TINY, NetworkConfig, network_to_json
from applications.molecular.training_data import BatchConfig


@final
@dataclass(frozen=True, kw_only=True)
class TrainOptions(AbstractTrainOptions):
    """Everything that decides the outcome of a training run, beside the data.

    By default what learns quickest of all that has an exact sampler: the quotient with the aligned coupling and the
    harmonic prior.

    Attributes:
        prior: Law of the noise.
        coupling: Coupling of noise and data.
        network: Sizes of the network.
        hydrogens: Which atoms are modelled.
        batches: Composition of batches and seed of the stream.
        held_out: Size of the generation at validation.
        validation_molecules: Validation molecules for which conformers are generated.
    """

    prior: PriorKind = PriorKind.HARMONIC
    coupling: Coupling = Coupling.ORBIT_ALIGNED
    network: NetworkConfig = EQUIVARIANT_TINY
    hydrogens: Hydrogens = Hydrogens.PLACED
    batches: BatchConfig = field(default_factory=BatchConfig)
    held_out: HeldOutConfig = field(default_factory=HeldOutConfig)
    validation_molecules: int = 16

    @override
    def network_json(self) -> dict[str, Any]:
        return {"type": type(self.network).__name__, **network_to_json(self.network)}
