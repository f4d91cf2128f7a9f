"""`quotient proteins generate`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from applications._cli_generate import Model, SamplerName, Seed, Steps
from applications._cli_shared import Device, end_generation, expected_errors, finite, progress_bar, set_up_torch

if TYPE_CHECKING:
    from applications.molecular.proteins.output import BackboneOutput
    from applications.molecular.proteins.requests import BackboneRequest


class GridName(StrEnum):
    """Spelling of `GridKind` on the command line."""

    uniform = "uniform"
    log = "log"


def generate(
    *,
    lengths: Annotated[str, typer.Option(help="Numbers of residues: 48,64 or 60-120:20.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder, or a name in .pdb for one file with all models.")
    ],
    n: Annotated[int, typer.Option("-n", min=1, max=100_000, help="Structures of each length.")] = 8,
    model: Model = None,
    steps: Steps = 400,
    sampler: Annotated[
        SamplerName, typer.Option(help="sde: for models trained with --coupling independent.")
    ] = SamplerName.sde,
    noise_scale: Annotated[
        float, typer.Option(min=0.0, callback=finite, help="Of the SDE; 1 is exact, less is sharper.")
    ] = 0.45,
    grid: Annotated[GridName, typer.Option(help="Equal steps, or steps that shrink towards the data.")] = GridName.log,
    seed: Seed = 0,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Structures per evaluation of the network; fewer from 128 residues on.")
    ] = 16,
    backbone: Annotated[bool, typer.Option("--backbone", help="Write N, C and O too, placed by the CA trace.")] = False,
    traj: Annotated[bool, typer.Option("--traj", help="Write the way from noise to each structure as PDB.")] = False,
    device: Annotated[Device, typer.Option(help="Where the network runs.")] = Device.auto,
    threads: Annotated[int | None, typer.Option(min=1, max=1024, help="Threads of the network on the CPU.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if anything failed.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite results of another command.")] = False,
) -> None:
    """Generate backbones. An interrupted command continues when run again.

    For instance: quotient proteins generate --lengths 48,64 -n 8 -o backbones

    Exit codes: 0 all structures made, 3 some failed (1 with --strict), 1 none made or bad input.
    """
    with expected_errors():
        from applications.molecular.proteins.checkpoint import load_backbone_model
        from applications.molecular.proteins.generation import (
            BackboneSettings,
            fingerprint,
            generate_backbones,
            generation_account,
            write_trajectories,
        )
        from applications.molecular.proteins.output import open_output
        from applications.molecular.proteins.requests import parse_lengths, requests_of
        from applications.molecular.proteins.sampling import BackboneSampler
        from applications.molecular.sampling_settings import GridKind, SamplerKind, SamplingSettings

        settings = BackboneSettings(
            lengths=tuple(parse_lengths(lengths)), n=n, seed=seed, rebuilt=backbone, batch_size=batch_size
        )
        sampling = SamplingSettings(
            steps=steps, kind=SamplerKind(sampler.value), noise_scale=noise_scale, grid=GridKind(grid.value)
        )
        set_up_torch(threads)
        requests = requests_of(list(settings.lengths), n=n, seed=seed)
        loaded = load_backbone_model(model, device=device.resolve())
        backbone_sampler = BackboneSampler(loaded, sampling)
        account = generation_account(loaded, sampling, settings)
        files = open_output(
            output,
            lengths=settings.lengths,
            fingerprint=fingerprint(account),
            account=account,
            rebuilt=backbone,
            remarks=[f"model {account['model']}", f"sampler {sampler.value}, {steps} steps"],
            force=force,
        )
        shortest, longest = loaded.spec.min_residues, loaded.spec.max_residues
        far = [length for length in settings.lengths if not shortest <= length <= longest]
        if far:
            typer.echo(
                f"note: the model was trained on {shortest} to {longest} residues; "
                f"{', '.join(map(str, far[:5]))} {'is' if len(far) == 1 else 'are'} outside",
                err=True,
            )
        with progress_bar("structures") as advance:
            generate_backbones(requests, backbone_sampler, files, batch_size=batch_size, advance=advance)
        if traj:
            made = _made(files, requests)
            folder = files.csv.parent if output.suffix.lower() != ".pdb" else output.with_suffix("")
            with progress_bar("trajectories") as advance:
                write_trajectories(
                    made,
                    backbone_sampler,
                    folder.with_name(f"{folder.name}_trajectories"),
                    batch_size=batch_size,
                    advance=advance,
                )
    progress = files.progress
    typer.echo(f"{output}: {progress.made} of {progress.made + progress.failed} structures", err=True)
    if progress.failed:
        typer.echo(f"{progress.failed} failed: the reasons are in {files.csv}", err=True)
    end_generation(progress, strict=strict)


def _made(files: BackboneOutput, requests: list[BackboneRequest]) -> list[BackboneRequest]:
    from applications.molecular.tables import read_table

    names = {row["name"] for row in read_table(files.csv) if row["ok"] == "true"}
    return [request for request in requests if request.name in names]
