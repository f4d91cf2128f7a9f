"""What a training run of a backbone model is asked for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, final

from typing_extensions import override

from applications.molecular.choices import Coupling
from applications.molecular.common_train_options import AbstractTrainOptions
from applications.molecular.proteins.held_out import BackboneFiguresConfig
from applications.molecular.proteins.networks import (
    TRANSFORMER_TINY,
    BackboneNetworkConfig,
    backbone_network_to_json,
)
from applications.molecular.proteins.training_data import BackboneBatchConfig
from diffusion import SelfConditioning


@final
@dataclass(frozen=True, kw_only=True)
class BackboneTrainOptions(AbstractTrainOptions):
    """Everything that decides the outcome of a training run, beside the data.

    The coupling is independent by default, unlike that of small molecules: protein practice samples by the SDE, which
    needs a score.

    Attributes:
        coupling: Coupling of noise and data.
        network: Sizes of the network.
        self_conditioning: What the network recalls of an earlier prediction.
        batches: Composition of batches and seed of the stream.
        figures: What is generated at validation.
    """

    coupling: Coupling = Coupling.INDEPENDENT
    network: BackboneNetworkConfig = TRANSFORMER_TINY
    self_conditioning: SelfConditioning = SelfConditioning.PROJECTED
    batches: BackboneBatchConfig = field(default_factory=BackboneBatchConfig)
    figures: BackboneFiguresConfig = field(default_factory=BackboneFiguresConfig)

    @override
    def network_json(self) -> dict[str, Any]:
        return {"type": type(self.network).__name__, **backbone_network_to_json(self.network)}
