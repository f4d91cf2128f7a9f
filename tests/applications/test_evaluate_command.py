"""`quotient molecules evaluate` from the command line, up to the shipped model on a handful of molecules."""

import csv
import json
from pathlib import Path

import pytest
from rdkit import Chem
from typer.testing import CliRunner, Result

from applications.cli import app
from applications.molecular import posebusters
from applications.molecular.dataset import ConformerStore
from applications.molecular.structures import with_conformers

MOLECULES = "CCCCO butanol\nC[C@H](N)C(=O)O alanine\nF/C=C/CCC fluoropentene\nc1ccccc1CCN phenethylamine\n"
FILES = ("report.json", "summary.csv", "molecules.csv", "curve.csv", "report.html")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["molecules", *map(str, arguments)])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("handful")
    (folder / "in.smi").write_text(MOLECULES)
    (folder / "split").write_text("test\tbutanol\ntest\talanine\ntest\tfluoropentene\ntest\tphenethylamine\n")
    line = ("--source", f"etkdg:{folder / 'in.smi'}", "-o", folder / "data", "--max-confs", "5")
    done = run("prepare", *line, "--split", f"file:{folder / 'split'}")
    assert done.exit_code == 0, done.output
    return folder / "data"


@pytest.fixture(scope="module")
def references(data: Path) -> Path:
    """The first two references of every molecule, as if they had been generated."""
    path = data.parent / "references.sdf"
    with Chem.SDWriter(str(path)) as writer:
        for record in ConformerStore.open(data):
            mol = with_conformers(Chem.AddHs(Chem.MolFromSmiles(record.smiles)), record.positions[:2])
            mol.SetProp("smiles", record.smiles)
            for i in range(2):
                writer.write(mol, confId=i)
    return path


def test_the_shipped_model_on_a_handful_of_molecules(data: Path, tmp_path: Path) -> None:
    sdf = tmp_path / "out.sdf"
    made = run("generate", data, "CC.O", "-n", "6", "--steps", "20", "-o", sdf)
    assert made.exit_code == 3, made.output
    folder = tmp_path / "report"
    done = run("evaluate", sdf, "--ref", data, "-o", folder, "--posebusters", "4", "--seed", "3")
    assert done.exit_code == 0, done.output
    assert [line for line in done.stdout.splitlines() if line.endswith(FILES)] == [str(folder / f) for f in FILES]
    report = json.loads((folder / "report.json").read_text())
    assert (report["molecules"], report["conformers"], report["conformers_requested"]) == (4, 24, 24)
    model, noise = report["scores"]["model"], report["curve"]["model"]["precision"]["mean"]
    assert model["AMR-P"]["mean"] < 0.5
    assert model["COV-P@0.75"]["mean"] > 0.75
    assert noise[0] == 0.0
    assert noise[40] > 0.95
    assert report["stereo"]["kept"] == 1.0
    assert report["posebusters"]["n"] == 4
    assert report["posebusters"]["pass_rate"] >= 0.75
    quality = report["quality"]["model"]
    assert 0 < quality["strain"]["median"] < 30
    assert quality["ring_deviation"]["n"] == 1
    assert quality["bent_rings"]["mean"] == 0
    (missing,) = report["missing"]
    assert (missing["given"], missing["count"]) == ("CC.O", 6)
    assert report["provenance"]["command"] == (
        f"quotient molecules evaluate {sdf} --ref {data} --output {folder} --posebusters 4 --seed 3"
    )
    assert len(report["provenance"]["generated_sha256"]) == len(report["model_sha256"]) == 64
    assert report["references"]["split"]["rule"] == "file"
    page = (folder / "report.html").read_text()
    for part in (report["model_sha256"], "several fragments", "phenethylamine", "--posebusters 4", "kcal/mol"):
        assert part in page
    assert page.count("<canvas") == 4
    rows = list(csv.DictReader((folder / "molecules.csv").read_text().splitlines()))
    assert {row["name"] for row in rows} == {"butanol", "alanine", "fluoropentene", "phenethylamine"}


def test_posebusters_runs_by_default_on_what_there_is(data: Path, references: Path, tmp_path: Path) -> None:
    done = run("evaluate", references, "--ref", data, "-o", tmp_path, "--baseline", "none", "--split", "all")
    assert done.exit_code == 0, done.output
    busted = json.loads((tmp_path / "report.json").read_text())["posebusters"]
    assert (busted["n"], busted["pass_rate"]) == (8, 1.0)
    assert busted["checked"]["tetrahedral_chirality"] == 4
    assert "PoseBusters ok   1.000 of 8" in done.stdout


def test_without_posebusters_the_default_says_so_and_a_request_fails(
    data: Path, references: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posebusters, "has_posebusters", lambda: False)
    line = ("evaluate", references, "--ref", data, "-o", tmp_path, "--baseline", "none")
    done = run(*line)
    assert done.exit_code == 0, done.output
    notes = [text for text in done.stderr.splitlines() if "PoseBusters" in text]
    assert len(notes) == 1
    assert "quotient-diffusion[evaluation]" in notes[0]
    assert json.loads((tmp_path / "report.json").read_text())["posebusters"] is None
    assert "Not run." in (tmp_path / "report.html").read_text()
    asked = run(*line, "--posebusters", "5")
    assert asked.exit_code == 1
    assert "quotient-diffusion[evaluation]" in asked.stderr
    none = run(*line, "--posebusters", "0")
    assert none.exit_code == 0
    assert "PoseBusters" not in none.stderr
