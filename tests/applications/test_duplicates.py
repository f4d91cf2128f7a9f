"""Conformers that repeat earlier ones, and trajectories."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from rdkit import Chem
from typer.testing import CliRunner

from applications.cli import app
from applications.molecular.checkpoint import save_model
from applications.molecular.chemistry import parse_smiles
from applications.molecular.choices import Coupling, Symmetry
from applications.molecular.duplicates import without_duplicates
from applications.molecular.ensembles import embed
from applications.molecular.features import Hydrogens
from applications.molecular.metrics import rmsd_matrix
from applications.molecular.model import ConformerModel, ModelSpec
from applications.molecular.networks import EquivariantConfig
from applications.molecular.results import ConformerRow, GeneratedConformer
from applications.molecular.structures import with_conformers


def conformers_of(smiles: str, n: int) -> list[GeneratedConformer]:
    molecule = parse_smiles(smiles)
    ids = embed(molecule, n_conformers=n, seed=0, time_limit=20)
    frames = [molecule.full.GetConformer(i).GetPositions() for i in ids]
    # a rotated copy of the first, and a failure in between
    turn, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((3, 3)))
    frames.insert(2, frames[0] @ (turn * np.sign(np.linalg.det(turn))).T + 3.0)
    rows = [
        GeneratedConformer(
            row=ConformerRow(name="x", given=smiles, conf_id=i, ok=True, smiles=molecule.smiles),
            mol=with_conformers(molecule.full, frame[None]),
        )
        for i, frame in enumerate(frames)
    ]
    failed = ConformerRow(name="x", given=smiles, conf_id=len(rows), ok=False, reason="no luck")
    return [*rows, GeneratedConformer(row=failed, mol=None)]


def test_kept_conformers_differ_and_the_others_do_not() -> None:
    given = conformers_of("CCCCCO", 12)
    found = without_duplicates(given, threshold=0.5)
    assert [c.row.conf_id for c in found] == [c.row.conf_id for c in given]
    kept = {c.row.conf_id: c.mol for c in found if c.mol is not None}
    assert found[2].row.duplicate_of == 0
    assert 1 < len(kept) < 12
    assert all(c.row.ok == (c.mol is not None) for c in found)

    def rmsd(a: int, b: int) -> float:
        first, second = given[a].mol, given[b].mol
        assert first is not None
        assert second is not None
        return float(rmsd_matrix(first, second)[0, 0])

    for conformer in found[:-1]:
        number = conformer.row.conf_id
        if conformer.row.duplicate_of is None:
            assert all(rmsd(number, other) >= 0.5 for other in kept if other < number)
        else:
            assert conformer.row.duplicate_of in kept
            assert rmsd(number, conformer.row.duplicate_of) < 0.5
    assert found[-1].row.duplicate_of is None
    assert found[-1].row.reason == "no luck"


def test_the_first_conformers_do_not_depend_on_how_many_are_asked() -> None:
    given = conformers_of("CCCCCO", 12)
    few = without_duplicates(given[:6], threshold=0.5)
    assert [c.row for c in few] == [c.row for c in without_duplicates(given, threshold=0.5)[:6]]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = ModelSpec(
        network=EquivariantConfig(scalars=16, vectors=8, pairs=8, heads=2, forces=4, blocks=1, expansion=2),
        hydrogens=Hydrogens.PLACED,
        symmetry=Symmetry.QUOTIENT,
        coupling=Coupling.INDEPENDENT,
        scale=2.0,
    )
    torch.manual_seed(1)
    return save_model(ConformerModel.untrained(spec), tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize("sampler", ["ode", "sde"])
def test_trajectories_end_at_the_conformers(model: Path, sampler: str, tmp_path: Path) -> None:
    out = tmp_path / "out.sdf"
    line = [
        "molecules",
        "generate",
        "CCO",
        "CC(C)=O",
        "xx",
        "-n",
        "3",
        "-o",
        str(out),
        "-m",
        str(model),
        "--stereo",
        "off",
    ]
    options = ["--steps", "4", "--sampler", sampler, "--relax", "none", "--traj", "--batch-size", "2"]
    result = CliRunner().invoke(app, [*line, *options])
    assert result.exit_code == 3, result.output
    files = sorted((tmp_path / "out_trajectories").iterdir())
    assert [f.name for f in files] == [
        *(f"{i + 1:04d}_CCO_{i}.pdb" for i in range(3)),
        *(f"{i + 4:04d}_CC_C_O_{i}.pdb" for i in range(3)),
    ]
    for path, record in zip(files, Chem.SDMolSupplier(str(out)), strict=True):
        text = path.read_text()
        assert text.count("MODEL") == 5
        mol = Chem.MolFromPDBBlock(text, sanitize=False, proximityBonding=False)
        assert mol.GetNumConformers() == 5
        last, written = mol.GetConformer(4).GetPositions(), record.GetConformer().GetPositions()
        np.testing.assert_allclose(last - last.mean(0), written - written.mean(0), atol=3e-3)


def test_trajectories_to_mirrored_conformers_are_mirrored(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.sdf"
    line = ["molecules", "generate", "C[C@H](F)Cl", "-n", "8", "-o", str(out), "-m", str(model), "--steps", "4"]
    options = ["--stereo", "off", "--mirror-if-all-wrong", "--relax", "none", "--traj"]
    result = CliRunner().invoke(app, [*line, *options])
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(out.with_suffix(".csv").read_text(encoding="utf-8"))))
    assert {row["mirrored"] for row in rows} == {"true", "false"}
    assert all(row["centres_kept"] == "1" for row in rows)
    files = sorted((tmp_path / "out_trajectories").iterdir())
    for path, record in zip(files, Chem.SDMolSupplier(str(out)), strict=True):
        mol = Chem.MolFromPDBBlock(path.read_text(), sanitize=False, proximityBonding=False)
        last, written = mol.GetConformer(4).GetPositions(), record.GetConformer().GetPositions()[: mol.GetNumAtoms()]
        np.testing.assert_allclose(last - last.mean(0), written - written.mean(0), atol=3e-3)


def test_duplicates_on_the_command_line_are_no_failures(model: Path, tmp_path: Path) -> None:
    """Two atoms have one shape: what differs is the length of the bond, by less than the threshold."""
    out = tmp_path / "out.sdf"
    line = [
        "molecules",
        "generate",
        "CO",
        "-n",
        "4",
        "-o",
        str(out),
        "-m",
        str(model),
        "--steps",
        "2",
        "--dedup",
        "9",
        "--stereo",
        "off",
    ]
    result = CliRunner().invoke(app, line)
    assert result.exit_code == 0, result.output
    assert "3 repeat an earlier one" in result.output
    rows = list(csv.DictReader(io.StringIO(out.with_suffix(".csv").read_text())))
    assert [row["duplicate_of"] for row in rows] == ["", "0", "0", "0"]
    assert len(Chem.SDMolSupplier(str(out))) == 1
