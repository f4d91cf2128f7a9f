import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from rdkit import Chem
from rdkit.Chem import rdDistGeom
from typer.testing import CliRunner

from applications.cli import app
from applications.molecular.checkpoint import load_model
from applications.molecular.choices import Coupling, PriorKind, Symmetry
from applications.molecular.dataset import ConformerRecord, write_dataset
from applications.molecular.draws import Draw
from applications.molecular.execution import Execution, ExecutionError, Precision
from applications.molecular.features import Hydrogens
from applications.molecular.held_out import (
    HeldOutConfig,
    HeldOutMolecule,
    generate_positions,
    held_out_figures,
)
from applications.molecular.model import ConformerModel, ModelSpec
from applications.molecular.networks import EquivariantConfig
from applications.molecular.run_record import RunMismatchError
from applications.molecular.starting import StartMismatchError
from applications.molecular.train import (
    EmptySplitError,
    TrainOptions,
    train,
)
from applications.molecular.training_data import BatchConfig
from diffusion.training import OptimizerConfig

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*smaller than the logging interval.*"),
]

CPU = Execution(accelerator="cpu")
TINY = EquivariantConfig(scalars=16, vectors=4, pairs=8, heads=2, forces=2, blocks=1)
ALCOHOLS = [
    "CCO",
    "CCCO",
    "CC(C)O",
    "OCCO",
    "CC(O)CO",
    "OCC(O)CO",
    "C1CC1O",
    "CCOC",
    "CCCCO",
    "CC(C)CO",
    "COCO",
    "CCC(C)O",
]


def records(smiles: list[str]) -> list[ConformerRecord]:
    out = []
    for text in smiles:
        mol = Chem.AddHs(Chem.MolFromSmiles(text))
        ids = list(rdDistGeom.EmbedMultipleConfs(mol, 3, randomSeed=1))
        positions = np.stack([mol.GetConformer(i).GetPositions() for i in ids]).astype(np.float32)
        numbers = np.array([a.GetAtomicNum() for a in mol.GetAtoms()], dtype=np.uint8)
        out.append(ConformerRecord(Chem.MolToSmiles(Chem.MolFromSmiles(text)), numbers, positions, np.zeros(3), text))
    return out


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("alcohols")
    canonical = [Chem.MolToSmiles(Chem.MolFromSmiles(s)) for s in ALCOHOLS]
    store = write_dataset(path, records(canonical), meta={})
    (path / "splits.json").write_text(json.dumps({"train": list(range(10)), "validation": [10, 11], "test": []}))
    assert len(store) == 12
    return path


def options(steps: int = 12) -> TrainOptions:
    return TrainOptions(
        network=TINY,
        optimizer=OptimizerConfig(max_steps=steps, warmup_steps=2),
        batches=BatchConfig(max_molecules=4),
        held_out=HeldOutConfig(generated=2, references=2, steps=4),
        validate_every=6,
        checkpoint_every=3,
        validation_molecules=2,
    )


def test_a_run_leaves_a_usable_model_and_is_not_repeated(data: Path, tmp_path: Path) -> None:
    model = train(data, tmp_path, options(), execution=CPU)
    assert model.card["finished"]
    assert model.card["step"] == 12
    assert set(model.card["held_out"]) >= {"amr_recall", "coverage_precision"}
    again = load_model(tmp_path)
    assert again.spec == model.spec
    assert 0.5 < again.scale < 3.0
    assert (tmp_path / "logs" / "version_0" / "metrics.csv").read_text().count("\n") > 2
    train(data, tmp_path, options(), execution=CPU)
    assert not (tmp_path / "logs" / "version_1").exists()


def test_another_command_line_does_not_continue_a_run(data: Path, tmp_path: Path) -> None:
    train(data, tmp_path, options(steps=2), execution=CPU)
    with pytest.raises(RunMismatchError, match=r"options\.optimizer"):
        train(data, tmp_path, options(steps=3), execution=CPU)


