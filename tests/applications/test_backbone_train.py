"""Training of backbone models: runs, resumption, and losses under every choice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from applications.molecular.choices import Coupling, PriorKind, Symmetry
from applications.molecular.execution import Execution
from applications.molecular.networks import EquivariantConfig
from applications.molecular.proteins.batching import BackboneFeatures, collate
from applications.molecular.proteins.checkpoint import load_backbone_model, save_backbone_model
from applications.molecular.proteins.held_out import (
    BackboneFiguresConfig,
    bond_fraction,
    helical_dihedrals,
    radius_of_gyration,
)
from applications.molecular.proteins.model import BackboneModel, BackboneSpec
from applications.molecular.proteins.networks import (
    BackboneNetworkConfig,
    EquivariantBackboneConfig,
    TransformerConfig,
)
from applications.molecular.proteins.store import write_store
from applications.molecular.proteins.train import train_backbones
from applications.molecular.proteins.train_options import BackboneTrainOptions
from applications.molecular.proteins.training_data import BackboneBatchConfig, BackboneBatches, BackboneDataError
from applications.molecular.run_record import RunMismatchError
from applications.molecular.starting import StartMismatchError
from applications.molecular.training_draws import random_rotations
from diffusion import SelfConditioning
from diffusion.model_files import IncompatibleModelError
from diffusion.training import OptimizerConfig, QuotientTrainingModule, TrainingBatch
from tests.applications.backbone_material import helix
from tests.applications.test_backbone_batches import CHAINS, CONFIG, chain

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:.*smaller than the logging interval.*"),
]

CPU = Execution(accelerator="cpu")
TINY = TransformerConfig(width=16, pairs=8, condition=8, heads=2, head_width=8, blocks=1, registers=1, radial=8)
EQUIVARIANT = EquivariantBackboneConfig(
    transformer=EquivariantConfig(scalars=16, vectors=4, pairs=8, heads=2, forces=2, blocks=1)
)
SPEC = BackboneSpec(network=TINY, symmetry=Symmetry.QUOTIENT, coupling=Coupling.INDEPENDENT, scale=5.0)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("backbones")
    write_store(path, CHAINS, splits={"train": [0, 1, 3], "validation": [2], "test": []}, meta={})
    return path


def options(steps: int = 8) -> BackboneTrainOptions:
    return BackboneTrainOptions(
        network=TINY,
        optimizer=OptimizerConfig(max_steps=steps, warmup_steps=2),
        batches=replace(CONFIG, max_chains=4),
        figures=BackboneFiguresConfig(lengths=(6, 7), generated=1, steps=4),
        validate_every=4,
        checkpoint_every=3,
    )


def test_a_run_leaves_a_usable_model_and_is_not_repeated(
    data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    model = train_backbones(data, tmp_path, options(), execution=CPU)
    assert "Tip:" not in caplog.text
    assert model.card["finished"]
    assert model.card["step"] == 8
    assert set(model.card["held_out"]) >= {"bond_fraction", "radius_of_gyration", "rotation_shape_rmsd", "lengths"}
    again = load_backbone_model(tmp_path)
    assert again.spec == model.spec
    assert (again.spec.min_residues, again.spec.max_residues) == (6, 12)
    table = (tmp_path / "logs" / "version_0" / "metrics.csv").read_text()
    assert "validation_bond_fraction" in table
    assert "validation_rotation_velocity" in table
    train_backbones(data, tmp_path, options(), execution=CPU)
    assert not (tmp_path / "logs" / "version_1").exists()
    with pytest.raises(RunMismatchError, match=r"options\.optimizer"):
        train_backbones(data, tmp_path, options(steps=9), execution=CPU)


def test_fine_tuning_starts_from_the_weights_of_another_model(data: Path, tmp_path: Path) -> None:
    first = train_backbones(data, tmp_path / "first", options(steps=2), execution=CPU)
    barely = replace(options(steps=1), optimizer=OptimizerConfig(max_steps=1, learning_rate=1e-9, weight_decay=0.0))
    second = train_backbones(data, tmp_path / "second", barely, start_from=tmp_path / "first", execution=CPU)
    assert second.scale == first.scale
    for name, value in first.network.state_dict().items():
        torch.testing.assert_close(second.network.state_dict()[name], value, rtol=0.0, atol=1e-7)
    assert second.card["start_from"]["sha256"] == load_backbone_model(tmp_path / "first").card["sha256"]
    with pytest.raises(RunMismatchError, match=r"start_from\.sha256"):
        train_backbones(data, tmp_path / "second", barely, execution=CPU)
    other = replace(barely, coupling=Coupling.ORBIT_ALIGNED, prior=PriorKind.HARMONIC)
    with pytest.raises(StartMismatchError, match=r"coupling \(it has independent\), prior \(it has gaussian\) than"):
        train_backbones(data, tmp_path / "third", other, start_from=tmp_path / "first", execution=CPU)


def test_data_with_short_chains_alone_are_refused(data: Path, tmp_path: Path) -> None:
    long = replace(options(), batches=BackboneBatchConfig(min_residues=25, max_residues=40))
    with pytest.raises(BackboneDataError, match="expected one of 25"):
        train_backbones(data, tmp_path, long, execution=CPU)


def losses(spec: BackboneSpec, batch: TrainingBatch) -> Tensor:
    torch.manual_seed(0)
    network = BackboneModel.untrained(spec).network.train().requires_grad_(True)
    for parameter in network.parameters():
        parameter.data += 0.05 * torch.randn_like(parameter)
    module = QuotientTrainingModule(
        model=spec.diffusion(network),
        treatment=spec.symmetry.treatment(),
        optimizer=OptimizerConfig(),
        train_batches=BackboneBatches(CHAINS, config=CONFIG, scale=spec.scale),
    )
    return module.losses(batch)


@pytest.mark.parametrize("symmetry", list(Symmetry))
@pytest.mark.parametrize("prior", list(PriorKind))
@pytest.mark.parametrize("network", [TINY, EQUIVARIANT], ids=["transformer", "equivariant"])
def test_every_choice_trains_and_padding_does_not_matter(
    symmetry: Symmetry, prior: PriorKind, network: BackboneNetworkConfig
) -> None:
    """Losses and gradients are finite, with a chain break in the batch, and those of chains alone."""
    chains = [chain("a", 7, seed=1), chain("b", 9, seed=2, gap=4)]
    features = [BackboneFeatures(residue_index=c.residue_index, sequence=c.sequence) for c in chains]
    marks = torch.tensor([True, True])
    condition = collate(features, scale=5.0, self_conditioned=marks)
    points = torch.zeros(2, 9, 3)
    for row, c in enumerate(chains):
        x = torch.from_numpy(c.positions[0])
        points[row, : c.n_residues] = (x - x.mean(0)) / 5.0
    batch = TrainingBatch(points=points, t=torch.tensor([0.3, 0.8]), seeds=torch.tensor([1, 2]), condition=condition)
    spec = replace(SPEC, symmetry=symmetry, prior=prior, network=network)
    together = losses(spec, batch)
    assert bool((together > 0).all())
    together.mean().backward()
    alone = TrainingBatch(
        points=points[:1, :7],
        t=batch.t[:1],
        seeds=batch.seeds[:1],
        condition=collate(features[:1], scale=5.0, self_conditioned=marks[:1]),
    )
    torch.testing.assert_close(losses(spec, alone)[0], together[0], rtol=5e-4, atol=1e-5)


def test_the_loss_of_the_equivariant_network_does_not_see_motions_of_the_data() -> None:
    """With noise aligned to the data, which turns with them, it is the same number; the transformer is the control."""
    batch = BackboneBatches(CHAINS, config=CONFIG, scale=5.0).at(2)
    turn = random_rotations(np.random.default_rng(0), len(batch.points))
    moved = TrainingBatch(points=batch.points @ turn.mT + 0.7, t=batch.t, seeds=batch.seeds, condition=batch.condition)
    for network, invariant in ((EQUIVARIANT, True), (TINY, False)):
        spec = replace(SPEC, network=network, coupling=Coupling.ORBIT_ALIGNED)
        here, there = losses(spec, batch), losses(spec, moved)
        assert bool(((here - there).abs() < 1e-3 * here).all()) == invariant


def test_models_survive_their_files(tmp_path: Path) -> None:
    torch.manual_seed(3)
    for number, spec in enumerate(
        (SPEC, replace(SPEC, network=EQUIVARIANT, self_conditioning=SelfConditioning.OFF, prior=PriorKind.HARMONIC))
    ):
        model = BackboneModel.untrained(spec)
        save_backbone_model(model, tmp_path / str(number))
        again = load_backbone_model(tmp_path / str(number))
        assert again.spec == spec
        for name, value in model.network.state_dict().items():
            assert torch.equal(again.network.state_dict()[name], value)
    card = tmp_path / "0" / "model.json"
    values = json.loads(card.read_text())
    values["spec"]["self_conditioning"] = "sometimes"
    card.write_text(json.dumps(values))
    with pytest.raises(IncompatibleModelError, match="sometimes"):
        load_backbone_model(tmp_path / "0")


def test_figures_are_those_of_a_helix() -> None:
    x = helix(20)
    right, left = helical_dihedrals([x])
    assert (right, left) == (1.0, 0.0)
    assert helical_dihedrals([-x]) == (0.0, 1.0)
    assert bond_fraction([x, 2.0 * x]) == 0.5
    centred = x - x.mean(axis=0)
    assert radius_of_gyration([x]) == pytest.approx(np.sqrt((centred**2).sum() / 20))


SCRIPT = """
import sys
import torch
torch.set_num_threads(1)
from pathlib import Path
from applications.molecular.execution import Execution
from applications.molecular.proteins.networks import TransformerConfig
from applications.molecular.proteins.train import train_backbones
from applications.molecular.proteins.train_options import BackboneTrainOptions
from applications.molecular.proteins.training_data import BackboneBatchConfig
from diffusion.training import OptimizerConfig
train_backbones(Path(sys.argv[1]), Path(sys.argv[2]), BackboneTrainOptions(
    network=TransformerConfig(
        width=16, pairs=8, condition=8, heads=2, head_width=8, blocks=1, registers=1, radial=8),
    optimizer=OptimizerConfig(max_steps=90, warmup_steps=2),
    batches=BackboneBatchConfig(min_residues=6, max_residues=12, pair_budget=600, max_chains=4),
    validate_every=1000, checkpoint_every=3), execution=Execution(accelerator="cpu"))
"""


@pytest.mark.slow
def test_a_run_killed_without_warning_continues_to_the_same_weights(data: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    command = [sys.executable, "-c", SCRIPT, str(data)]
    subprocess.run([*command, str(whole)], check=True, capture_output=True, timeout=300)
    process = subprocess.Popen([*command, str(broken)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while not list(broken.glob("checkpoints/*.ckpt")):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.005)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (broken / "model.safetensors").exists()
    subprocess.run([*command, str(broken)], check=True, capture_output=True, timeout=300)
    one, other = load_backbone_model(whole), load_backbone_model(broken)
    assert other.card["finished"]
    for name, value in one.network.state_dict().items():
        assert torch.equal(value, other.network.state_dict()[name]), name
