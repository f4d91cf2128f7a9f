"""Experiment three: a network learns the conformations of one protein backbone, and their law is compared."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import torch
from backbone_ensembles import ADENYLATE_KINASE, UBIQUITIN, BackboneEnsemble, Source
from cells import ROWS, Row, plain
from gradients import gradient_variance
from laws import Array

from applications.molecular.choices import Coupling, Symmetry
from applications.molecular.equivariance import rotation_deviation_on
from applications.molecular.execution import Execution
from applications.molecular.networks import EquivariantConfig
from applications.molecular.proteins.batching import collate
from applications.molecular.proteins.ensembles import rmsd_to
from applications.molecular.proteins.held_out import BackboneFiguresConfig
from applications.molecular.proteins.model import BackboneModel
from applications.molecular.proteins.networks import (
    TRANSFORMER_TINY,
    BackboneNetworkConfig,
    EquivariantBackboneConfig,
)
from applications.molecular.proteins.sampling import BackboneSampler
from applications.molecular.proteins.store import write_store
from applications.molecular.proteins.train import train_backbones
from applications.molecular.proteins.train_options import BackboneTrainOptions
from applications.molecular.proteins.training_data import BackboneBatchConfig, BackboneBatches
from applications.molecular.sampling_settings import SamplerKind, SamplingSettings
from diffusion import SelfConditioning
from diffusion.training import OptimizerConfig, QuotientTrainingModule

PLAIN, EQUIVARIANT = "plain", "equivariant"
NETWORKS: dict[str, BackboneNetworkConfig] = {
    PLAIN: TRANSFORMER_TINY,
    EQUIVARIANT: EquivariantBackboneConfig(
        transformer=EquivariantConfig(
            scalars=64, vectors=16, pairs=24, heads=4, forces=8, blocks=3, expansion=2, radial=16
        )
    ),
}
STEP_COUNTS = (10, 50)
MIRRORS: Final = 24
_PAIRS_AT_ONCE: Final = 200_000


@final
@dataclass(frozen=True, kw_only=True)
class Size:
    """How long is trained and how much is drawn.

    Attributes:
        steps: optimiser steps.
        batch: conformations in a batch.
        samples: conformations drawn for a comparison.
        learning_rate: its peak.
        warm_up: steps before it.
        ema_decay: of the averaged weights; runs of a thousand steps are too short for the usual 0.999.
        gradients: batches whose gradients are compared.
        turned: conformations drawn from noise and from the same noise turned.
    """

    steps: int
    batch: int
    samples: int
    learning_rate: float = 1e-3
    warm_up: int = 100
    ema_decay: float = 0.99
    gradients: int = 24
    turned: int = 8


SIZES: dict[Source, Size] = {
    UBIQUITIN: Size(steps=900, batch=8, samples=58),
    ADENYLATE_KINASE: Size(steps=2000, batch=8, samples=98, learning_rate=2e-3),
}


@final
@dataclass(frozen=True)
class BackboneCell:
    """One ensemble, one way to train, one seed; the same seed sees the same batches and noise in all rows."""

    source: Source
    network: str
    row: Row
    recalled: SelfConditioning
    seed: int
    size: Size

    def key(self) -> dict[str, Any]:
        """What tells it from the others."""
        names = {"ensemble": self.source.name, "network": self.network, **self.row.to_json()}
        return {**names, "self_conditioning": self.recalled.value, "seed": self.seed, "size": plain(self.size)}

    def options(self, ensemble: BackboneEnsemble) -> BackboneTrainOptions:
        """How it is trained; no chain is generated on the way."""
        size, n = self.size, ensemble.training.n_residues
        return BackboneTrainOptions(
            symmetry=self.row.symmetry,
            coupling=self.row.coupling,
            prior=self.row.prior,
            network=NETWORKS[self.network],
            self_conditioning=self.recalled,
            optimizer=OptimizerConfig(
                learning_rate=size.learning_rate, warmup_steps=size.warm_up, max_steps=size.steps
            ),
            batches=BackboneBatchConfig(min_residues=n, max_residues=n, pair_budget=size.batch * n**2, seed=self.seed),
            figures=BackboneFiguresConfig(lengths=(), generated=0),
            ema_decay=size.ema_decay,
            seed=self.seed,
        )

    def run(self, work: Path) -> dict[str, Any]:
        """Train, continuing where a killed run stopped, and compare laws."""
        ensemble, size = self.source.open(work), self.size
        ways = (self.network, *self.row.to_json().values(), self.recalled.value)
        names = (self.source.name, *ways, self.seed, size.steps, size.batch)
        folder = work / "backbones" / "-".join(str(name).replace(" ", "-") for name in names)
        # A folder of its own for each cell: two processes never write one file.
        splits = {"train": [0], "validation": [], "test": []}
        write_store(folder / "data", [ensemble.training], splits=splits, meta={})
        options = self.options(ensemble)
        model = train_backbones(folder / "data", folder / "run", options, execution=Execution(accelerator="cpu"))
        return {
            "parameters": sum(p.numel() for p in model.network.parameters()),
            "by_evaluations": by_evaluations(model, ensemble, size, seed=self.seed),
            "gradient_variance": _variance(model, ensemble, options, count=size.gradients),
            "orientation": orientation_error(model, ensemble, seed=self.seed, count=size.turned),
            "mirrored": mirrored(model, ensemble, seed=self.seed, count=MIRRORS),
            "floor": _floor(self.source, work, size.samples),
        }


@cache
def _floor(source: Source, work: Path, samples: int) -> dict[str, float]:
    return source.open(work).floor(samples)


def by_evaluations(model: BackboneModel, ensemble: BackboneEnsemble, size: Size, *, seed: int) -> list[dict[str, Any]]:
    """Distances in law of the ODE for several numbers of steps, and of the SDE where there is one."""
    settings = [SamplingSettings(steps=n) for n in STEP_COUNTS]
    if model.spec.coupling is Coupling.INDEPENDENT:
        settings.append(SamplingSettings(steps=STEP_COUNTS[-1], kind=SamplerKind.SDE))
    found = []
    for one in settings:
        x = draw(BackboneSampler(model, one), ensemble, size.samples, seed=seed)
        found.append({"sampler": one.kind.value, "steps": one.steps, **ensemble.compare(x)})
    return found


def draw(sampler: BackboneSampler, ensemble: BackboneEnsemble, count: int, *, seed: int) -> Array:
    """Conformations in Å, [count, n, 3]."""
    at_once = max(1, _PAIRS_AT_ONCE // ensemble.training.n_residues**2)
    seeds = [1_000_003 * (seed + 1) + k for k in range(count)]
    parts = [seeds[start : start + at_once] for start in range(0, count, at_once)]
    return np.stack([x for part in parts for x in sampler.sample([ensemble.features] * len(part), part)])


def orientation_error(model: BackboneModel, ensemble: BackboneEnsemble, *, seed: int, count: int) -> float:
    """Median RMSD in Å between shapes from noise and from the same noise turned: 0 for an equivariant network."""
    batch = collate([ensemble.features] * count, scale=model.scale)
    found = rotation_deviation_on(
        model.diffusion,
        batch,
        mask=batch.mask,
        scale=model.scale,
        seeds=range(count),
        generator=torch.Generator().manual_seed(seed),
        steps=STEP_COUNTS[0],
        n_times=1,
    )
    return float(found.shape_rmsd.median())


def mirrored(model: BackboneModel, ensemble: BackboneEnsemble, *, seed: int, count: int) -> float:
    """Share of conformations that are nearer to the mirror image of the first end than to the first end."""
    x = draw(BackboneSampler(model, SamplingSettings(steps=STEP_COUNTS[0])), ensemble, count, seed=seed)
    return float((rmsd_to(-x, ensemble.ends[0]) < rmsd_to(x, ensemble.ends[0])).mean())


def _variance(model: BackboneModel, ensemble: BackboneEnsemble, options: BackboneTrainOptions, *, count: int) -> float:
    """Of the gradients of batches of the training, at its averaged weights."""
    batches = BackboneBatches([ensemble.training], config=options.batches, scale=model.scale)
    module = QuotientTrainingModule(
        model=model.spec.diffusion(deepcopy(model.network).requires_grad_(True)),
        treatment=options.symmetry.treatment(),
        optimizer=options.optimizer,
        train_batches=batches,
    )
    return gradient_variance(module, batches, count=count)


def cells(seeds: range = range(3)) -> list[BackboneCell]:
    """All cells: each seed of the rows, and of what the quotient row recalls, of each ensemble."""
    rows = [(row, SelfConditioning.OFF) for row in ROWS]
    recalling = [(Row(Symmetry.QUOTIENT), seen) for seen in (SelfConditioning.PROJECTED, SelfConditioning.UNPROJECTED)]
    return [
        BackboneCell(source, network, row, recalled, seed, SIZES[source])
        for source, network in ((UBIQUITIN, PLAIN), (ADENYLATE_KINASE, EQUIVARIANT))
        for ways in (rows, recalling)
        for seed in seeds
        for row, recalled in ways
    ]
