"""`quotient molecules train`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from applications._cli_shared import Device, expected_errors, finite, progress_bar, use_threads


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


class NetworkName(StrEnum):
    """Spelling of `NetworkKind` on the command line."""

    equivariant = "equivariant"
    plain = "plain"


class PresetName(StrEnum):
    """Spelling of `Preset` on the command line."""

    tiny = "tiny"
    small = "small"
    etflow_so3 = "etflow-so3"
    etflow_o3 = "etflow-o3"


class DrawName(StrEnum):
    """Spelling of `Draw` on the command line."""

    uniform = "uniform"
    boltzmann = "boltzmann"
    all = "all"


class StrategyName(StrEnum):
    """Spelling of `Strategy` on the command line."""

    auto = "auto"
    ddp = "ddp"


class PrecisionName(StrEnum):
    """Spelling of `Precision` on the command line."""

    float32 = "32"
    bfloat16 = "bf16"


class HydrogensName(StrEnum):
    """Spelling of `Hydrogens` on the command line."""

    placed = "placed"
    modelled = "modelled"


def train(
    data: Annotated[Path, typer.Argument(help="Data folder made by `quotient molecules prepare`.")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the run.")],
    symmetry: Annotated[
        SymmetryName, typer.Option(help="What the loss does with motions along the orbit.")
    ] = SymmetryName.quotient,
    coupling: Annotated[CouplingName, typer.Option(help="How noise is paired with data.")] = CouplingName.orbit_aligned,
    prior: Annotated[PriorName, typer.Option(help="Law of the noise.")] = PriorName.gaussian,
    network: Annotated[NetworkName, typer.Option(help="Family of networks.")] = NetworkName.equivariant,
    preset: Annotated[
        PresetName, typer.Option(help="Size of the network; the last two are of the equivariant family.")
    ] = PresetName.tiny,
    draw: Annotated[
        DrawName,
        typer.Option(
            help="A molecule, then a conformer of it, any or by Boltzmann weight at 298 K; or any of all conformers."
        ),
    ] = DrawName.uniform,
    hydrogens: Annotated[
        HydrogensName, typer.Option(help="Hydrogens are placed afterwards, or modelled like other atoms.")
    ] = HydrogensName.placed,
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 10_000,
    learning_rate: Annotated[float, typer.Option(min=0.0, callback=finite, help="Peak learning rate.")] = 1e-3,
    pair_budget: Annotated[
        int, typer.Option(min=1, help="A batch of molecules of n atoms holds about this many / n^2 of them.")
    ] = 12_000,
    max_molecules: Annotated[int, typer.Option(min=1, help="Most molecules of a batch.")] = 64,
    validate_every: Annotated[int, typer.Option(min=1, help="Steps between validations.")] = 1000,
    checkpoint_every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 200,
    start_from: Annotated[
        Path | None, typer.Option(help="Model whose weights are the starting point, for fine-tuning.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of the initial weights and of the batches.")] = 0,
    device: Annotated[Device, typer.Option(help="Where the network runs.")] = Device.auto,
    devices: Annotated[
        int, typer.Option(min=1, help="GPUs, or processes on the CPU; they share each batch, which stays the same.")
    ] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines; torchrun or Slurm starts the command on each.")] = 1,
    strategy: Annotated[
        StrategyName, typer.Option(help="How processes share the work; auto is ddp for several.")
    ] = StrategyName.auto,
    precision: Annotated[
        PrecisionName, typer.Option(help="Of the network; the geometry stays in single precision or better.")
    ] = PrecisionName.float32,
    accumulate: Annotated[
        int, typer.Option(min=1, help="Take each batch in this many parts: the same step in less memory.")
    ] = 1,
    threads: Annotated[int | None, typer.Option(min=1, max=1024, help="Threads of each process on the CPU.")] = None,
) -> None:
    """Train a conformer model. Run the same line again to continue an interrupted run."""
    with expected_errors():
        import os

        from lightning.pytorch.utilities import rank_zero_only
        from lightning.pytorch.utilities.exceptions import SIGTERMException

        from applications.molecular.choices import Coupling, PriorKind, Symmetry
        from applications.molecular.draws import Draw
        from applications.molecular.execution import Execution, Precision, Strategy
        from applications.molecular.features import Hydrogens
        from applications.molecular.networks import NetworkKind, Preset
        from applications.molecular.train import TrainOptions
        from applications.molecular.train import train as run
        from applications.molecular.training_data import BatchConfig
        from diffusion.training import OptimizerConfig

        use_threads(threads)
        if threads is not None:
            # Lightning divides the cores among processes unless this says how many threads each has.
            os.environ["OMP_NUM_THREADS"] = str(threads)
        options = TrainOptions(
            symmetry=Symmetry(symmetry.value),
            coupling=Coupling(coupling.value),
            prior=PriorKind(prior.value),
            network=Preset(preset.value).config(NetworkKind(network.value)),
            hydrogens=Hydrogens(hydrogens.value),
            optimizer=OptimizerConfig(learning_rate=learning_rate, max_steps=steps),
            batches=BatchConfig(pair_budget=pair_budget, max_molecules=max_molecules, seed=seed, draw=Draw(draw.value)),
            validate_every=validate_every,
            checkpoint_every=checkpoint_every,
            seed=seed,
            precision=Precision(precision.value),
        )
        execution = Execution(
            accelerator="gpu" if device.resolve() == "cuda" else "cpu",
            devices=devices,
            nodes=nodes,
            strategy=Strategy(strategy.value),
            accumulate=accumulate,
        )
        if preset is PresetName.etflow_o3:
            rank_zero_only(typer.echo)(_BLIND, err=True)
        try:
            with progress_bar("featurised") as advance:
                model = run(
                    data,
                    output,
                    options,
                    start_from=start_from,
                    execution=execution,
                    advance=rank_zero_only(advance),
                )
        except SIGTERMException:
            # Lightning leaves with code 0, which would say that all is done.
            rank_zero_only(typer.echo)("terminated: run the same line again to continue", err=True)
            raise typer.Exit(128 + 15) from None
        rank_zero_only(_report)(output, model.card)


_BLIND: Final = (
    "note: etflow-o3 commutes with reflections and cannot tell hands apart: of a chiral molecule half of what it "
    "generates is the mirror image, which the check of stereochemistry then samples again"
)


def _report(output: Path, card: dict[str, Any]) -> None:
    typer.echo(f"{output}: trained to step {card.get('step')}")
    for name, value in card.get("held_out", {}).items():
        typer.echo(f"  held out {name}: {value if isinstance(value, int | str) else f'{value:.3f}'}")
