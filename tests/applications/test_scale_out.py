import csv
import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from applications._cli_shared import Device
from applications.cli import app
from applications.cluster import ClusterWorkers
from applications.molecular.checkpoint import load_model
from applications.molecular.chemistry import Molecule
from applications.molecular.ensembles import EnsembleOptions
from applications.molecular.generate import AbstractConformerSampler, generate_window
from applications.molecular.generation import generate, generate_on
from applications.molecular.generation_work import GenerationWork
from applications.molecular.output import OutputFiles
from applications.molecular.prepare import prepare
from applications.molecular.requests import Request
from applications.molecular.sampling import ModelSampler
from applications.molecular.sampling_settings import SamplingSettings
from applications.molecular.settings import GenerationSettings, StereoPolicy
from applications.molecular.structures import Relaxation
from applications.workers import ProcessWorkers
from tests.applications.small_work import DEADLY, AllRefused, DeadlyMolecule

SMILES = ("CCO", "CC.O", "CC(=O)Oc1ccccc1C(=O)O", "xx", "C[C@H](N)C(=O)O", "CCCC", "F/C=C/CC", "C", "c1ccccc1O")
REQUESTS = [Request(name=f"molecule {i}", given=smiles) for i, smiles in enumerate(SMILES)]
SETTINGS = GenerationSettings(n_conformers=2, window=4)
SAMPLING = SamplingSettings(steps=2)


def files(path: Path, *, mark: str = "mark") -> OutputFiles:
    account = {"model": "shipped", "config": {"steps": 2, "sampler": "ode"}}
    return OutputFiles(path, fingerprint=mark, account=account, force=False)


def rows_of(output: OutputFiles) -> list[dict[str, str]]:
    return list(csv.DictReader(output.csv.read_text().splitlines()))


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments])