def test_fine_tuning_starts_from_the_weights_of_another_model(data: Path, tmp_path: Path) -> None:
    first = train(data, tmp_path / "first", options(steps=2), execution=CPU)
    barely = replace(options(steps=1), optimizer=OptimizerConfig(max_steps=1, learning_rate=1e-9, weight_decay=0.0))
    second = train(data, tmp_path / "second", barely, start_from=tmp_path / "first", execution=CPU)
    fresh = train(data, tmp_path / "fresh", barely, execution=CPU)
    assert second.scale == first.scale
    for name, value in first.network.state_dict().items():
        torch.testing.assert_close(second.network.state_dict()[name], value, rtol=0.0, atol=1e-7)
    assert any((fresh.network.state_dict()[n] - v).abs().max() > 1e-4 for n, v in first.network.state_dict().items())
    with pytest.raises(RunMismatchError, match=r"start_from\.sha256"):
        train(data, tmp_path / "second", barely, execution=CPU)
    other = replace(barely, hydrogens=Hydrogens.MODELLED)
    with pytest.raises(StartMismatchError, match=r"another hydrogens \(it has placed\) than asked"):
        train(data, tmp_path / "third", other, start_from=tmp_path / "first", execution=CPU)
    bigger = replace(barely, network=replace(barely.network, blocks=barely.network.blocks + 1))
    with pytest.raises(StartMismatchError, match="another network than asked"):
        train(data, tmp_path / "third", bigger, start_from=tmp_path / "first", execution=CPU)


def test_the_default_is_the_best_exact_triple_here_and_on_the_command_line() -> None:
    default = TrainOptions()
    assert (default.symmetry, default.coupling, default.prior) == (
        Symmetry.QUOTIENT,
        Coupling.ORBIT_ALIGNED,
        PriorKind.HARMONIC,
    )
    shown = CliRunner().invoke(app, ["molecules", "train", "--help"], env={"COLUMNS": "200"}).stdout
    for word in (default.symmetry.value, default.coupling.value, default.prior.value):
        assert re.search(rf"default: {word}\b", shown)


def test_data_without_training_molecules_are_refused(tmp_path: Path) -> None:
    write_dataset(tmp_path / "data", [], meta={})
    with pytest.raises(EmptySplitError, match="without training molecules"):
        train(tmp_path / "data", tmp_path / "run", options(), execution=CPU)


SCRIPT = """
import sys, time, warnings
import torch
torch.set_num_threads(1)
from pathlib import Path
from applications.molecular.execution import Execution
from applications.molecular.held_out import HeldOutConfig
from applications.molecular.networks import EquivariantConfig
from applications.molecular.train import TrainOptions, train
from applications.molecular.training_data import BatchConfig
from diffusion.training import OptimizerConfig
steps, molecules, devices = (int(word) for word in sys.argv[3:])
if __name__ == "__main__":
    train(Path(sys.argv[1]), Path(sys.argv[2]), TrainOptions(
        network=EquivariantConfig(scalars=16, vectors=4, pairs=8, heads=2, forces=2, blocks=1),
        optimizer=OptimizerConfig(max_steps=steps, warmup_steps=2), batches=BatchConfig(max_molecules=molecules),
        validate_every=1000, checkpoint_every=3, validation_molecules=0),
        execution=Execution(accelerator="cpu", devices=devices))
"""


