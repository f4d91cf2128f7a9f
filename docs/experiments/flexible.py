"""Experiment one: a network learns the Boltzmann ensemble of one flexible molecule, and its law is compared."""

from __future__ import annotations

import logging
import math
import warnings
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from cells import ROWS, Row, plain
from gradients import gradient_variance
from laws import Array, compare
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging
from rdkit import Chem
from targets import MOLECULES, EnsembleBatches, Molecule, Target

from applications.molecular.choices import Coupling, Symmetry
from applications.molecular.equivariance import rotation_deviation
from applications.molecular.features import Hydrogens
from applications.molecular.model import ConformerModel, ModelSpec
from applications.molecular.networks import EquivariantConfig, NetworkConfig, PlainConfig, build_network
from diffusion import Euler, ODESampler, Sampler, SDESampler, uniform_grid
from diffusion.training import OptimizerConfig, QuotientTrainingModule
from quotient import CounterNoise

NETWORKS: dict[str, NetworkConfig] = {
    "plain": PlainConfig(width=64, pairs=32, heads=8, blocks=4, expansion=2),
    "equivariant": EquivariantConfig(scalars=48, vectors=16, pairs=24, heads=8, forces=8, blocks=3, expansion=2),
}
STEP_COUNTS = (5, 10, 20, 50)


@final
@dataclass(frozen=True, kw_only=True)
class Size:
    """How long is trained and how much is drawn.

    Attributes:
        steps: optimiser steps.
        batch: frames in a batch.
        samples: conformers drawn for a comparison.
        learning_rate: its peak.
        gradients: batches whose gradients are compared.
    """

    steps: int = 4000
    batch: int = 64
    samples: int = 1000
    learning_rate: float = 1e-3
    gradients: int = 24


