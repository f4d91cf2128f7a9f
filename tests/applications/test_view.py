"""Pictures and pages of files, and the examination of an installation."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from rdkit import Chem
from rdkit.Chem import rdDistGeom
from typer.testing import CliRunner

from applications import doctor
from applications.cli import app
from applications.molecular.viewing import Structure, ViewError, read_structures
from tests.applications.ideal_chains import helix, moved, write_pdb

PNG = b"\x89PNG\r\n\x1a\n"


def conformers(smiles: str, n: int) -> Chem.Mol:
    mol = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert len(rdDistGeom.EmbedMultipleConfs(mol, n, randomSeed=1)) == n
    return mol


@pytest.fixture
def sdf(tmp_path: Path) -> Path:
    path = tmp_path / "two.sdf"
    with Chem.SDWriter(str(path)) as writer:
        for smiles in ("CCO", "c1ccccc1C=O"):
            mol = conformers(smiles, 3)
            mol.SetProp("_Name", f"</script><b>{smiles}")
            for k in range(3):
                mol.SetIntProp("conf_id", k)
                writer.write(mol, confId=k)
    return path


@pytest.fixture
def pdb(tmp_path: Path) -> Path:
    path = tmp_path / "path.pdb"
    mol = Chem.RemoveHs(conformers("CCCO", 4))
    first = mol.GetConformer(0)
    # noise first, as in a trajectory: bonds must not be guessed from it
    first.SetPositions(np.random.default_rng(0).standard_normal((4, 3)))
    path.write_text(Chem.MolToPDBBlock(mol))
    return path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["view", *arguments])
    return result.exit_code, result.output


def data_of(page: Path) -> list[dict]:  # type: ignore[type-arg]
    found = re.search(r'<script id="data" type="application/json">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found
    return json.loads(found.group(1))


def test_pictures_are_written_beside_the_file(sdf: Path, pdb: Path) -> None:
    for path in (sdf, pdb):
        code, output = run(str(path))
        assert code == 0, output
        assert path.with_suffix(".png").read_bytes().startswith(PNG)


def test_pages_hold_every_structure_and_nothing_from_a_network(sdf: Path) -> None:
    code, output = run(str(sdf), "--html")
    assert code == 0, output
    page = sdf.with_suffix(".html")
    text = page.read_text()
    assert "http" not in text
    assert text.count("</script>") == 2
    entries = data_of(page)
    assert [e["title"] for e in entries] == [f"</script><b>{s} {k}" for s in ("CCO", "c1ccccc1C=O") for k in range(3)]
    for entry, record in zip(entries, Chem.SDMolSupplier(str(sdf), removeHs=False), strict=True):
        frame = np.array(entry["frames"][0])
        expected = record.GetConformer().GetPositions()
        np.testing.assert_allclose(frame, expected - expected.mean(0), atol=1e-3)
        assert len(entry["bonds"]) == record.GetNumBonds()
        assert entry["radius"] > np.linalg.norm(frame, axis=-1).max()
    # a Kekule structure of benzaldehyde: three double bonds in the ring and one outside
    assert sum(order == 2 for *_, order in entries[3]["bonds"]) == 4


def test_models_of_a_pdb_are_the_frames_of_one_structure(pdb: Path) -> None:
    (structure,) = read_structures(pdb)
    assert structure.frames.shape == (4, 4, 3)
    assert isinstance(structure, Structure)
    assert structure.mol.GetNumBonds() == 3
    code, _ = run(str(pdb), "-o", str(pdb.with_suffix(".html")))
    assert code == 0
    (entry,) = data_of(pdb.with_suffix(".html"))
    assert len(entry["frames"]) == 4


def test_a_limit_is_said(sdf: Path) -> None:
    code, output = run(str(sdf), "--html", "--limit", "2")
    assert code == 0
    assert "showing 2 of 6" in output
    assert len(data_of(sdf.with_suffix(".html"))) == 2


def test_files_that_cannot_be_shown(tmp_path: Path) -> None:
    (tmp_path / "empty.sdf").write_text("")
    (tmp_path / "text.txt").write_text("")
    for name, message in (("empty.sdf", "no structure"), ("text.txt", "ends in .sdf"), ("missing.sdf", "no file")):
        code, output = run(str(tmp_path / name))
        assert code == 1
        assert message in output
        with pytest.raises(ViewError):
            read_structures(tmp_path / name)


def test_the_doctor_finds_this_installation_sound() -> None:
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0, result.output
    for name in ("torch", "geometry", "shipped model", "backbone model", "first conformer"):
        assert re.search(rf"^ok +{name} ", result.output, re.MULTILINE)


def test_the_doctor_reports_what_is_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("applications.molecular.checkpoint.shipped_model_path", lambda: tmp_path / "model.safetensors")
    findings = {finding.name: finding for finding in doctor.examine()}
    assert findings["geometry"].ok
    assert not findings["shipped model"].ok
    assert "no model" in findings["shipped model"].detail
    assert not findings["first conformer"].ok
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "2 problems" in result.output


def test_proteins_are_traces_with_gaps(tmp_path: Path) -> None:
    frames = np.stack([helix(12), moved(helix(12), 1)])
    path = write_pdb(tmp_path / "two.pdb", frames, [*range(1, 7), *range(20, 26)])
    (structure,) = read_structures(path)
    assert structure.frames.shape == (2, 12, 3)
    code, _ = run(str(path), "--html")
    assert code == 0
    (entry,) = data_of(path.with_suffix(".html"))
    points, bonds = np.array(entry["frames"]), entry["bonds"]
    assert len(bonds) == 2 * 4 * 5, "four pieces between residues, none across the gap"
    assert all(j == i + 1 for i, j, _ in bonds)
    assert (20, 21, 1) not in {tuple(bond) for bond in bonds}
    assert len(points[0]) == len(entry["atoms"]) == 42
    assert len({atom["colour"] for atom in entry["atoms"]}) > 20
    np.testing.assert_allclose(points.mean(1), 0, atol=0.5)
    # the line passes through every CA atom, and is not mirrored
    through = points[0][[*range(0, 21, 4), *range(21, 42, 4)]]
    expected = frames[0]
    np.testing.assert_allclose(
        np.linalg.norm(through[:, None] - through, axis=-1),
        np.linalg.norm(expected[:, None] - expected, axis=-1),
        atol=0.02,
    )
    volume = [np.linalg.det(np.diff(x[:4], axis=0)) for x in (through, expected)]
    np.testing.assert_allclose(*volume, rtol=0.02)
    assert run(str(path))[0] == 0
    assert path.with_suffix(".png").read_bytes().startswith(PNG)


def test_a_way_from_noise_to_a_chain_is_one_strip(tmp_path: Path) -> None:
    noise = 15 * np.random.default_rng(0).standard_normal((12, 3))
    frames = np.stack([(1 - t) * noise + t * helix(12) for t in np.linspace(0, 1, 9)])
    (structure,) = read_structures(write_pdb(tmp_path / "path.pdb", frames))
    assert structure.frames.shape == (9, 12, 3)
    assert len(structure.plain()["bonds"]) == 4 * 11


def test_a_picture_of_a_trace_runs_from_blue_to_red(tmp_path: Path) -> None:
    path = write_pdb(tmp_path / "one.pdb", helix(30)[None])
    assert run(str(path))[0] == 0
    pixels = imread(path.with_suffix(".png"))[..., :3].reshape(-1, 3)
    assert ((pixels[:, 0] - pixels[:, 2]) > 0.4).sum() > 50
    assert ((pixels[:, 2] - pixels[:, 0]) > 0.3).sum() > 50
    assert (pixels.min(axis=1) > 0.99).mean() > 0.3
