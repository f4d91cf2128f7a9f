"""`quotient proteins evaluate` from the command line, and its page."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner, Result

from applications import extras
from applications.cli import app
from applications.molecular.proteins.bundled import bundled_chains, bundled_ensemble
from tests.applications.ideal_chains import mirrored, write_pdb

FILES = ("report.json", "summary.csv", "distances.csv", "structures.csv", "report.html")
PICTURES = ("angles", "bonds", "size", "elements", "contacts", "traces")


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["proteins", "evaluate", *map(str, arguments)])


def rows_of(path: Path) -> Sequence[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Five chains, the last of them mirrored, beside a file that cannot be read; and three reference chains."""
    root = tmp_path_factory.mktemp("backbones")
    for name in ("generated/inner", "reference"):
        (root / name).mkdir(parents=True)
    chains = bundled_chains()
    for k, one in enumerate(chains[10:15]):
        x = mirrored(one.positions) if k == 4 else one.positions
        write_pdb(root / "generated" / ("inner" if k == 0 else "") / f"s{k}.pdb", x)
    (root / "generated" / "bad<b>.pdb").write_text("no structure")
    for one in chains[10:13]:
        write_pdb(root / "reference" / f"{one.name}.pdb", one.positions)
    return root / "generated", root / "reference"


def test_a_folder_against_a_folder(folders: tuple[Path, Path], tmp_path: Path) -> None:
    generated, reference = folders
    (tmp_path / "d.csv").write_text("name,scRMSD\ns1,1.0\ns2,3.0\nelsewhere,1\n")
    line = (generated, "--ref", reference, "-o", tmp_path / "r", "--tables", tmp_path / "d.csv", "--tm", "--novelty")
    done = run(*line, "--tm-limit", "3", "--seed", "4")
    assert done.exit_code == 0, done.output
    assert "left out: bad<b>.pdb" in done.stderr
    report = json.loads((tmp_path / "r" / "report.json").read_text())
    assert (report["structures"], report["reference"]["structures"], len(report["skipped"])) == (5, 3, 1)
    rows = rows_of(tmp_path / "r" / "structures.csv")
    own = {row["name"]: row for row in rows if row["set"] == "generated"}
    assert sorted(own) == ["s0", "s1", "s2", "s3", "s4"]
    hands = {name: row["right_handed"] for name, row in own.items() if row["right_handed"]}
    assert hands.pop("s4", "0") == "0"
    assert set(hands.values()) == {"1"}
    assert report["measures"]["reference"]["bonds_right"]["mean"] > 0.98
    assert report["tables"]["d.csv"]["columns"]["designable"]["mean"] == 0.5
    assert report["tables"]["d.csv"]["unknown"] == ["elsewhere"]
    assert own["s1"]["designable"] == "1"
    assert own["s3"]["designable"] == ""
    aligned = {name: row for name, row in own.items() if row["nearest_tm"]}
    assert len(aligned) == report["diversity"]["generated"]["n"] == 3
    for name, row in aligned.items():
        assert (float(row["nearest_tm"]) > 0.999) == (name in ("s0", "s1", "s2"))
    page = (tmp_path / "r" / "report.html").read_text()
    assert "bad&lt;b&gt;.pdb" in page
    assert "bad<b>" not in page
    assert "http" not in page.replace("Content-Security", "").replace("http-equiv", "")
    assert page.count("<canvas data-item") == 5
    assert page.count("<svg") == len(PICTURES) - 1
    for part in ("SSE-JSD", "descriptor Fréchet distance", "designable", "--tm-limit 3", "Diversity and novelty"):
        assert part in page
    for name in FILES:
        assert str(tmp_path / "r" / name) in done.stdout
    for name in PICTURES:
        assert imread(tmp_path / "r" / f"{name}.png").std() > 0.01
    again = run(generated, "--ref", reference, "-o", tmp_path / "two", "--workers", "2", "--seed", "4")
    assert again.exit_code == 0, again.output
    other = json.loads((tmp_path / "two" / "report.json").read_text())
    assert other["set_distances"] == report["set_distances"]
    assert other["measures"] == report["measures"]


def test_an_ensemble_in_one_file(tmp_path: Path) -> None:
    frames = bundled_ensemble().positions[:40]
    generated = write_pdb(tmp_path / "g.pdb", frames[::2])
    reference = write_pdb(tmp_path / "r.pdb", frames[1::2])
    first, second = (write_pdb(tmp_path / f"{k}.pdb", frames[[k]]) for k in (0, 1))
    line = (generated, "--ref", reference, "-o", tmp_path / "out", "--ensemble")
    done = run(*line, "--ends", first, second)
    assert done.exit_code == 0, done.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["structures"] == 20
    assert set(report["ensemble_distances"]) == {
        "radius_of_gyration",
        "pair_distances",
        "rmsd_to_first",
        "rmsd_to_second",
    }
    kinds = {(row["kind"], row["distance"]) for row in rows_of(tmp_path / "out" / "distances.csv")}
    assert ("ensemble_distances", "rmsd_to_first") in kinds
    assert "The ensemble in law" in (tmp_path / "out" / "report.html").read_text()
    names = [row["name"] for row in rows_of(tmp_path / "out" / "structures.csv") if row["set"] == "generated"]
    assert names[:2] == ["g:1", "g:2"]


def test_wrong_bonds_of_generated_chains_count_and_are_no_breaks(folders: tuple[Path, Path], tmp_path: Path) -> None:
    x = bundled_chains()[0].positions.copy()
    x[:, 50:] += 3.0
    noise = 20 * np.random.default_rng(0).standard_normal((1, 60, 3))
    for name, frames in (("torn", x), ("noise", noise)):
        generated = write_pdb(tmp_path / f"{name}.pdb", frames)
        done = run(generated, "--ref", folders[1], "-o", tmp_path / name)
        assert done.exit_code == 0, done.output
        (row,) = [r for r in rows_of(tmp_path / name / "structures.csv") if r["set"] == "generated"]
        assert row["n_breaks"] == "0"
        assert float(row["bonds_right"]) == pytest.approx({"torn": 1 - 1 / 125, "noise": 0.0}[name], abs=0.05)
        assert float(row["bonds_right"]) < 1


def test_bad_input_is_one_line(folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generated, reference = folders
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "x.pdb").write_text("nothing")
    (tmp_path / "t.csv").write_text("id\n1\n")
    out = ("-o", tmp_path / "out")
    for line, message in (
        ((tmp_path / "missing", *out), "no file or folder"),
        ((tmp_path / "empty", *out), "has no structure files"),
        ((tmp_path / "bad", *out), "no chain can be read"),
        ((generated, "--ref", tmp_path / "nowhere", *out), "no file or folder"),
        ((generated, "--ref", reference, "--ensemble", *out), "expected conformations of one chain"),
        ((generated, "--ends", reference, reference, *out), "got --ends without --ensemble"),
        ((generated, "--ref", reference, "--tables", tmp_path / "t.csv", *out), "expected `name`"),
    ):
        done = run(*line)
        assert done.exit_code == 1, done.output
        assert message in done.stderr
        assert "Traceback" not in done.output
    monkeypatch.setattr(extras, "has_module", lambda name: name != "tmtools")
    done = run(generated, "--tm", *out)
    assert done.exit_code == 1
    assert "quotient-diffusion[evaluation]" in done.stderr
