"""Where and how a training run is executed, and the number format of its network."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, final

import torch


@final
class ExecutionError(ValueError):
    """Hardware that a run asks for and that is not there."""


@final
class Precision(Enum):
    """Number format of a network in training. Weights, geometry, losses and generation are in float32 always."""

    FLOAT32 = "32"
    BFLOAT16 = "bf16"

    @property
    def lightning(self) -> Literal["32-true", "bf16-mixed"]:
        """Lightning's name."""
        return "32-true" if self is Precision.FLOAT32 else "bf16-mixed"


@final
class Strategy(Enum):
    """How several processes share the work."""

    AUTO = "auto"
    """One process, or DDP for several."""
    DDP = "ddp"
    """Every process has the network; gradients are averaged."""


@final
@dataclass(frozen=True, kw_only=True)
class Execution:
    """Processes of a run, and the parts in which each takes its share of a batch.

    Nothing of this changes what a run computes, up to rounding.

    Attributes:
        accelerator: Lightning's name of the kind of device.
        devices: Devices, or processes on the CPU, on each machine.
        nodes: Machines; the command is started on each, by a launcher such as torchrun or Slurm.
        strategy: How they share the work.
        accumulate: Parts of the batch of a step that a process takes one after the other: the same gradient in less
            memory.
    """

    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    strategy: Strategy = Strategy.AUTO
    accumulate: int = 1

    def check(self) -> None:
        """Refuse what this machine cannot do.

        Raises:
            ExecutionError: For more GPUs than there are, or numbers below one.
        """
        for name in ("devices", "nodes", "accumulate"):
            if getattr(self, name) < 1:
                raise ExecutionError(f"got {name} {getattr(self, name)}, expected at least 1")
        found = torch.cuda.device_count() if torch.cuda.is_available() else 0
        on_gpu = self.accelerator in ("gpu", "cuda") or (self.accelerator == "auto" and found > 0)
        if on_gpu and self.devices > found:
            raise ExecutionError(f"got {self.devices} devices, expected at most the {found} GPUs that torch finds")

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the record of a run."""
        return {**vars(self), "strategy": self.strategy.value}
