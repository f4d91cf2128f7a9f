import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from rdkit import Chem
from typer.testing import CliRunner, Result

from applications.cli import app
from applications.molecular.checkpoint import save_model
from applications.molecular.choices import Coupling, Symmetry
from applications.molecular.dataset import ConformerStore, assign_split
from applications.molecular.features import Hydrogens
from applications.molecular.model import ConformerModel, ModelSpec
from applications.molecular.networks import EquivariantConfig
from applications.molecular.sampling_settings import SamplerKind, default_steps

TINY = EquivariantConfig(scalars=16, vectors=8, pairs=8, heads=2, forces=4, blocks=1, expansion=2)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    spec = ModelSpec(
        network=TINY,
        hydrogens=Hydrogens.PLACED,
        symmetry=Symmetry.QUOTIENT,
        coupling=Coupling.ORBIT_ALIGNED,
        scale=2.0,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        save_model(ConformerModel.untrained(spec), folder)
    return folder


def run(*arguments: str | Path, stdin: str = "") -> Result:
    return CliRunner().invoke(app, [str(a) for a in arguments], input=stdin)


def generate(model: Path, output: Path, *arguments: str | Path, stdin: str = "") -> Result:
    """By a network without training, whose bonds are not bonds."""
    options = ("-m", model, "-o", output, "--steps", "2", "--stereo", "off")
    return run("molecules", "generate", *arguments, *options, stdin=stdin)


def one_dry_line(result: Result) -> str:
    assert result.exit_code == 1
    lines = [line for line in result.stderr.splitlines() if line and not line.startswith(("conformers:", "molecules:"))]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: ")
    assert "Traceback" not in result.output
    return lines[0]


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    program = (
        "import sys\n"
        "from typer.testing import CliRunner\n"
        "from applications.cli import app\n"
        "for words in ([], ['molecules'], ['molecules', 'generate'], ['molecules', 'train'], ['demo']):\n"
        "    assert CliRunner().invoke(app, [*words, '--help']).exit_code == 0\n"
        "heavy = ('torch', 'rdkit', 'lightning', 'matplotlib', 'numpy', 'pyarrow')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_exit_codes(model: Path, tmp_path: Path) -> None:
    assert generate(model, tmp_path / "all.sdf", "CCO", "-n", "2").exit_code == 0
    assert generate(model, tmp_path / "some.sdf", "CCO", "CC.O").exit_code == 3
    assert generate(model, tmp_path / "strict.sdf", "CCO", "CC.O", "--strict").exit_code == 1
    assert generate(model, tmp_path / "none.sdf", "CC.O").exit_code == 1
    assert generate(model, tmp_path / "usage.sdf", "CCO", "-n", "zero").exit_code == 2
    assert run("molecules", "generate", "CCO").exit_code == 2


def test_molecules_from_arguments_files_and_stdin(model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.smi").write_text("CCN ethylamine\n")
    output = tmp_path / "out.sdf"
    result = generate(model, output, "CCO", tmp_path / "in.smi", "-", "-n", "1", stdin="CCC propane\n")
    assert result.exit_code == 0, result.output
    assert [m.GetProp("_Name") for m in Chem.SDMolSupplier(str(output))] == ["CCO", "ethylamine", "propane"]
    rows = list(csv.DictReader(output.with_suffix(".csv").read_text().splitlines()))
    assert [row["smiles"] for row in rows] == ["CCO", "CCN", "CCC"]
    account = json.loads(output.with_suffix(".json").read_text())
    assert account["weights_sha256"] == json.loads((model / "model.json").read_text())["sha256"]


def test_running_again_keeps_the_files_and_another_command_needs_force(model: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.sdf"
    assert generate(model, output, "CCO").exit_code == 0
    before = output.stat().st_mtime_ns, output.read_bytes()
    assert generate(model, output, "CCO").exit_code == 0
    assert output.read_bytes() == before[1]
    assert "--force" in one_dry_line(generate(model, output, "CCO", "--seed", "1"))
    assert output.read_bytes() == before[1]
    assert generate(model, output, "CCO", "--seed", "1", "--force").exit_code == 0
    assert output.read_bytes() != before[1]


def test_bad_input_is_one_line_that_names_the_remedy(model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty.smi").write_text("\n")
    (tmp_path / "file").write_text("")
    out = tmp_path / "out.sdf"
    assert "SMILES name" in one_dry_line(generate(model, out, tmp_path / "empty.smi"))
    assert "cannot read" in one_dry_line(generate(model, out, tmp_path / "missing.smi"))
    assert "SMILES name" in one_dry_line(generate(model, out, "-", stdin=""))
    assert "expected a .safetensors file" in one_dry_line(generate(tmp_path / "nowhere", out, "CCO"))
    assert "Choose another -o" in one_dry_line(generate(model, tmp_path / "file" / "out.sdf", "CCO"))
    assert "ends in .sdf" in one_dry_line(generate(model, tmp_path / "out.txt", "CCO"))
    assert "--sampler ode" in one_dry_line(generate(model, out, "CCO", "--sampler", "sde"))
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in model.iterdir():
        (broken / path.name).write_bytes(path.read_bytes()[:-1] if path.suffix == ".safetensors" else path.read_bytes())
    assert "copy" in one_dry_line(generate(broken, out, "CCO"))
    assert not out.exists()


def test_prepare_generate_evaluate_from_end_to_end(model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.smi").write_text("CCCCO a\nC[C@H](N)C(=O)O b\nxx c\n")
    data = tmp_path / "data"
    prepared = run("molecules", "prepare", "--source", f"etkdg:{tmp_path / 'in.smi'}", "-o", data, "--max-confs", "3")
    assert prepared.exit_code == 0, prepared.output
    assert "1 dropped: the SMILES cannot be read" in prepared.output
    splits = json.loads((data / "splits.json").read_text())
    split = max(splits, key=lambda name: len(splits[name]))
    out = tmp_path / "out.sdf"
    made = generate(model, out, data, "--split", split, "-n", "4", "--stereo", "off")
    assert made.exit_code == 0, made.output
    report = tmp_path / "report"
    done = run("molecules", "evaluate", out, "--ref", data, "-o", report, "--split", split, "--threshold", "1.0")
    assert done.exit_code == 0, done.output
    figures = json.loads((report / "report.json").read_text())
    assert figures["molecules"] == len(splits[split])
    assert figures["attempts"] == {"1": 4 * len(splits[split])}
    assert figures["conformers"] == 4 * len(splits[split])
    assert figures["scores"]["etkdg_mmff"]["COV-R@1"]["mean"] > 0.9
    empty = next(name for name in splits if not splits[name])
    command = ("molecules", "evaluate", out, "--ref", data, "-o", report, "--split", empty)
    assert "none of the" in one_dry_line(run(*command))


def test_train_finishes_continues_and_refuses_other_options(tmp_path: Path) -> None:
    smiles = {"CCCCCC": "train", "CCCCCO": "train", "CCCOON": "validation"}
    assert {s: assign_split(s) for s in smiles} == smiles
    (tmp_path / "in.smi").write_text("\n".join(smiles))
    data, folder = tmp_path / "data", tmp_path / "run"
    prepare = ("molecules", "prepare", "--source", tmp_path / "in.smi", "-o", data, "--max-confs", "2")
    assert run(*prepare).exit_code == 0
    train = ("molecules", "train", data, "-o", folder, "--steps", "2", "--coupling", "independent")
    for _ in range(2):
        result = run(*train)
        assert result.exit_code == 0, result.output
        assert "trained to step 2" in result.output
    other = run(*train, "--symmetry", "equivariant")
    assert other.exit_code == 1
    assert "options.symmetry" in other.stderr
    assert "Traceback" not in other.output
    made = generate(folder, tmp_path / "out.sdf", "CCO", "--sampler", "sde", "--stereo", "off")
    assert made.exit_code == 0, made.output


def test_training_refuses_what_cannot_be_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "in.smi").write_text("CCCCCC\nCCCCCO\nCCCOON")
    data, folder = tmp_path / "data", tmp_path / "run"
    assert run("molecules", "prepare", "--source", tmp_path / "in.smi", "-o", data, "--max-confs", "2").exit_code == 0
    energies = data / "energies.npy"
    np.save(energies, np.full_like(np.load(energies), np.nan))
    train = ("molecules", "train", data, "-o", folder, "--device", "cpu", "--steps", "1")
    assert "tiny, small" in one_dry_line(run(*train, "--network", "plain", "--preset", "etflow-o3"))
    assert "draw uniform, or prepare" in one_dry_line(run(*train, "--draw", "boltzmann"))
    assert not folder.exists()
    assert run(*train, "--precision", "8").exit_code == 2
    assert run(*train, "--devices", "0").exit_code == 2


@pytest.mark.slow
def test_terminated_training_says_so_and_continues(tmp_path: Path) -> None:
    (tmp_path / "in.smi").write_text("CCCCCC\nCCCCCO\nCCCOON")
    data, folder = tmp_path / "data", tmp_path / "run"
    assert run("molecules", "prepare", "--source", tmp_path / "in.smi", "-o", data, "--max-confs", "2").exit_code == 0
    words = ["molecules", "train", str(data), "-o", str(folder), "--device", "cpu", "--steps", "100000"]
    words += ["--checkpoint-every", "2", "--threads", "1"]
    command = [sys.executable, "-c", "from applications.cli import main; main()", *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        deadline = time.monotonic() + 240
        while not list(folder.glob("checkpoints/*.ckpt")):
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 143
    assert "terminated: run the same line again to continue" in errors
    assert "Traceback" not in errors


def test_models_of_aligned_pairs_take_fewer_steps_unless_told_otherwise(model: Path, tmp_path: Path) -> None:
    def steps(name: str, *options: str) -> int:
        output = tmp_path / f"{name}.sdf"
        made = run("molecules", "generate", "CCO", "-m", model, "-o", output, "-n", "1", "--stereo", "off", *options)
        assert made.exit_code == 0, made.output
        return json.loads(output.with_suffix(".json").read_text())["config"]["steps"]

    assert steps("default") == 15
    assert steps("given", "--steps", "3") == 3
    assert default_steps(SamplerKind.ODE, Coupling.INDEPENDENT) == 50
    assert default_steps(SamplerKind.SDE, Coupling.INDEPENDENT) == 50


@pytest.mark.slow
def test_demo_writes_a_picture_and_figures(model: Path, tmp_path: Path) -> None:
    result = run("demo", "-m", model, "-o", tmp_path / "demo", "-n", "1", "--steps", "2")
    assert result.exit_code == 0, result.output
    assert "aspirin" in result.output
    assert (tmp_path / "demo" / "demo.sdf").is_file()
    assert "RMSD of ETKDG" in result.output


def test_an_empty_split_is_said_when_made_and_when_asked_for(model: Path, tmp_path: Path) -> None:
    (tmp_path / "in.smi").write_text("CCCO propanol\n")
    data = tmp_path / "data"
    made = run("molecules", "prepare", "--source", tmp_path / "in.smi", "-o", data, "--max-confs", "2")
    assert made.exit_code == 0, made.output
    (filled,) = (name for name, rows in ConformerStore.open(data).splits.items() if rows)
    empty = [name for name in ("train", "validation", "test") if name != filled]
    assert f"nothing in {' and '.join(empty)}" in made.output
    asked = generate(model, tmp_path / "out.sdf", data, "--split", empty[-1])
    assert f"--split {filled}" in one_dry_line(asked)
