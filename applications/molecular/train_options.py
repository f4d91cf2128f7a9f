"""What a training run is asked for."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any, final

from applications.molecular.choices import Coupling, PriorKind, Symmetry
from applications.molecular.execution import Precision
from applications.molecular.features import Hydrogens
from applications.molecular.held_out import HeldOutConfig
from applications.molecular.networks import EQUIVARIANT_TINY, NetworkConfig, network_to_json
from applications.molecular.training_data import BatchConfig
from applications.molecular.training_run import RunSettings
from diffusion.training import OptimizerConfig


@final
@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """Everything that decides the outcome of a training run, beside the data.

    Attributes:
        symmetry: Treatment of motions along the orbit.
        coupling: Coupling of noise and data.
        prior: Law of the noise.
        network: Sizes of the network.
        hydrogens: Which atoms are modelled.
        optimizer: Optimiser settings, with the number of steps.
        batches: Composition of batches and seed of the stream.
        held_out: Size of the generation at validation.
        ema_decay: Decay of the exponential moving average of the weights.
        clip: Largest gradient norm.
        validate_every: Steps between validations.
        checkpoint_every: Steps between checkpoints.
        validation_molecules: Validation molecules for which conformers are generated.
        seed: Seed of the initial weights.
        precision: Number format of the network in training.
    """

    symmetry: Symmetry = Symmetry.QUOTIENT
    coupling: Coupling = Coupling.ORBIT_ALIGNED
    prior: PriorKind = PriorKind.GAUSSIAN
    network: NetworkConfig = EQUIVARIANT_TINY
    hydrogens: Hydrogens = Hydrogens.PLACED
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    batches: BatchConfig = field(default_factory=BatchConfig)
    held_out: HeldOutConfig = field(default_factory=HeldOutConfig)
    ema_decay: float = 0.999
    clip: float = 1.0
    validate_every: int = 1000
    checkpoint_every: int = 200
    validation_molecules: int = 16
    seed: int = 0
    precision: Precision = Precision.FLOAT32

    @property
    def run(self) -> RunSettings:
        """What the run of the trainer needs of them."""
        return RunSettings(
            max_steps=self.optimizer.max_steps,
            ema_decay=self.ema_decay,
            clip=self.clip,
            validate_every=self.validate_every,
            checkpoint_every=self.checkpoint_every,
            precision=self.precision,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the record of a run."""
        values = asdict(self)
        values |= {name: value.value for name, value in values.items() if isinstance(value, Enum)}
        values["network"] = {"type": type(self.network).__name__, **network_to_json(self.network)}
        values["batches"]["draw"] = self.batches.draw.value
        return json.loads(json.dumps(values))
