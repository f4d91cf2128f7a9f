"""What the commands that train share: spellings of the choices, and how a run is executed and ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from applications._cli_shared import Device, expected_errors, finite, set_up_torch

if TYPE_CHECKING:
    from applications.molecular.execution import Execution


class SymmetryName(StrEnum):
    """Spelling of `Symmetry` on the command line."""

    quotient = "quotient"
    equivariant = "equivariant"
    aligned_target = "aligned-target"
    aligned_prediction = "aligned-prediction"
    orbit_averaged = "orbit-averaged"
    orbit_averaged_unprojected = "orbit-averaged-unprojected"


class PriorName(StrEnum):
    """Spelling of `PriorKind` on the command line."""

    gaussian = "gaussian"
    harmonic = "harmonic"


class CouplingName(StrEnum):
    """Spelling of `Coupling` on the command line."""

    independent = "independent"
    orbit_aligned = "orbit-aligned"


class StrategyName(StrEnum):
    """Spelling of `Strategy` on the command line."""

    auto = "auto"
    ddp = "ddp"


class PrecisionName(StrEnum):
    """Spelling of `Precision` on the command line."""

    float32 = "32"
    bfloat16 = "bf16"


RunFolder = Annotated[Path, typer.Option("--output", "-o", help="Folder of the run.")]
SymmetryOption = Annotated[SymmetryName, typer.Option(help="What the loss does with motions along the orbit.")]
CouplingOption = Annotated[CouplingName, typer.Option(help="How noise is paired with data.")]
PriorOption = Annotated[PriorName, typer.Option(help="Law of the noise.")]
Steps = Annotated[int, typer.Option(min=1, help="Optimiser steps.")]
LearningRate = Annotated[float, typer.Option(min=0.0, callback=finite, help="Peak learning rate.")]
ValidateEvery = Annotated[int, typer.Option(min=1, help="Steps between validations.")]
CheckpointEvery = Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")]
StartFrom = Annotated[Path | None, typer.Option(help="Model whose weights are the starting point, for fine-tuning.")]
Seed = Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of the initial weights and of the batches.")]
DeviceOption = Annotated[Device, typer.Option(help="Where the network runs.")]
Devices = Annotated[
    int, typer.Option(min=1, help="GPUs, or processes on the CPU; they share each batch, which stays the same.")
]
Nodes = Annotated[int, typer.Option(min=1, help="Machines; torchrun or Slurm starts the command on each.")]
StrategyOption = Annotated[StrategyName, typer.Option(help="How processes share the work; auto is ddp for several.")]
PrecisionOption = Annotated[
    PrecisionName, typer.Option(help="Of the network; the geometry stays in single precision or better.")
]
Accumulate = Annotated[
    int, typer.Option(min=1, help="Take each batch in this many parts: the same step in less memory.")
]
Threads = Annotated[int | None, typer.Option(min=1, max=1024, help="Threads of each process on the CPU.")]


def execution_of(*, device: Device, devices: int, nodes: int, strategy: StrategyName, accumulate: int) -> Execution:
    """How a run is executed.

    Raises:
        ValueError: a GPU was asked for and there is none.
    """
    from applications.molecular.execution import Execution, Strategy

    return Execution(
        accelerator="gpu" if device.resolve() == "cuda" else "cpu",
        devices=devices,
        nodes=nodes,
        strategy=Strategy(strategy.value),
        accumulate=accumulate,
    )


@contextmanager
def training(threads: int | None) -> Iterator[None]:
    """Around a training run: threads, errors in one line, and the exit code of a run that is told to stop."""
    with expected_errors():
        import os

        from lightning.pytorch.utilities import rank_zero_only
        from lightning.pytorch.utilities.exceptions import SIGTERMException

        set_up_torch(threads)
        if threads is not None:
            # Lightning divides the cores among processes unless this says how many threads each has.
            os.environ["OMP_NUM_THREADS"] = str(threads)
        try:
            yield
        except SIGTERMException:
            # Lightning leaves with code 0, which would say that all is done.
            rank_zero_only(typer.echo)("terminated: run the same line again to continue", err=True)
            raise typer.Exit(128 + 15) from None


def report_run(output: Path, card: dict[str, Any]) -> None:
    """Say how far a run came and what it reached; in distributed runs the first process does."""
    from lightning.pytorch.utilities import rank_zero_only

    @rank_zero_only
    def say() -> None:
        typer.echo(f"{output}: trained to step {card.get('step')}")
        for name, value in card.get("held_out", {}).items():
            typer.echo(f"  held out {name}: {f'{value:.3f}' if isinstance(value, float) else value}")

    say()
