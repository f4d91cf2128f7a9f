"""`quotient molecules generate` and `quotient demo`."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from applications._cli_shared import Device, end_generation, expected_errors, finite, progress_bar, set_up_torch
from applications._cli_workers import Cluster, Workers, open_workers

if TYPE_CHECKING:
    from applications.molecular.demo import DemoReport
    from applications.molecular.resumable_files import Progress

_REFUSALS_SHOWN: Final = 3
_CHARACTERS_SHOWN: Final = 120


class SamplerName(StrEnum):
    """Spelling of `SamplerKind` on the command line."""

    ode = "ode"
    sde = "sde"


class StereoName(StrEnum):
    """Spelling of `StereoPolicy` on the command line."""

    resample = "resample"
    filter = "filter"
    off = "off"


class RelaxName(StrEnum):
    """Spelling of `Relaxation` on the command line."""

    none = "none"
    hydrogens = "hydrogens"
    mmff = "mmff"


Model = Annotated[
    Path | None,
    typer.Option("--model", "-m", help="Model file or folder of a training run; default: the one shipped."),
]
Steps = Annotated[int, typer.Option(min=1, max=100_000, help="Steps of the sampler.")]
_ConformerSteps = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=100_000,
        help="Steps of the sampler; default 15 for the ODE of models trained with --coupling orbit-aligned, else 50.",
    ),
]
Seed = Annotated[int, typer.Option(help="Master seed; results depend on nothing else that is random.")]


def generate(
    molecules: Annotated[
        list[str], typer.Argument(help="SMILES, files of `SMILES name` lines, prepared data folders, or - for stdin.")
    ],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="SDF; a .csv and a .json go beside it.")],
    n: Annotated[int, typer.Option("-n", min=1, max=100_000, help="Conformers per molecule.")] = 10,
    model: Model = None,
    steps: _ConformerSteps = None,
    sampler: Annotated[
        SamplerName, typer.Option(help="sde: for models trained with --coupling independent.")
    ] = SamplerName.ode,
    noise_scale: Annotated[
        float, typer.Option(min=0.0, callback=finite, help="Of the SDE; 1 is exact, less is sharper.")
    ] = 1.0,
    seed: Seed = 0,
    stereo: Annotated[
        StereoName, typer.Option(help="Wrong stereochemistry or broken bonds: sample again, report, or keep.")
    ] = StereoName.resample,
    mirror_if_all_wrong: Annotated[
        bool,
        typer.Option(
            "--mirror-if-all-wrong",
            help="Where every specified centre is wrong, take the mirror image of the sample (for comparisons).",
        ),
    ] = False,
    attempts: Annotated[int, typer.Option(min=1, max=1000, help="Samples per conformer with --stereo resample.")] = 5,
    relax: Annotated[
        RelaxName,
        typer.Option(help="MMFF94s afterwards: nothing, only hydrogens that were placed, all atoms."),
    ] = RelaxName.hydrogens,
    dedup: Annotated[
        float,
        typer.Option(
            min=0.0, callback=finite, help="Leave out conformers within this RMSD (Å) of an earlier one; 0 keeps all."
        ),
    ] = 0.0,
    traj: Annotated[bool, typer.Option("--traj", help="Write the way from noise to each conformer as PDB.")] = False,
    split: Annotated[str, typer.Option(help="Split used of a data folder.")] = "test",
    workers: Workers = 1,
    cluster: Cluster = None,
    window: Annotated[
        int, typer.Option(min=1, help="Conformers between two writes, and the unit of work of a process.")
    ] = 256,
    batch_size: Annotated[int, typer.Option(min=1, help="Conformers per evaluation of the network.")] = 64,
    device: Annotated[Device, typer.Option(help="Where the network runs.")] = Device.auto,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, max=1024, help="Threads of the network on the CPU; with --workers or --cluster of each process, 1."
        ),
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if anything failed.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite results of another command.")] = False,
) -> None:
    """Generate conformers. An interrupted command continues when run again.

    For instance: quotient molecules generate "CC(=O)Oc1ccccc1C(=O)O" -n 10 -o aspirin.sdf

    Exit codes: 0 all conformers made, 3 some failed (1 with --strict), 1 none made or bad input.
    """
    with expected_errors():
        from applications.molecular.account import fingerprint, generation_account
        from applications.molecular.checkpoint import load_model
        from applications.molecular.generation import generate as generate_here
        from applications.molecular.generation import generate_on
        from applications.molecular.generation_work import GenerationWork
        from applications.molecular.output import OutputFiles
        from applications.molecular.requests import collect_requests
        from applications.molecular.sampling import ModelSampler
        from applications.molecular.sampling_settings import SamplerKind, SamplingSettings, default_steps
        from applications.molecular.settings import GenerationSettings, StereoPolicy
        from applications.molecular.structures import Relaxation

        settings = GenerationSettings(
            n_conformers=n,
            seed=seed,
            stereo=StereoPolicy(stereo.value),
            mirror_if_all_wrong=mirror_if_all_wrong,
            attempts=attempts,
            relaxation=Relaxation(relax.value),
            duplicate_rmsd=dedup,
            batch_size=batch_size,
            window=window,
        )
        set_up_torch(threads)
        requests = collect_requests(molecules, stdin=sys.stdin, split=split)
        elsewhere = workers > 1 or cluster is not None
        loaded = load_model(model, device="cpu" if elsewhere else device.resolve())
        kind = SamplerKind(sampler.value)
        taken = steps or default_steps(kind, loaded.spec.coupling)
        sampling = SamplingSettings(steps=taken, kind=kind, noise_scale=noise_scale)
        conformer_sampler = ModelSampler(loaded, sampling)
        account = generation_account(loaded, sampling, settings)
        mark = fingerprint(account, requests, settings)
        files = OutputFiles(output, fingerprint=mark, account=account, force=force)
        if elsewhere:
            work = GenerationWork.of_model(
                model,
                sampling=sampling,
                settings=settings,
                label=files.label,
                device=device.resolve,
                threads=threads or 1,
            )
            with open_workers(workers, cluster) as active, progress_bar("conformers") as advance:
                generate_on(active, work, requests, settings, files, advance=advance)
        else:
            with progress_bar("conformers") as advance:
                generate_here(requests, conformer_sampler, settings, files, advance=advance)
        if traj:
            from applications.molecular.trajectories import write_trajectories

            with progress_bar("trajectories") as advance:
                written = write_trajectories(files.csv, conformer_sampler, batch_size=batch_size, advance=advance)
            if written:
                typer.echo(f"{written[0].parent}: {len(written)} trajectories", err=True)
    _report(files.progress, output, n_requests=len(requests))
    end_generation(files.progress, strict=strict)


def demo(
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the SDF, tables and picture.")] = Path(
        "quotient-demo"
    ),
    n: Annotated[int, typer.Option("-n", min=1, max=1000, help="Conformers per drug.")] = 5,
    model: Model = None,
    steps: _ConformerSteps = None,
    seed: Seed = 0,
) -> None:
    """Generate and draw conformers of a few drugs, and say how good they are. Takes about a minute."""
    with expected_errors():
        from applications.molecular.checkpoint import load_model
        from applications.molecular.demo import run_demo
        from applications.molecular.sampling_settings import SamplerKind, SamplingSettings, default_steps
        from applications.molecular.settings import GenerationSettings

        loaded = load_model(model)
        taken = steps or default_steps(SamplerKind.ODE, loaded.spec.coupling)
        with progress_bar("conformers") as advance:
            report = run_demo(
                loaded,
                output,
                settings=GenerationSettings(n_conformers=n, seed=seed),
                sampling=SamplingSettings(steps=taken),
                advance=advance,
            )
    _print_demo(report)


def _print_demo(report: DemoReport) -> None:
    header = ("drug", "made", "stereo", "bonds+clashes", "PoseBusters", "RMSD", "RMSD of ETKDG")
    typer.echo(("{:16s}" + "{:>14s}" * 6).format(*header))
    for line in report.lines:
        busted = "not installed" if line.posebusters_ok is None else f"{line.posebusters_ok}/{line.made}"
        shares = (
            f"{line.made}/{line.requested}",
            f"{line.stereo_kept}/{line.made}",
            f"{line.geometry_ok}/{line.made}",
        )
        cells = (line.name, *shares, busted, f"{line.mean_rmsd:.2f} Å", f"{line.etkdg_rmsd:.2f} Å")
        typer.echo(("{:16s}" + "{:>14s}" * 6).format(*cells))
    typer.echo("RMSD: mean distance of heavy atoms to the nearest of 50 ETKDG + MMFF94s conformers.")
    if report.conformers_per_second:
        typer.echo(f"{report.conformers_per_second:.2f} conformers per second in the model")
    typer.echo(f"{report.sdf}\n{report.png}")


def _report(progress: Progress, output: Path, *, n_requests: int) -> None:
    rows = progress.made + progress.failed + progress.duplicates
    typer.echo(f"{output}: {progress.made} of {rows} conformers of {n_requests} molecules", err=True)
    if progress.duplicates:
        typer.echo(f"{progress.duplicates} repeat an earlier one and were left out", err=True)
    if progress.failed:
        for line in _first_refusals(output.with_suffix(".csv")):
            typer.echo(f"  {line}", err=True)
        typer.echo(f"{progress.failed} failed: the reasons are in {output.with_suffix('.csv')}", err=True)


def _first_refusals(table: Path) -> list[str]:
    """Why the first molecules were refused, read as far as that takes."""
    from itertools import islice

    from applications.molecular.tables import read_table

    refused = (row for row in read_table(table) if row["reason"] and row["conf_id"] == "0" and not row["smiles"])
    return [f"{_short(row['given'])!r}: {row['reason']}" for row in islice(refused, _REFUSALS_SHOWN)]


def _short(text: str) -> str:
    return text if len(text) <= _CHARACTERS_SHOWN else f"{text[:_CHARACTERS_SHOWN]}..."
