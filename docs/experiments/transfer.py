"""Experiment two: conformers of molecules that training has not seen."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, final

import numpy as np
from cells import ROWS, Row, plain
from laws import Array, pair_distances
from rdkit import Chem
from rdkit.Chem import rdmolops
from rich.console import Console
from scipy.stats import wasserstein_distance

from applications.molecular.chemistry import Molecule, SizeLimits, parse_smiles
from applications.molecular.choices import Coupling, PriorKind
from applications.molecular.dataset import ConformerRecord, ConformerStore
from applications.molecular.ensembles import EnsembleOptions
from applications.molecular.execution import Execution
from applications.molecular.held_out import HeldOutConfig
from applications.molecular.metrics import rmsd_matrix, score
from applications.molecular.model import ConformerModel
from applications.molecular.networks import EquivariantConfig, NetworkConfig, PlainConfig
from applications.molecular.prepare import prepare
from applications.molecular.sampling import ModelSampler
from applications.molecular.sampling_settings import SamplerKind, SamplingSettings
from applications.molecular.seeds import derived_seed
from applications.molecular.source_arguments import open_source
from applications.molecular.structures import with_conformers
from applications.molecular.train import TrainOptions, train
from applications.molecular.training_data import BatchConfig
from diffusion.training import OptimizerConfig

NETWORKS: dict[str, NetworkConfig] = {
    "plain": PlainConfig(width=128, pairs=48, heads=8, blocks=4, expansion=3),
    "equivariant": EquivariantConfig(scalars=64, vectors=24, pairs=32, heads=8, forces=8, blocks=4, expansion=2),
}
STEP_COUNTS = (5, 10, 20, 50)
_BATCH = 100


@final
@dataclass(frozen=True, kw_only=True)
class Size:
    """How long is trained and how much is drawn.

    Attributes:
        steps: optimiser steps.
        pair_budget: of a batch, see `BatchConfig`.
        learning_rate: its peak.
        molecules: test molecules compared.
        generated: conformers drawn for each.
        references: most references of each.
        validation: molecules compared during training.
    """

    steps: int = 1600
    pair_budget: int = 8000
    learning_rate: float = 1e-3
    molecules: int = 40
    generated: int = 16
    references: int = 30
    validation: int = 16


@final
@dataclass(frozen=True)
class TransferCell:
    """One way to train, one network, one seed; the same seed sees the same batches and noise in all rows."""

    row: Row
    network: str
    seed: int
    size: Size = field(default_factory=Size)

    def key(self) -> dict[str, Any]:
        """What tells it from the others."""
        return {"network": self.network, **self.row.to_json(), "seed": self.seed, "size": plain(self.size)}

    def run(self, work: Path) -> dict[str, Any]:
        """Train, continuing where a killed run stopped, and compare on the test molecules."""
        size = self.size
        data = data_set(work)
        names = (self.network, *self.row.to_json().values(), str(self.seed), f"{size.steps}-{size.pair_budget}")
        options = TrainOptions(
            symmetry=self.row.symmetry,
            coupling=self.row.coupling,
            prior=self.row.prior,
            network=NETWORKS[self.network],
            optimizer=OptimizerConfig(learning_rate=size.learning_rate, max_steps=size.steps),
            batches=BatchConfig(pair_budget=size.pair_budget, seed=self.seed),
            held_out=HeldOutConfig(generated=size.generated, references=size.references),
            validate_every=max(1, size.steps // 4),
            validation_molecules=size.validation,
            seed=self.seed,
        )
        run = work / "transfer" / "-".join(names)
        model = train(data, run, options, execution=Execution(accelerator="cpu"))
        targets = test_molecules(data, size)
        return {
            "parameters": sum(p.numel() for p in model.network.parameters()),
            "by_step": validations(run),
            "by_evaluations": by_evaluations(model, targets, size, seed=self.seed),
        }


def data_set(work: Path) -> Path:
    """ETKDG-NCI with 8 to 16 heavy atoms, made if it is not there."""
    folder = work / "nci-8-16"
    if not (folder / "meta.json").exists():
        Console(stderr=True).print(f"making {folder}: some twenty minutes")
        prepare(open_source("nci"), folder, options=EnsembleOptions(limits=SizeLimits(8, 16)))
    return folder


@final
@dataclass(frozen=True)
class TestMolecule:
    """A molecule with its references.

    Attributes:
        molecule: as requested.
        record: as stored, the atoms in the same order.
    """

    molecule: Molecule
    record: ConformerRecord


@cache
def test_molecules(data: Path, size: Size) -> list[TestMolecule]:
    """Molecules of the test split with references enough, evenly spaced."""
    store = ConformerStore.open(data)
    rows = store.splits["test"]
    picks = np.linspace(0, len(rows) - 1, min(size.molecules, len(rows))).astype(int)
    return [TestMolecule(parse_smiles(store[rows[i]].smiles), store[rows[i]]) for i in picks]


def by_evaluations(
    model: ConformerModel, targets: list[TestMolecule], size: Size, *, seed: int
) -> list[dict[str, Any]]:
    """Means over molecules for several numbers of steps of the ODE, and for the SDE where there is one."""
    settings = [SamplingSettings(steps=n) for n in STEP_COUNTS]
    if model.spec.coupling is Coupling.INDEPENDENT and model.spec.prior is PriorKind.GAUSSIAN:
        settings.append(SamplingSettings(steps=STEP_COUNTS[-1], kind=SamplerKind.SDE))
    found = []
    for one in settings:
        drawn = generate(ModelSampler(model, one), targets, size, seed=seed)
        scores = [compare(x, modelled, target, size) for (x, modelled), target in zip(drawn, targets, strict=True)]
        means = {name: float(np.mean([s[name] for s in scores])) for name in scores[0]}
        found.append({"sampler": one.kind.value, "steps": one.steps, **means, "molecules": len(scores)})
    return found


def generate(
    sampler: ModelSampler, targets: list[TestMolecule], size: Size, *, seed: int
) -> list[tuple[Array, np.ndarray]]:
    """For each molecule its conformers [generated, m, 3] in Å, and the m modelled atoms."""
    described = [sampler.describe(target.molecule) for target in targets]
    jobs = [(i, k) for i in np.argsort([d.n_atoms for d in described]) for k in range(size.generated)]
    out: dict[tuple[int, int], Array] = {}
    for start in range(0, len(jobs), _BATCH):
        chosen = jobs[start : start + _BATCH]
        seeds = [derived_seed(seed, targets[i].record.smiles, k, 0) for i, k in chosen]
        out.update(zip(chosen, sampler.sample([described[i] for i, _ in chosen], seeds), strict=True))
    return [
        (np.stack([out[i, k] for k in range(size.generated)]), sampler.modelled_atoms(described[i]))
        for i in range(len(targets))
    ]


def compare(x: Array, modelled: np.ndarray, target: TestMolecule, size: Size) -> dict[str, float]:
    """AMR in Å, coverage at 0.5 Å, and in Å the distance in law of distances three or more bonds apart."""
    references = target.record.positions[: size.references].astype(np.float64)
    full = np.zeros((len(x), references.shape[1], 3))
    full[:, modelled] = x
    mol = target.molecule.full
    found = score(rmsd_matrix(with_conformers(mol, full), with_conformers(mol, references)), [0.5])
    heavy = np.array([i for i in modelled if mol.GetAtomWithIdx(int(i)).GetAtomicNum() > 1])
    rows, columns = np.triu_indices(len(heavy), k=1)
    apart = rdmolops.GetDistanceMatrix(Chem.Mol(mol))[np.ix_(heavy, heavy)][rows, columns] >= 3
    near, far = (pair_distances(part[:, heavy])[:, apart] for part in (full, references))
    laws = [wasserstein_distance(a, b) for a, b in zip(near.T, far.T, strict=True)]
    return {
        "amr_recall": found.amr_recall,
        "amr_precision": found.amr_precision,
        "coverage_recall": found.coverage_recall[0.5],
        "coverage_precision": found.coverage_precision[0.5],
        "law": float(np.mean(laws)) if laws else 0.0,
    }


def validations(run: Path) -> list[dict[str, Any]]:
    """The figures of the validation molecules during training, from the logs of a run."""
    found: dict[int, dict[str, Any]] = {}
    for path in sorted((run / "logs").glob("version_*/metrics.csv"), key=lambda p: int(p.parent.name[8:])):
        for row in csv.DictReader(path.open(encoding="utf-8")):
            values = {
                k.removeprefix("validation_"): float(v) for k, v in row.items() if k.startswith("validation_") and v
            }
            if values:
                step = int(row["step"]) + 1
                found.setdefault(step, {"step": step}).update(values)
    return [found[step] for step in sorted(found)]


def cells(networks: tuple[str, ...] = ("plain", "equivariant"), seeds: range = range(3)) -> list[TransferCell]:
    """All cells, the most valuable first."""
    rows = (*ROWS, *(Row(row.symmetry, row.coupling, PriorKind.HARMONIC) for row in ROWS[:3]))
    return [
        TransferCell(row, network, seed)
        for chosen in (rows[: len(ROWS)], rows[len(ROWS) :])
        for network in networks
        for seed in seeds
        for row in chosen
    ]
