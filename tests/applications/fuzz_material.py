"""Sound files that the fuzz tests spoil: a tiny model, a data folder, an SDF with its table and account."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import torch
from rdkit import Chem

from applications.molecular.checkpoint import save_model
from applications.molecular.choices import Coupling, Symmetry
from applications.molecular.dataset import ConformerRecord, write_dataset
from applications.molecular.ensembles import EnsembleOptions, reference_ensemble
from applications.molecular.features import Hydrogens
from applications.molecular.model import ConformerModel, ModelSpec
from applications.molecular.networks import EquivariantConfig
from applications.molecular.structures import with_conformers

SMILES = ("CCCO", "C[C@H](N)C(=O)O", "F/C=C/Cl")


def write_model(folder: Path) -> Path:
    """A tiny untrained model."""
    spec = ModelSpec(
        network=EquivariantConfig(scalars=8, vectors=4, pairs=4, heads=2, forces=2, blocks=1, expansion=1),
        hydrogens=Hydrogens.PLACED,
        symmetry=Symmetry.QUOTIENT,
        coupling=Coupling.ORBIT_ALIGNED,
        scale=1.9,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return save_model(ConformerModel.untrained(spec), folder)


def write_data(folder: Path) -> list[ConformerRecord]:
    """Three molecules with two conformers each, all in the split `test`."""
    records = []
    for smiles in SMILES:
        e = reference_ensemble(smiles, EnsembleOptions(n_conformers=2))
        records.append(ConformerRecord(e.smiles, e.atomic_numbers, e.positions, e.energies, smiles))
    write_dataset(folder, records, meta={"method": "test"})
    (folder / "splits.json").write_text(json.dumps({"train": [0], "validation": [], "test": [0, 1, 2]}))
    return records


def write_generated(sdf: Path, records: list[ConformerRecord]) -> None:
    """The conformers of a data folder as if a model had made them, with table and account."""
    rows = []
    with Chem.SDWriter(str(sdf)) as writer:
        for record in records:
            mol = with_conformers(record.molecule(), record.positions.astype(np.float64))
            mol.SetProp("_Name", "name of it")
            mol.SetProp("smiles", record.smiles)
            for conformer in range(len(record.positions)):
                mol.SetProp("conf_id", str(conformer))
                writer.write(mol, confId=conformer)
                rows.append([record.smiles, "1", "true"])
    with sdf.with_suffix(".csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([["smiles", "attempts", "ok"], *rows])
    sdf.with_suffix(".json").write_text(json.dumps({"config": {"steps": 2}, "conformers_per_second": 1.0}))
