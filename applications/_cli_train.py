"""`quotient molecules train`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final

import typer

from applications._cli_shared import Device, progress_bar
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


class HydrogensName(StrEnum):
    """Spelling of `Hydrogens` on the command line."""

    placed = "placed"
    modelled = "modelled"


def train(
    data: Annotated[Path, typer.Argument(help="Data folder made by `quotient molecules prepare`.")],
    *,
    output: RunFolder,
    symmetry: SymmetryOption = SymmetryName.quotient,
    coupling: CouplingOption = CouplingName.orbit_aligned,
    prior: PriorOption = PriorName.harmonic,
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
    steps: Steps = 10_000,
    learning_rate: LearningRate = 1e-3,
    pair_budget: Annotated[
        int, typer.Option(min=1, help="A batch of molecules of n atoms holds about this many / n^2 of them.")
    ] = 12_000,
    max_molecules: Annotated[int, typer.Option(min=1, help="Most molecules of a batch.")] = 64,
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
    """Train a conformer model. Run the same line again to continue an interrupted run."""
    with training(threads):
        from lightning.pytorch.utilities import rank_zero_only

        from applications.molecular.choices import Coupling, PriorKind, Symmetry
        from applications.molecular.draws import Draw
        from applications.molecular.execution import Precision
        from applications.molecular.features import Hydrogens
        from applications.molecular.networks import NetworkKind, Preset
        from applications.molecular.train import TrainOptions
        from applications.molecular.train import train as run
        from applications.molecular.training_data import BatchConfig
        from diffusion.training import OptimizerConfig

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
        execution = execution_of(device=device, devices=devices, nodes=nodes, strategy=strategy, accumulate=accumulate)
        if preset is PresetName.etflow_o3:
            rank_zero_only(typer.echo)(_BLIND, err=True)
        with progress_bar("featurised") as advance:
            model = run(
                data, output, options, start_from=start_from, execution=execution, advance=rank_zero_only(advance)
            )
        report_run(output, model.card)


_BLIND: Final = (
    "note: etflow-o3 commutes with reflections and cannot tell hands apart: of a chiral molecule half of what it "
    "generates is the mirror image, which the check of stereochemistry then samples again"
)
