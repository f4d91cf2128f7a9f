"""A demonstration on drugs everyone knows: conformers, a picture, and figures of how good they are."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np
from rdkit import Chem

from applications.molecular.account import fingerprint, generation_account
from applications.molecular.chemistry import Molecule, parse_smiles
from applications.molecular.ensembles import embed
from applications.molecular.evaluate import baseline_conformers
from applications.molecular.generation import generate
from applications.molecular.geometry_checks import GeometryChecker
from applications.molecular.metrics import rmsd_matrix
from applications.molecular.model import ConformerModel
from applications.molecular.output import OutputFiles
from applications.molecular.pictures import Panel, draw_grid
from applications.molecular.posebusters import bust
from applications.molecular.readback import read_generated
from applications.molecular.requests import Request
from applications.molecular.sampling import ModelSampler
from applications.molecular.sampling_settings import SamplingSettings
from applications.molecular.settings import GenerationSettings
from applications.molecular.stereo import check_stereo
from applications.molecular.structures import with_conformers

DRUGS: Mapping[str, str] = {
    "aspirin": "CC(=O)Oc1ccccc1C(=O)O",
    "paracetamol": "CC(=O)Nc1ccc(O)cc1",
    "caffeine": "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
    "(S)-ibuprofen": "CC(C)Cc1ccc(cc1)[C@H](C)C(=O)O",
    "(S)-naproxen": "COc1ccc2cc(ccc2c1)[C@H](C)C(=O)O",
    "(R)-salbutamol": "CC(C)(C)NC[C@H](O)c1ccc(O)c(CO)c1",
    "resveratrol": "Oc1ccc(cc1)/C=C/c1cc(O)cc(O)c1",
}
"""Names and SMILES of the demonstration."""

_REFERENCES = 50


@final
@dataclass(frozen=True)
class DemoLine:
    """Figures of one drug.

    Attributes:
        name: its name.
        requested: conformers asked for.
        made: conformers written.
        stereo_kept: of them, with the stereochemistry asked for.
        geometry_ok: of them, without impossible bonds or clashes.
        posebusters_ok: of them, passing all PoseBusters checks; None where it is not installed.
        mean_rmsd: mean distance in Å to the nearest of 50 ETKDG + MMFF94s conformers, heavy atoms.
        etkdg_rmsd: the same for raw ETKDG conformers, as a yardstick.
    """

    name: str
    requested: int
    made: int
    stereo_kept: int
    geometry_ok: int
    posebusters_ok: int | None
    mean_rmsd: float
    etkdg_rmsd: float


@final
@dataclass(frozen=True)
class DemoReport:
    """Where the demonstration wrote, and its figures."""

    sdf: Path
    png: Path
    lines: list[DemoLine]
    conformers_per_second: float | None


def run_demo(
    model: ConformerModel,
    folder: Path,
    *,
    settings: GenerationSettings,
    sampling: SamplingSettings,
    advance: Callable[[int, int], None] | None = None,
) -> DemoReport:
    """Generate conformers of `DRUGS`, draw them and measure them.

    Args:
        model: the model.
        folder: gets `demo.sdf`, `demo.csv`, `demo.json` and `demo.png`; earlier ones are replaced.
        settings: conformers per drug, seed, gates.
        sampling: steps and process.
        advance: called with (conformers done, conformers in all).
    """
    requests = [Request(name=name, given=smiles) for name, smiles in DRUGS.items()]
    account = generation_account(model, sampling, settings)
    sdf = folder / "demo.sdf"
    output = OutputFiles(sdf, fingerprint=fingerprint(account, requests, settings), account=account, force=True)
    generate(requests, ModelSampler(model, sampling), settings, output, advance=advance)
    found = read_generated(sdf)
    panels, lines = [], []
    for name, smiles in DRUGS.items():
        molecule = parse_smiles(smiles)
        frames = found.positions[molecule.smiles]
        lines.append(_line(name, molecule, frames, settings))
        mol = with_conformers(molecule.full, frames)
        if len(frames):
            panels.append([Panel(mol, f"{name}, {i + 1}", i) for i in range(len(frames))])
    png = folder / "demo.png"
    if panels:
        draw_grid(panels, png)
    return DemoReport(sdf=sdf, png=png, lines=lines, conformers_per_second=found.account.get("conformers_per_second"))


def _line(name: str, molecule: Molecule, frames: np.ndarray, settings: GenerationSettings) -> DemoLine:
    if not len(frames):
        nan = float("nan")
        return DemoLine(name, settings.n_conformers, 0, 0, 0, None, nan, nan)
    mol = with_conformers(molecule.full, frames)
    ids = range(len(frames))
    raw, relaxed = baseline_conformers(molecule.smiles, n=_REFERENCES, seed=settings.seed)
    fresh = parse_smiles(molecule.smiles)
    embed(fresh, n_conformers=len(frames), seed=settings.seed + 1, time_limit=10.0)
    references = with_conformers(molecule.full, relaxed if len(relaxed) else raw)
    checker = GeometryChecker(molecule.full)
    return DemoLine(
        name=name,
        requested=settings.n_conformers,
        made=len(frames),
        stereo_kept=sum(check_stereo(mol, conf_id=i).kept for i in ids),
        geometry_ok=sum(checker.check(mol, conf_id=i).ok for i in ids),
        posebusters_ok=_posebusters_ok(mol),
        mean_rmsd=float(rmsd_matrix(mol, references).min(axis=0).mean()),
        etkdg_rmsd=float(rmsd_matrix(fresh.full, references).min(axis=0).mean()),
    )


def _posebusters_ok(mol: Chem.Mol) -> int | None:
    if importlib.util.find_spec("posebusters") is None:
        return None
    report = bust([Chem.Mol(mol, confId=c.GetId()) for c in mol.GetConformers()])
    return round(report.pass_rate * report.n)