class Weak(AbstractConformerSampler):
    """Has memory for two at a time, and none for one molecule."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def describe(self, molecule: Molecule) -> Molecule:
        return molecule

    def modelled_atoms(self, description: Molecule) -> NDArray[np.int64]:
        return np.arange(description.full.GetNumAtoms())

    def sample(self, descriptions: Sequence[Any], seeds: Sequence[int]) -> list[NDArray[np.float64]]:
        self.calls.append(len(seeds))
        if len(seeds) > 2 or any(d.smiles == "CCN" for d in descriptions):
            raise MemoryError("out of memory\nand more")
        sizes = [description.full.GetNumAtoms() for description in descriptions]
        return [np.random.default_rng(seed).normal(size=(n, 3)) for n, seed in zip(sizes, seeds, strict=True)]


def test_a_batch_that_does_not_fit_is_halved_and_a_molecule_that_never_does_is_a_row() -> None:
    requests = [Request(name=s, given=s) for s in ("CCO", "CCN", "CCF", "CCS")]
    settings = GenerationSettings(stereo=StereoPolicy.OFF, relaxation=Relaxation.NONE)
    sampler = Weak()
    results, _ = generate_window(requests, sampler, settings)
    assert [r.row.ok for r in results] == [True, False, True, True]
    assert results[1].row.refusal == "MODEL_FAILED"
    assert results[1].row.reason.endswith("(out of memory)")
    assert max(sampler.calls) == 4
    assert sampler.calls.count(1) >= 2


def test_a_molecule_that_ends_every_process_is_a_row_and_its_window_is_not_lost(tmp_path: Path) -> None:
    requests = [Request(name=str(i), given=DEADLY if i == 5 else "C") for i in range(11)]
    output = files(tmp_path / "out.sdf")
    seen: list[tuple[int, int]] = []
    with ProcessWorkers(2) as workers:
        settings = GenerationSettings(window=4)
        generate_on(workers, AllRefused(), requests, settings, output, advance=lambda *args: seen.append(args))
    rows = rows_of(output)
    assert [row["name"] for row in rows] == [str(i) for i in range(11)]
    assert [row["refusal"] for row in rows] == ["WORKER_LOST" if i == 5 else "UNPARSABLE" for i in range(11)]
    assert seen == [(0, 11), (4, 11), (8, 11), (11, 11)]
    assert output.progress.complete
    assert output.progress.failed == 11


def test_a_molecule_that_ends_every_process_is_counted_among_the_dropped(tmp_path: Path) -> None:
    source = [DeadlyMolecule(name, smiles) for name, smiles in (("a", "CCCC"), (DEADLY, "CCCO"), ("b", "CCCN"))]
    store, report = prepare(source, tmp_path / "set", options=EnsembleOptions(n_conformers=1))
    assert report.dropped == {"WORKER_LOST": 1}
    assert [record.source_id for record in store] == ["a", "b"]


def test_both_kinds_of_workers_or_a_missing_extra_are_one_dry_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("molecules", "prepare", "--source", tmp_path / "in.smi", "-o", tmp_path / "set", "--cluster", "local:2")
    (tmp_path / "in.smi").write_text("CCCC butane\n")
    both = run(*command, "--workers", "2")
    assert (both.exit_code, both.stderr.count("\n")) == (1, 1)
    assert "give one of them" in both.stderr
    monkeypatch.setitem(sys.modules, "distributed", None)
    missing = run(*command)
    assert (missing.exit_code, missing.stderr.count("\n")) == (1, 1)
    assert "pip install 'quotient-diffusion[cluster]'" in missing.stderr


def work_for(output: OutputFiles) -> GenerationWork:
    return GenerationWork.of_model(
        None, sampling=SAMPLING, settings=SETTINGS, label=output.label, device=Device.cpu.resolve, threads=1
    )


@pytest.mark.slow
def test_files_and_data_sets_of_a_cluster_are_those_of_one_process_though_a_worker_is_killed(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    alone = files(tmp_path / "alone.sdf")
    generate(REQUESTS, ModelSampler(load_model(), SAMPLING), SETTINGS, alone)
    shared = files(tmp_path / "shared.sdf")
    killed: list[int] = []

    def kill_one(done: int, _: int) -> None:
        if done and not killed:
            killed.append(multiprocessing.active_children()[0].pid or 0)
            os.kill(killed[0], signal.SIGKILL)

    source = [DeadlyMolecule(str(i), smiles) for i, smiles in enumerate(("CCCC", "CCCO", "xx", "C[C@H](N)CO", "CCCN"))]
    options = EnsembleOptions(n_conformers=2)
    with ClusterWorkers("local:2", patience=120) as workers:
        generate_on(workers, work_for(shared), REQUESTS, SETTINGS, shared, advance=kill_one)
        prepare(source, tmp_path / "shared", options=options, workers=workers)
    assert killed
    assert shared.sdf.read_bytes() == alone.sdf.read_bytes()
    assert shared.csv.read_bytes() == alone.csv.read_bytes()
    prepare(source, tmp_path / "alone", options=options)
    names = sorted(path.name for path in (tmp_path / "alone").iterdir())
    assert len(names) == 6
    for name in names:
        assert (tmp_path / "shared" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes(), name


@pytest.mark.slow
def test_interrupted_on_one_kind_of_workers_and_continued_on_another(tmp_path: Path) -> None:
    alone = files(tmp_path / "alone.sdf")
    generate(REQUESTS, ModelSampler(load_model(), SAMPLING), SETTINGS, alone)

    class Killed(Exception):
        pass

    def stop(done: int, _: int) -> None:
        if done > 4:
            raise Killed

    part = files(tmp_path / "part.sdf")
    with ProcessWorkers(2) as workers, pytest.raises(Killed):
        generate_on(workers, work_for(part), REQUESTS, SETTINGS, part, advance=stop)
    assert 0 < part.progress.windows < 5
    generate(REQUESTS, ModelSampler(load_model(), SAMPLING), SETTINGS, files(part.sdf))
    assert part.sdf.read_bytes() == alone.sdf.read_bytes()
    assert part.csv.read_bytes() == alone.csv.read_bytes()
