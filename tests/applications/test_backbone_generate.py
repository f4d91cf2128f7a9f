"""Generation of backbones: requests, determinism, files, interruptions, exit codes."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import final

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from typer.testing import CliRunner
from typing_extensions import override

from applications.cli import app
from applications.molecular.choices import Coupling, Symmetry
from applications.molecular.proteins.batching import BackboneBatch, BackboneFeatures
from applications.molecular.proteins.checkpoint import save_backbone_model
from applications.molecular.proteins.generation import (
    BackboneSettings,
    fingerprint,
    generate_backbones,
    generation_account,
)
from applications.molecular.proteins.model import BackboneModel, BackboneSpec
from applications.molecular.proteins.networks import AbstractBackboneNetwork, TransformerConfig
from applications.molecular.proteins.output import BackboneOutput, open_output
from applications.molecular.proteins.requests import LengthsError, parse_lengths, requests_of
from applications.molecular.proteins.sampling import BackboneSampler
from applications.molecular.sampling_settings import GridKind, SamplerKind, SamplingError, SamplingSettings
from diffusion import SelfConditioning

TINY = TransformerConfig(width=16, pairs=8, condition=8, heads=2, head_width=8, blocks=1, registers=1, radial=8)
SPEC = BackboneSpec(
    network=TINY,
    symmetry=Symmetry.QUOTIENT,
    coupling=Coupling.INDEPENDENT,
    scale=6.0,
    min_residues=6,
    max_residues=12,
)
SDE = SamplingSettings(steps=12, kind=SamplerKind.SDE, noise_scale=0.45, grid=GridKind.LOGARITHMIC)


@pytest.fixture(scope="module")
def model() -> BackboneModel:
    torch.manual_seed(0)
    model = BackboneModel.untrained(SPEC)
    for parameter in model.network.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    return model


@pytest.fixture(scope="module")
def saved(model: BackboneModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    save_backbone_model(model, folder)
    return folder


def run(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["proteins", "generate", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def rows_of(table: Path) -> list[dict[str, str]]:
    with table.open(newline="") as stream:
        return list(csv.DictReader(stream))


def ca_of(path: Path) -> NDArray[np.float64]:
    lines = [line for line in path.read_text().splitlines() if line.startswith("ATOM") and line[12:16] == " CA "]
    return np.array([[float(line[k : k + 8]) for k in (30, 38, 46)] for line in lines])


@pytest.mark.parametrize(
    ("text", "lengths"),
    [("48,64", [48, 64]), ("60-120:20", [60, 80, 100, 120]), ("5-7", [5, 6, 7]), ("64, 48,64", [64, 48])],
)
def test_lengths_are_read(text: str, lengths: list[int]) -> None:
    assert parse_lengths(text) == lengths


@pytest.mark.parametrize("text", ["", "a", "64-48", "0", "1", "60-80:0", "10000", "60:20", "-5", "6,,7", "9" * 12])
def test_other_lengths_are_refused(text: str) -> None:
    with pytest.raises(LengthsError, match="expected"):
        parse_lengths(text)


def test_seeds_are_functions_of_seed_length_and_index() -> None:
    few, many = requests_of([64], n=2, seed=1), requests_of([48, 64], n=5, seed=1)
    assert few == [request for request in many if request.length == 64][:2]
    assert len({request.seed for request in (*many, *requests_of([48, 64], n=5, seed=2))}) == 20


@pytest.mark.parametrize("kind", list(SamplerKind))
def test_structures_do_not_depend_on_the_batch_or_on_padding(model: BackboneModel, kind: SamplerKind) -> None:
    sampler = BackboneSampler(model, replace(SDE, kind=kind))
    lengths, seeds = (7, 12, 9, 7), [3, 4, 5, 6]
    chains = [BackboneFeatures.of_length(n) for n in lengths]
    together = sampler.sample(chains, seeds)
    for chain, seed, expected in zip(chains, seeds, together, strict=True):
        (alone,) = sampler.sample([chain], [seed])
        assert alone.shape == (chain.n_residues, 3)
        np.testing.assert_allclose(alone, expected, rtol=0, atol=1e-4)
        assert not np.allclose(alone, sampler.sample([chain], [seed + 1])[0], atol=0.1)


@pytest.mark.parametrize("kind", list(SamplerKind))
def test_structures_are_centred_at_every_step(model: BackboneModel, kind: SamplerKind) -> None:
    sampler = BackboneSampler(model, replace(SDE, kind=kind))
    chains = [BackboneFeatures.of_length(n) for n in (7, 12)]
    ways = sampler.trajectories(chains, [1, 2])
    for way, end in zip(ways, sampler.sample(chains, [1, 2]), strict=True):
        assert len(way) == SDE.steps + 1
        np.testing.assert_allclose(way[-1], end, atol=1e-5)
        size = np.sqrt((way**2).mean(axis=(1, 2)))
        assert (np.abs(way.mean(axis=1)).max(axis=1) < 1e-5 * size).all()


def test_the_prediction_before_is_recalled_in_sampling(model: BackboneModel) -> None:
    chains = [BackboneFeatures.of_length(9)]
    made = []
    for mode in SelfConditioning:
        spec = replace(SPEC, self_conditioning=mode)
        same = BackboneModel(spec=spec, network=model.network)
        made.append(BackboneSampler(same, SDE).sample(chains, [1])[0])
    assert np.abs(made[0] - made[1]).max() > 1e-3
    assert np.abs(made[1] - made[2]).max() > 1e-3


def test_the_sde_is_refused_where_there_is_no_score(model: BackboneModel) -> None:
    aligned = BackboneModel(spec=replace(SPEC, coupling=Coupling.ORBIT_ALIGNED), network=model.network)
    with pytest.raises(SamplingError, match="--sampler ode"):
        BackboneSampler(aligned, SDE)


def test_a_command_writes_a_structure_a_file_and_repeats_itself(saved: Path, tmp_path: Path) -> None:
    words = ["--lengths", "8,10", "-n", 3, "-m", saved, "--steps", 6]
    code, text = run(*words, "-o", tmp_path / "a", "--batch-size", 2, "--backbone", "--traj")
    assert (code, "6 of 6 structures" in text) == (0, True)
    rows = rows_of(tmp_path / "a" / "out.csv")
    assert [(row["length"], row["index"]) for row in rows] == [(n, i) for n in ("8", "10") for i in "012"]
    account = json.loads((tmp_path / "a" / "out.json").read_text())
    assert account["progress"]["complete"]
    assert account["config"]["grid"] == "log"
    assert len(account["weights_sha256"]) == 64
    assert run(*words, "-o", tmp_path / "b", "--lengths", "10")[0] == 0
    assert run(*words, "-o", tmp_path / "c.pdb", "--lengths", "10")[0] == 0
    for k, row in enumerate(rows):
        path = tmp_path / "a" / row["file"]
        x = ca_of(path)
        assert len(x) == int(row["length"])
        assert " N   GLY" in path.read_text()
        assert f"seed {row['seed']}" in path.read_text()
        gyration = np.sqrt(((x - x.mean(0)) ** 2).sum(-1).mean())
        assert float(row["radius_of_gyration"]) == pytest.approx(gyration, abs=2e-3)
        way = (tmp_path / "a_trajectories" / row["file"]).read_text()
        assert way.count("MODEL") == 7
        if row["length"] == "10":
            np.testing.assert_allclose(ca_of(tmp_path / "b" / row["file"]), x, atol=1.5e-3)
            models = ca_of(tmp_path / "c.pdb").reshape(3, 10, 3)
            np.testing.assert_allclose(models[k - 3], x, atol=1.5e-3)
    assert (tmp_path / "c.pdb").read_text().count("MODEL") == 3
    assert [row["model"] for row in rows_of(tmp_path / "c.csv")] == ["1", "2", "3"]


def test_wrong_requests_end_with_one_line(saved: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for words, message in (
        (["--lengths", "8", "-m", tmp_path], "error:"),
        (["--lengths", "x", "-m", saved], "expected for instance 48,64"),
        (["--lengths", "8", "-m", saved, "--steps", 1], "two steps"),
        (["--lengths", "8,9", "-m", saved, "-o", tmp_path / "x.pdb"], "Give a folder"),
        (["--lengths", "8", "-m", saved, "-o", tmp_path / "x.cif"], "expected a folder"),
    ):
        code, text = run("-o", out, *words)
        assert code == 1
        assert message in " ".join(text.split())
        assert text.count("error:") == 1
    assert "outside" in run("-o", out, "--lengths", "20", "-n", 1, "-m", saved, "--steps", 2)[1]


def test_other_results_are_kept_and_force_removes_its_own_alone(saved: Path, tmp_path: Path) -> None:
    words = ["-m", saved, "--steps", 4, "-o", tmp_path]
    assert run("--lengths", "8,9", "-n", 2, *words)[0] == 0
    (tmp_path / "mine.pdb").write_text("END\n")
    code, text = run("--lengths", "8", "-n", 1, *words)
    assert (code, "--force" in text) == (1, True)
    assert run("--lengths", "8", "-n", 1, *words, "--force")[0] == 0
    assert sorted(path.name for path in tmp_path.glob("*.pdb")) == ["length_0008_0000.pdb", "mine.pdb"]


@final
class Interrupted(Exception):
    """An interruption."""


@pytest.mark.parametrize("name", ["folder", "file.pdb"])
def test_an_interrupted_generation_continues(model: BackboneModel, tmp_path: Path, name: str) -> None:
    settings = BackboneSettings(lengths=(8,), n=5, batch_size=2)
    requests = requests_of([8], n=5, seed=0)
    account = generation_account(model, SDE, settings)
    sampler = BackboneSampler(model, SDE)

    def opened(path: Path) -> BackboneOutput:
        return open_output(
            path,
            lengths=(8,),
            fingerprint=fingerprint(account),
            account=account,
            rebuilt=False,
            remarks=[],
            force=False,
        )

    def interrupt(done: int, total: int) -> None:
        del total
        if done >= 4:
            raise Interrupted

    (tmp_path / "whole").mkdir()
    (tmp_path / "broken").mkdir()
    whole, broken = tmp_path / "whole" / name, tmp_path / "broken" / name
    generate_backbones(requests, sampler, opened(whole), batch_size=2)
    with pytest.raises(Interrupted):
        generate_backbones(requests, sampler, opened(broken), batch_size=2, advance=interrupt)
    part = opened(broken)
    assert part.progress.made == 4
    with part.csv.open("a") as stream:
        stream.write("half a ro")
    generate_backbones(requests, sampler, opened(broken), batch_size=2)
    assert {path.relative_to(tmp_path / "whole") for path in whole.parent.rglob("*.*")} == {
        path.relative_to(tmp_path / "broken") for path in broken.parent.rglob("*.*")
    }
    for path in whole.parent.rglob("*.*"):
        if path.suffix in (".pdb", ".csv"):
            assert path.read_bytes() == (tmp_path / "broken" / path.relative_to(tmp_path / "whole")).read_bytes()


@final
class Explosive(AbstractBackboneNetwork):
    """Not a number for chains of nine residues; a failure for batches of ten residues and more than one chain."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    @override
    def forward(self, x: Tensor, t: Tensor, condition: BackboneBatch, recalled: Tensor) -> Tensor:
        n, size = condition.n_residues, condition.size
        if n == 10 and size > 1:
            raise RuntimeError("out of memory")
        return torch.full_like(x, torch.nan) if n == 9 else 0.1 * x


def test_failures_are_rows_with_a_reason_and_stop_nothing(tmp_path: Path) -> None:
    explosive = BackboneModel(spec=SPEC, network=Explosive())
    lengths: Sequence[int] = (8, 9, 10)
    settings = BackboneSettings(lengths=tuple(lengths), n=2, batch_size=2)
    account = generation_account(explosive, SDE, settings)
    output = open_output(
        tmp_path / "out",
        lengths=lengths,
        fingerprint=fingerprint(account),
        account=account,
        rebuilt=True,
        remarks=[],
        force=False,
    )
    generate_backbones(requests_of([8, 9, 10], n=2, seed=0), BackboneSampler(explosive, SDE), output, batch_size=2)
    assert (output.progress.made, output.progress.failed) == (4, 2)
    rows = rows_of(output.csv)
    assert [row["ok"] for row in rows] == ["true", "true", "false", "false", "true", "true"]
    assert all(("not finite" in row["reason"]) == (row["length"] == "9") for row in rows)
