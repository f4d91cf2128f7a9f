"""Train a conformer model: the same call on the same folder continues where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, final

import lightning
import numpy as np

from applications.molecular.checkpoint import load_model
from applications.molecular.dataset import ConformerStore
from applications.molecular.draws import Draw
from applications.molecular.examples import coordinate_scale, load_examples
from applications.molecular.execution import Execution
from applications.molecular.held_out import HeldOutMolecule, HeldOutTask
from applications.molecular.model import ConformerModel, ModelSpec
from applications.molecular.networks import (
    AbstractConformerNetwork,
    build_network,
)
from applications.molecular.run_record import claim_folder, finished_model
from applications.molecular.starting import check_start, initial_network
from applications.molecular.train_options import TrainOptions
from applications.molecular.training_data import ConformerBatches, Example
from applications.molecular.training_run import fit
from diffusion.training import QuotientTrainingModule

_VALIDATION_BATCHES = 8
_HERE = Execution()


@final
class EmptySplitError(ValueError):
    """A data set without molecules that one could learn from."""


def train(
    data: Path,
    output: Path,
    options: TrainOptions,
    *,
    start_from: Path | None = None,
    execution: Execution = _HERE,
    advance: Callable[[int, int], None] | None = None,
) -> ConformerModel:
    """Train a model, or continue or return the one in `output`.

    The folder gets `run.json` (options and data), `checkpoints/`, `logs/version_k/metrics.csv` (one version
    per start) and, from the first validation on, the model itself with averaged weights
    (`load_model(output)`).

    Args:
        data: Data set made by `prepare`.
        output: Folder of the run.
        options: What to train.
        start_from: Model whose weights and scale are the starting point, for fine-tuning, or None.
        execution: Devices and processes. It may differ from one start to the next: the outcome is the same.
        advance: Called with (molecules featurised, molecules in all).

    Returns:
        The trained model; in the processes of a distributed run but the first, without its figures.

    Raises:
        ExecutionError: If the machine lacks the devices.
        DatasetError: If the data cannot be read.
        EmptySplitError: If it has no training molecules.
        RunMismatchError: If `output` belongs to another run.
        StartMismatchError: If the model to start from is of another kind.
        MissingEnergyError: If conformers are drawn by Boltzmann weight and the data have no energies.
    """
    execution.check()
    store = ConformerStore.open(data)
    _check_energies(store, options)
    start = None if start_from is None else _starting_model(start_from, options)
    origin = {} if start is None else {"start_from": {"sha256": start.card["sha256"]}}
    claim_folder(
        output,
        {"options": options.to_json(), "data": data_card(store), **origin},
        defaults=TrainOptions(network=type(options.network)()).to_json(),
        execution=execution.to_json(),
    )
    if (model := finished_model(output, load_model)) is not None:
        return model
    raw = load_examples(store, store.splits["train"], hydrogens=options.hydrogens, scale=1.0, advance=advance)
    if not raw:
        raise EmptySplitError(f"got {data} without training molecules of two or more atoms; prepare more molecules")
    scale = coordinate_scale(raw) if start is None else start.scale
    if scale <= 0.0:
        raise EmptySplitError(f"got {data} whose conformers have all atoms at one point; prepare the data again")
    examples = [replace(e, positions=e.positions / scale) for e in raw]
    validation = load_examples(store, store.splits["validation"], hydrogens=options.hydrogens, scale=scale)
    spec = ModelSpec(
        network=options.network,
        hydrogens=options.hydrogens,
        symmetry=options.symmetry,
        coupling=options.coupling,
        prior=options.prior,
        scale=scale,
    )
    network = initial_network(
        lambda: build_network(options.network), seed=options.seed, start=None if start is None else start.network
    )
    card = {
        "training": options.to_json(),
        "data": data_card(store),
        "execution": execution.to_json(),
        "lightning": lightning.__version__,
        **origin,
    }
    return fit(
        _module(spec, network, options, examples, validation),
        network,
        HeldOutTask(spec=spec, molecules=_held_out_molecules(store, options), config=options.held_out),
        output,
        settings=options.run,
        execution=execution,
        card=card,
    )


def data_card(store: ConformerStore) -> dict[str, Any]:
    """Identity of a data set, for records and model cards."""
    names = ("source_fingerprint", "method", "rdkit", "n_molecules", "n_conformers")
    splits = {f"{name}_molecules": len(rows) for name, rows in store.splits.items()}
    return {**{name: store.meta[name] for name in names if name in store.meta}, **splits}


def _check_energies(store: ConformerStore, options: TrainOptions) -> None:
    """Refuse Boltzmann weights of unknown energies, before anything is written or computed."""
    if options.batches.draw is Draw.BOLTZMANN:
        for row in (*store.splits["train"], *store.splits["validation"]):
            options.batches.draw.weights(store[row].energies)


def _starting_model(path: Path, options: TrainOptions) -> ConformerModel:
    model = load_model(path)
    names = ("network", "hydrogens", "coupling", "prior")
    check_start({n: getattr(model.spec, n) for n in names}, {n: getattr(options, n) for n in names})
    return model


def _module(
    spec: ModelSpec,
    network: AbstractConformerNetwork,
    options: TrainOptions,
    examples: list[Example],
    validation: list[Example],
) -> QuotientTrainingModule:
    fixed = []
    if validation:
        stream = ConformerBatches(validation, config=options.batches, scale=spec.scale)
        fixed = [stream.at(step) for step in range(_VALIDATION_BATCHES)]
    return QuotientTrainingModule(
        model=spec.diffusion(network),
        treatment=spec.symmetry.treatment(),
        optimizer=options.optimizer,
        train_batches=ConformerBatches(examples, config=options.batches, scale=spec.scale),
        validation_batches=fixed,
    )


def _held_out_molecules(store: ConformerStore, options: TrainOptions) -> list[HeldOutMolecule]:
    rows = store.splits["validation"]
    picks = np.linspace(0, len(rows) - 1, min(options.validation_molecules, len(rows))).astype(int)
    return [
        HeldOutMolecule(mol=record.molecule(), references=record.positions)
        for record in (store[rows[i]] for i in picks)
    ]
