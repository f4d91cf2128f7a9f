"""Files of generated conformers: records and rows, continuation, refusals to overwrite."""

import csv
import json
from pathlib import Path

import pytest
from rdkit import Chem

from applications.molecular.account import fingerprint, generation_account
from applications.molecular.chemistry import parse_smiles
from applications.molecular.generation import generate
from applications.molecular.output import OutputFiles
from applications.molecular.requests import Request
from applications.molecular.resumable_files import OutputError
from applications.molecular.sampling_settings import SamplingSettings
from applications.molecular.settings import GenerationSettings
from tests.applications.test_generate import Scripted, requests_of, tiny_model


def _files(path: Path, requests: list[Request], settings: GenerationSettings, *, force: bool = False) -> OutputFiles:
    account = generation_account(tiny_model(), SamplingSettings(), settings)
    return OutputFiles(path, fingerprint=fingerprint(account, requests, settings), account=account, force=force)


def test_files_have_one_record_per_conformer_and_one_row_per_request(tmp_path: Path) -> None:
    requests = requests_of("C[C@H](N)C(=O)O", "CC.O", "CCO")
    settings = GenerationSettings(n_conformers=2)
    output = _files(tmp_path / "deep" / "out.sdf", requests, settings)
    generate(requests, Scripted(), settings, output)
    mols = list(Chem.SDMolSupplier(str(output.sdf), removeHs=False))
    rows = list(csv.DictReader(output.csv.read_text().splitlines()))
    assert (len(mols), len(rows)) == (4, 6)
    assert [row["ok"] for row in rows] == ["true", "true", "false", "false", "true", "true"]
    for mol, row in zip(mols, (r for r in rows if r["ok"] == "true"), strict=True):
        expected = parse_smiles(row["smiles"])
        assert [a.GetAtomicNum() for a in mol.GetAtoms()] == expected.atomic_numbers
        assert mol.GetProp("_Name") == row["name"]
        for name in ("smiles", "conf_id", "seed", "stereo_ok", "mmff_energy", "rel_energy"):
            assert mol.GetProp(name) == row[name]
        assert {"model", "steps", "sampler"} <= set(mol.GetPropNames())
    relative = [float(row["rel_energy"]) for row in rows[:2]]
    assert min(relative) == 0.0
    account = json.loads(output.json.read_text())
    assert account["progress"] | {"made": 4, "failed": 2, "complete": True} == account["progress"]
    assert account["config"]["n_conformers"] == 2


def test_an_interrupted_generation_continues_to_the_same_bytes(tmp_path: Path) -> None:
    requests = requests_of("CCO", "CCN", "CCC", "C[C@H](F)Cl")
    settings = GenerationSettings(n_conformers=2, window=2)
    whole = _files(tmp_path / "whole.sdf", requests, settings)
    generate(requests, Scripted(), settings, whole)

    class Killed(Exception):
        pass

    def stop(done: int, _: int) -> None:
        if done > 4:
            raise Killed

    part = _files(tmp_path / "part.sdf", requests, settings)
    with pytest.raises(Killed):
        generate(requests, Scripted(), settings, part, advance=stop)
    with part.sdf.open("a") as stream:
        stream.write("half a record")
    sampler = Scripted()
    generate(requests, sampler, settings, _files(part.sdf, requests, settings))
    assert sum(sampler.calls) == 4, "finished windows were sampled again"
    assert part.sdf.read_bytes() == whole.sdf.read_bytes()
    assert part.csv.read_bytes() == whole.csv.read_bytes()
    again = Scripted()
    generate(requests, again, settings, _files(part.sdf, requests, settings))
    assert again.calls == []


def test_other_results_are_overwritten_only_by_force(tmp_path: Path) -> None:
    requests, settings = requests_of("CCO"), GenerationSettings()
    path = tmp_path / "out.sdf"
    generate(requests, Scripted(), settings, _files(path, requests, settings))
    before = path.read_bytes()
    other = GenerationSettings(seed=5)
    with pytest.raises(OutputError, match="--force"):
        _files(path, requests, other)
    assert path.read_bytes() == before
    generate(requests, Scripted(), other, _files(path, requests, other, force=True))
    assert path.read_bytes() != before
    stranger = tmp_path / "precious.csv"
    stranger.write_text("mine")
    with pytest.raises(OutputError, match=r"precious\.csv"):
        _files(tmp_path / "precious.sdf", requests, settings)
    assert stranger.read_text() == "mine"


def test_a_wrong_ending_or_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    requests, settings = requests_of("CCO"), GenerationSettings()
    with pytest.raises(OutputError, match=r"ends in \.sdf"):
        _files(tmp_path / "out.mol", requests, settings)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="Choose another -o"):
        _files(tmp_path / "file" / "out.sdf", requests, settings)


def test_progress_rises_to_the_number_of_rows(tmp_path: Path) -> None:
    requests = requests_of("CCO", "CC.O", "CCC")
    settings = GenerationSettings(n_conformers=3, batch_size=2, window=6)
    seen: list[tuple[int, int]] = []
    files = _files(tmp_path / "out.sdf", requests, settings)
    generate(requests, Scripted(), settings, files, advance=lambda done, total: seen.append((done, total)))
    assert [total for _, total in seen] == [9] * len(seen)
    counts = [done for done, _ in seen]
    assert counts == sorted(counts)
    assert counts[-1] == 9
    assert len(counts) > 2, "only whole windows were counted"
