"""`quotient proteins train`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from applications._cli_shared import Device
from applications._cli_training import (
    Accumulate,
    CheckpointEvery,
    CouplingName,
    CouplingOption,
    DeviceOption,
    Devices,
    LearningRate,
    Nodes,
    PrecisionName,
    PrecisionOption,
    PriorName,
    PriorOption,
    RunFolder,
    Seed,
    StartFrom,
    Steps,
    StrategyName,
    StrategyOption,
    SymmetryName,
    SymmetryOption,
    Threads,
    ValidateEvery,
    execution_of,
    report_run,
    training,
)


class BackboneNetworkName(StrEnum):
    """Spelling of `BackboneNetworkKind` on the command line."""

    transformer = "transformer"
    equivariant = "equivariant"


class BackbonePresetName(StrEnum):
    """Spelling of `BackbonePreset` on the command line."""

    tiny = "tiny"
    proteina_60m = "proteina-60m"


class SelfConditioningName(StrEnum):
    """Spelling of `SelfConditioning` on the command line."""

    off = "off"
    projected = "projected"
    unprojected = "unprojected"


def train(
    data: Annotated[Path, typer.Argument(help="Data folder made by `quotient proteins prepare`.")],
    *,
    output: RunFolder,
    symmetry: SymmetryOption = SymmetryName.quotient,
    coupling: CouplingOption = CouplingName.independent,
    prior: PriorOption = PriorName.gaussian,
    network: Annotated[
        BackboneNetworkName, typer.Option(help="Family of networks; the transformer learns rotations from the data.")
    ] = BackboneNetworkName.transformer,
    preset: Annotated[
        BackbonePresetName, typer.Option(help="Size of the network; the last one is of the transformers.")
    ] = BackbonePresetName.tiny,
    self_conditioning: Annotated[
        SelfConditioningName,
        typer.Option(help="What the network sees of its last prediction: without its vertical part, all, or nothing."),
    ] = SelfConditioningName.projected,
    sequence: Annotated[bool, typer.Option("--sequence", help="The network sees the residue types.")] = False,
    steps: Steps = 10_000,
    learning_rate: LearningRate = 1e-3,
    min_residues: Annotated[int, typer.Option(min=4, help="Shortest crop, and shortest chain that is used.")] = 40,
    max_residues: Annotated[int, typer.Option(min=4, help="Longest crop.")] = 128,
    whole: Annotated[
        bool, typer.Option("--whole", help="Take chains whole; those in several models always are.")
    ] = False,
    pair_budget: Annotated[
        int, typer.Option(min=1, help="A batch of chains of n residues holds about this many / n^2 of them.")
    ] = 65_536,
    max_chains: Annotated[int, typer.Option(min=1, help="Most chains of a batch.")] = 64,
    validate_every: ValidateEvery = 1000,
    checkpoint_every: CheckpointEvery = 200,
    start_from: StartFrom = None,
    seed: Seed = 0,
    device: DeviceOption = Device.auto,
    devices: Devices = 1,
    nodes: Nodes = 1,
    strategy: StrategyOption = StrategyName.auto,
    precision: PrecisionOption = PrecisionName.float32,
    accumulate: Accumulate = 1,
    threads: Threads = None,
) -> None:
    """Train a model of backbones. Run the same line again to continue an interrupted run."""
    with training(threads):
        from applications.molecular.choices import Coupling, PriorKind, Symmetry
        from applications.molecular.execution import Precision
        from applications.molecular.proteins.held_out import BackboneFiguresConfig
        from applications.molecular.proteins.networks import BackboneNetworkKind, BackbonePreset
        from applications.molecular.proteins.train import train_backbones
        from applications.molecular.proteins.train_options import BackboneTrainOptions
        from applications.molecular.proteins.training_data import BackboneBatchConfig
        from diffusion import SelfConditioning
        from diffusion.training import OptimizerConfig

        sizes = BackbonePreset(preset.value).config(BackboneNetworkKind(network.value), sequence=sequence)
        options = BackboneTrainOptions(
            symmetry=Symmetry(symmetry.value),
            coupling=Coupling(coupling.value),
            prior=PriorKind(prior.value),
            network=sizes,
            self_conditioning=SelfConditioning(self_conditioning.value),
            optimizer=OptimizerConfig(learning_rate=learning_rate, max_steps=steps),
            batches=BackboneBatchConfig(
                min_residues=min_residues,
                max_residues=max_residues,
                whole=whole,
                pair_budget=pair_budget,
                max_chains=max_chains,
                seed=seed,
            ),
            figures=BackboneFiguresConfig.between(min_residues, max_residues),
            validate_every=validate_every,
            checkpoint_every=checkpoint_every,
            seed=seed,
            precision=Precision(precision.value),
        )
        execution = execution_of(device=device, devices=devices, nodes=nodes, strategy=strategy, accumulate=accumulate)
        model = train_backbones(data, output, options, start_from=start_from, execution=execution)
        report_run(output, model.card)
