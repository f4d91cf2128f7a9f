"""What a training run of a backbone model is asked for."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any, final

from applications.molecular.choices import Coupling, PriorKind, Symmetry
from applications.molecular.execution import Precision
from applications.molecular.proteins.held_out import BackboneFiguresConfig
from applications.molecular.proteins.networks import (
    TRANSFORMER_TINY,
    BackboneNetworkConfig,
    backbone_network_to_json,
)
from applications.molecular.proteins.training_data import BackboneBatchConfig
from applications.molecular.training_run import RunSettings
from diffusion import SelfConditioning
from diffusion.training import OptimizerConfig


@final
@dataclass(frozen=True, kw_only=True)
class BackboneTrainOptions:
    """Everything that decides the outcome of a training run, beside the data.

    The coupling is independent by default, unlike that of small molecules: protein practice samples by the SDE, which
    needs a score.

    Attributes:
        symmetry: Treatment of motions along the orbit.
        coupling: Coupling of noise and data.
        prior: Law of the noise.
        network: Sizes of the network.
        self_conditioning: What the network recalls of an earlier prediction.
        optimizer: Optimiser settings, with the number of steps.
        batches: Composition of batches and seed of the stream.
        figures: What is generated at validation.
        ema_decay: Decay of the exponential moving average of the weights.
        clip: Largest gradient norm.
        validate_every: Steps between validations.
        checkpoint_every: Steps between checkpoints.
        seed: Seed of the initial weights.
        precision: Number format of the network in training.
    """

    symmetry: Symmetry = Symmetry.QUOTIENT
    coupling: Coupling = Coupling.INDEPENDENT
    prior: PriorKind = PriorKind.GAUSSIAN
    network: BackboneNetworkConfig = TRANSFORMER_TINY
    self_conditioning: SelfConditioning = SelfConditioning.PROJECTED
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    batches: BackboneBatchConfig = field(default_factory=BackboneBatchConfig)
    figures: BackboneFiguresConfig = field(default_factory=BackboneFiguresConfig)
    ema_decay: float = 0.999
    clip: float = 1.0
    validate_every: int = 1000
    checkpoint_every: int = 200
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
        values["network"] = {"type": type(self.network).__name__, **backbone_network_to_json(self.network)}
        return json.loads(json.dumps(values))
