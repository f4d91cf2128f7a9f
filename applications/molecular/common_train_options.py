"""What every training run of this application is asked for."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass, field
from typing import Any, final

from applications.molecular.choices import PriorKind, Symmetry
from applications.molecular.execution import Precision
from applications.molecular.training_run import RunSettings
from diffusion.training import OptimizerConfig


@dataclass(frozen=True, kw_only=True)
class AbstractTrainOptions(ABC):
    """Options that networks of all kinds share.

    Attributes:
        symmetry: Treatment of motions along the orbit.
        prior: Law of the noise.
        optimizer: Optimiser settings, with the number of steps.
        ema_decay: Decay of the exponential moving average of the weights.
        clip: Largest gradient norm.
        validate_every: Steps between validations.
        checkpoint_every: Steps between checkpoints.
        seed: Seed of the initial weights.
        precision: Number format of the network in training.
    """

    symmetry: Symmetry = Symmetry.QUOTIENT
    prior: PriorKind = PriorKind.GAUSSIAN
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    ema_decay: float = 0.999
    clip: float = 1.0
    validate_every: int = 1000
    checkpoint_every: int = 200
    seed: int = 0
    precision: Precision = Precision.FLOAT32

    @abstractmethod
    def network_json(self) -> dict[str, Any]:
        """The sizes of the network and their type, in plain values."""

    @final
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

    @final
    def to_json(self) -> dict[str, Any]:
        """Plain values, for the record of a run."""
        values = {**asdict(self), "network": self.network_json()}
        return json.loads(json.dumps(values, default=lambda choice: choice.value))
