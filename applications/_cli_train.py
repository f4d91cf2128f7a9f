"""`quotient molecules train`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

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
    hydrogens: Annotated[
        HydrogensName, typer.Option(help="Hydrogens are placed afterwards, or modelled like other atoms.")
    ] = HydrogensName.placed,
    steps: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 10_000,
    learning_rate: Annotated[float, typer.Option(min=0.0, callback=finite, help="Peak learning rate.")] = 1e-3,
    pair_budget: Annotated[
        int, typer.Option(min=1, help="A batch of molecules of n atoms holds about this many / n^2 of them.")
    ] = 12_000,
    validate_every: Annotated[int, typer.Option(min=1, help="Steps between validations.")] = 1000,
    checkpoint_every: Annotated[int, typer.Option(min=1, help="Steps between checkpoints.")] = 200,
    start_from: Annotated[
        Path | None, typer.Option(help="Model whose weights are the starting point, for fine-tuning.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, max=2**63 - 1, help="Of the initial weights and of the batches.")] = 0,
    device: Annotated[Device, typer.Option(help="Where the network runs.")] = Device.auto,
    threads: Annotated[int | None, typer.Option(min=1, max=1024, help="Threads of the network on the CPU.")] = None,
) -> None:
    """Train a conformer model. Run the same line again to continue an interrupted run."""
    with expected_errors():
        from applications.molecular.features import Hydrogens
        from applications.molecular.model import Coupling, PriorKind, Symmetry
        from applications.molecular.networks import EQUIVARIANT_TINY, PLAIN_TINY
        from applications.molecular.train import TrainOptions
        from applications.molecular.train import train as run
        from applications.molecular.training_data import BatchConfig
        from diffusion.training import OptimizerConfig

        use_threads(threads)
        options = TrainOptions(
            symmetry=Symmetry(symmetry.value),
            coupling=Coupling(coupling.value),
            prior=PriorKind(prior.value),
            network=EQUIVARIANT_TINY if network is NetworkName.equivariant else PLAIN_TINY,
            hydrogens=Hydrogens(hydrogens.value),
            optimizer=OptimizerConfig(learning_rate=learning_rate, max_steps=steps),
            batches=BatchConfig(pair_budget=pair_budget, seed=seed),
            validate_every=validate_every,
            checkpoint_every=checkpoint_every,
            seed=seed,
        )
        accelerator = "gpu" if device.resolve() == "cuda" else "cpu"
        with progress_bar("featurised") as advance:
            model = run(data, output, options, start_from=start_from, accelerator=accelerator, advance=advance)
    typer.echo(f"{output}: trained to step {model.card.get('step')}")
    for name, value in model.card.get("held_out", {}).items():
        typer.echo(f"  held out {name}: {value if isinstance(value, int | str) else f'{value:.3f}'}")