@final
@dataclass(frozen=True)
class FlexibleCell:
    """One molecule, one way to train, one network, one seed; the same seed sees the same noise in all rows."""

    molecule: Molecule
    row: Row
    network: str
    seed: int
    size: Size = Size()

    def key(self) -> dict[str, Any]:
        """What tells it from the others."""
        names = {"molecule": self.molecule.name, "network": self.network, **self.row.to_json(), "seed": self.seed}
        return names | {"size": plain(self.size)}

    def run(self, work: Path) -> dict[str, Any]:
        """Train, and compare laws by training step and by number of evaluations."""
        target = _target(self.molecule, work)
        torch.manual_seed(self.seed)
        spec = ModelSpec(
            network=NETWORKS[self.network],
            hydrogens=Hydrogens.PLACED,
            symmetry=self.row.symmetry,
            coupling=self.row.coupling,
            prior=self.row.prior,
            scale=target.scale,
        )
        network = build_network(spec.network)
        batches = EnsembleBatches(target, size=self.size.batch, seed=self.seed)
        size = self.size
        module = QuotientTrainingModule(
            model=spec.diffusion(network),
            treatment=spec.symmetry.treatment(),
            optimizer=OptimizerConfig(learning_rate=size.learning_rate, max_steps=size.steps),
            train_batches=batches,
            validation_batches=[batches.at(2**40 + k) for k in range(4)],
        )
        stages = Stages(spec, target, size, seed=self.seed)
        trainer = _trainer(size, stages)
        trainer.fit(module)
        variance = gradient_variance(module, batches, count=size.gradients)
        model = ConformerModel(spec=spec, network=network)
        return {
            "parameters": sum(p.numel() for p in network.parameters()),
            "loss": float(trainer.callback_metrics["validation_loss"]),
            "by_step": stages.found,
            "by_evaluations": by_evaluations(model, target, size, seed=self.seed),
            "gradient_variance": variance,
            "orientation": orientation_error(model, target, seed=self.seed, count=size.samples // 5),
            "floor": compare(target.training, target.reference, self.molecule.torsions),
        }


@cache
def _target(molecule: Molecule, work: Path) -> Target:
    return Target.open(molecule, work)


@final
class Stages(Callback):
    """At a quarter and at half of training compare the averaged weights with the ensemble.

    Must stand before the weight-averaging callback: it then sees the averaged weights.
    """

    def __init__(self, spec: ModelSpec, target: Target, size: Size, *, seed: int) -> None:
        self._spec, self._target, self._size, self._seed = spec, target, size, seed
        self._stages = {math.ceil(size.steps * share) for share in (0.25, 0.5)}
        self.found: list[dict[str, Any]] = []

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Draw and compare."""
        if trainer.global_step not in self._stages:
            return
        network = deepcopy(pl_module.network)
        assert isinstance(network, torch.nn.Module)
        model = ConformerModel(spec=self._spec, network=network)  # type: ignore[arg-type]
        sampler = ODESampler(uniform_grid(STEP_COUNTS[-1]), method=Euler())
        x = draw(model, self._target, sampler, self._size.samples // 2, seed=self._seed)
        self.found.append(
            {
                "step": trainer.global_step,
                **compare(x, self._target.reference, self._target.molecule.torsions),
                "orientation": orientation_error(model, self._target, seed=self._seed, count=self._size.samples // 5),
            }
        )


def _trainer(size: Size, stages: Stages) -> Trainer:
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.pytorch.accelerators.cuda"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*(does not have many workers|LeafSpec|logging interval).*")
    return Trainer(
        max_steps=size.steps,
        accelerator="cpu",
        logger=False,
        callbacks=[stages, EMAWeightAveraging(decay=0.999)],
        gradient_clip_val=1.0,
        val_check_interval=max(1, size.steps // 4),
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
    )


def by_evaluations(model: ConformerModel, target: Target, size: Size, *, seed: int) -> list[dict[str, Any]]:
    """Distances in law of the ODE for several numbers of steps, and of the SDE where there is one."""
    samplers: list[tuple[str, int, Sampler]] = [
        ("ode", n, ODESampler(uniform_grid(n), method=Euler())) for n in STEP_COUNTS
    ]
    if model.spec.coupling is Coupling.INDEPENDENT:
        path = model.diffusion.path(target.batch(1))
        samplers.append(("sde", STEP_COUNTS[-1], SDESampler(uniform_grid(STEP_COUNTS[-1]), path)))
    found = []
    for name, steps, sampler in samplers:
        x = draw(model, target, sampler, size.samples, seed=seed)
        found.append({"sampler": name, "steps": steps, **compare(x, target.reference, target.molecule.torsions)})
    return found


def draw(model: ConformerModel, target: Target, sampler: Sampler, count: int, *, seed: int) -> Array:
    """Conformers in Å, [count, n, 3]."""
    size, out = 500, []
    for start in range(0, count, size):
        here = min(size, count - start)
        batch = target.batch(here)
        noise = CounterNoise(torch.arange(start, start + here) + 1_000_003 * (seed + 1))
        with torch.inference_mode():
            result = model.diffusion.sample(sampler, torch.zeros(here, batch.n_atoms, 3), noise, condition=batch)
        out.append((result.x * model.scale).double().numpy())
    return np.concatenate(out)


def orientation_error(model: ConformerModel, target: Target, *, seed: int, count: int) -> float:
    """Median RMSD in Å between shapes from noise and from the same noise turned: 0 for an equivariant network."""
    found = rotation_deviation(
        model,
        [Chem.MolFromSmiles(target.molecule.smiles)] * count,
        seeds=range(count),
        generator=torch.Generator().manual_seed(seed),
        steps=STEP_COUNTS[-2],
        n_times=1,
    )
    return float(found.shape_rmsd.median())


def cells(networks: tuple[str, ...] = ("plain", "equivariant"), seeds: range = range(5)) -> list[FlexibleCell]:
    """All cells, the most valuable first."""
    rows = (*ROWS, Row(Symmetry.EQUIVARIANT, Coupling.ORBIT_ALIGNED))
    return [
        FlexibleCell(molecule, row, network, seed)
        for network in networks
        for molecule in MOLECULES
        for seed in seeds
        for row in rows
    ]