@pytest.mark.slow
def test_a_run_killed_without_warning_continues_to_the_same_weights(data: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    words = ["90", "4", "1"]
    command = [sys.executable, "-c", SCRIPT, str(data)]
    subprocess.run([*command, str(whole), *words], check=True, capture_output=True)
    process = subprocess.Popen([*command, str(broken), *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(broken.glob("checkpoints/*.ckpt")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (broken / "model.safetensors").exists()
    subprocess.run([*command, str(broken), *words], check=True, capture_output=True)
    one, other = load_model(whole), load_model(broken)
    assert other.card["finished"]
    for name, value in one.network.state_dict().items():
        assert torch.equal(value, other.network.state_dict()[name]), name


@pytest.mark.slow
def test_two_processes_train_the_model_of_one(data: Path, tmp_path: Path) -> None:
    """Lightning's DDP over gloo; a batch of three molecules does not divide by two. A third run is told otherwise."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    subprocess.run(
        [sys.executable, str(script), str(data), str(tmp_path / "two"), "8", "3", "2"],
        check=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1"},
        timeout=500,
    )
    plain = replace(options(steps=8), validate_every=1000, validation_molecules=0)
    models = [load_model(tmp_path / "two")]
    for name, molecules in (("one", 3), ("other", 4)):
        alone = replace(plain, batches=BatchConfig(max_molecules=molecules))
        models.append(train(data, tmp_path / name, alone, execution=CPU))
    two, one, other = ({n: v.double() for n, v in m.network.state_dict().items()} for m in models)
    record = json.loads((tmp_path / "two" / "run.json").read_text())
    assert record["execution"]["devices"] == 2
    assert models[0].card["finished"]
    size = sum(v.square().sum() for v in one.values())
    assert sum((one[n] - two[n]).square().sum() for n in one) < 1e-10 * size
    assert sum((one[n] - other[n]).square().sum() for n in one) > 1e-6 * size


def test_a_run_in_bfloat16_and_in_parts_finishes(data: Path, tmp_path: Path) -> None:
    low = replace(options(steps=4), precision=Precision.BFLOAT16, validate_every=4)
    execution = Execution(accelerator="cpu", accumulate=2)
    model = train(data, tmp_path, low, execution=execution)
    assert model.card["finished"]
    assert model.card["execution"]["accumulate"] == 2
    assert all(v.dtype is torch.float32 and bool(v.isfinite().all()) for v in model.network.state_dict().values())
    with pytest.raises(RunMismatchError, match=r"options\.precision"):
        train(data, tmp_path, replace(low, precision=Precision.FLOAT32), execution=execution)
    train(data, tmp_path, low, execution=CPU)
    assert json.loads((tmp_path / "run.json").read_text())["execution"]["accumulate"] == 1


def test_records_of_older_runs_take_defaults_for_the_options_that_they_lack(data: Path, tmp_path: Path) -> None:
    train(data, tmp_path, options(steps=1), execution=CPU)
    path = tmp_path / "run.json"
    record = json.loads(path.read_text())
    del record["execution"], record["options"]["precision"], record["options"]["batches"]["draw"]
    del record["options"]["network"]["radial"], record["options"]["network"]["isometries"]
    path.write_text(json.dumps(record))
    assert train(data, tmp_path, options(steps=1), execution=CPU).card["finished"]
    path.write_text(json.dumps(record))
    other = replace(options(steps=1), batches=BatchConfig(max_molecules=4, draw=Draw.ALL))
    with pytest.raises(RunMismatchError, match=r"options\.batches"):
        train(data, tmp_path, other, execution=CPU)


def test_what_the_machine_lacks_is_refused(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for execution, message in (
        (Execution(accelerator="gpu"), "at most the 0 GPUs"),
        (Execution(accelerator="cpu", accumulate=0), "got accumulate 0, expected at least 1"),
    ):
        with pytest.raises(ExecutionError, match=message):
            train(data, tmp_path / "run", options(), execution=execution)
    assert not (tmp_path / "run").exists()


def test_generation_depends_on_the_seed_alone_and_figures_follow_from_it() -> None:
    torch.manual_seed(0)
    spec = ModelSpec(
        network=TINY,
        hydrogens=Hydrogens.PLACED,
        symmetry=Symmetry.QUOTIENT,
        coupling=Coupling.ORBIT_ALIGNED,
        scale=1.5,
    )
    model = ConformerModel.untrained(spec)
    mols = [Chem.AddHs(Chem.MolFromSmiles(s)) for s in ("CCO", "CC(C)CO")]
    both = generate_positions(model, mols, seeds=[3, 4], steps=5)
    alone = generate_positions(model, mols[1:], seeds=[4], steps=5)
    assert [p.shape for p in both] == [(3, 3), (5, 3)]
    np.testing.assert_allclose(both[1], alone[0], atol=1e-4)
    own = np.zeros((1, mols[0].GetNumAtoms(), 3))
    own[0, :3] = both[0]
    reference = HeldOutMolecule(mol=mols[0], references=own)
    config = HeldOutConfig(generated=4, references=1, steps=5)
    figures = held_out_figures(model, [reference], config=config)
    assert figures["amr_recall"] >= 0.0
    assert 0.0 <= figures["coverage_precision"] <= 1.0
