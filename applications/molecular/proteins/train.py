"""Train a backbone model: the same call on the same folder continues where it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import lightning

from applications.molecular.execution import Execution
from applications.molecular.proteins.chains import BackboneChain
from applications.molecular.proteins.checkpoint import load_backbone_model
from applications.molecular.proteins.held_out import BackboneTask
from applications.molecular.proteins.model import BackboneModel, BackboneSpec
from applications.molecular.proteins.networks import build_backbone_network
from applications.molecular.proteins.store import BackboneStore
from applications.molecular.proteins.train_options import BackboneTrainOptions
from applications.molecular.proteins.training_data import BackboneBatches, BackboneDataError, coordinate_scale
from applications.molecular.run_record import claim_folder, finished_model
from applications.molecular.starting import check_start, initial_network
from applications.molecular.training_run import fit
from diffusion.training import QuotientTrainingModule, TrainingBatch

_VALIDATION_BATCHES: Final = 8
_HERE: Final = Execution()


def train_backbones(
    data: Path,
    output: Path,
    options: BackboneTrainOptions,
    *,
    start_from: Path | None = None,
    execution: Execution = _HERE,
) -> BackboneModel:
    """Train a model, or continue or return the one in `output`.

    The folder gets `run.json` (options and data), `checkpoints/`, `logs/version_k/metrics.csv` (one version
    per start) and, from the first validation on, the model itself with averaged weights
    (`load_backbone_model(output)`).

    Args:
        data: Data set made by `quotient proteins prepare`.
        output: Folder of the run.
        options: What to train.
        start_from: Model whose weights and scale are the starting point, for fine-tuning, or None.
        execution: Devices and processes. It may differ from one start to the next: the outcome is the same.

    Returns:
        The trained model; in the processes of a distributed run but the first, without its figures.

    Raises:
        ExecutionError: If the machine lacks the devices.
        DatasetError: If the data cannot be read.
        BackboneDataError: If no training chain is long enough, or all residues of the chains are at one point.
        RunMismatchError: If `output` belongs to another run.
        StartMismatchError: If the model to start from is of another kind.
    """
    execution.check()
    store = BackboneStore.open(data)
    start = None if start_from is None else _starting_model(start_from, options)
    origin = {} if start is None else {"start_from": {"sha256": start.card["sha256"]}}
    claim_folder(
        output,
        {"options": options.to_json(), "data": _data_card(store), **origin},
        defaults=BackboneTrainOptions(network=options.network).to_json(),
        execution=execution.to_json(),
    )
    if (model := finished_model(output, load_backbone_model)) is not None:
        return model
    chains = [store[row] for row in store.splits["train"]]
    scale = coordinate_scale(chains, options.batches) if start is None else start.scale
    if scale <= 0.0:
        raise BackboneDataError(f"got {data} whose chains have all residues at one point; prepare the data again")
    longest = max(chain.n_residues for chain in chains)
    spec = BackboneSpec(
        network=options.network,
        symmetry=options.symmetry,
        coupling=options.coupling,
        prior=options.prior,
        self_conditioning=options.self_conditioning,
        scale=scale,
        min_residues=options.batches.min_residues,
        max_residues=min(options.batches.max_residues, longest),
    )
    network = initial_network(
        lambda: build_backbone_network(options.network),
        seed=options.seed,
        start=None if start is None else start.network,
    )
    stream = BackboneBatches(chains, config=options.batches, scale=scale)
    validation = _validation_batches([store[row] for row in store.splits["validation"]], options, scale)
    module = QuotientTrainingModule(
        model=spec.diffusion(network),
        treatment=options.symmetry.treatment(),
        optimizer=options.optimizer,
        train_batches=stream,
        validation_batches=validation,
    )
    card = {
        "training": options.to_json(),
        "data": _data_card(store),
        "execution": execution.to_json(),
        "lightning": lightning.__version__,
        **origin,
    }
    task = BackboneTask(spec=spec, config=options.figures)
    return fit(module, network, task, output, settings=options.run, execution=execution, card=card)


def _starting_model(path: Path, options: BackboneTrainOptions) -> BackboneModel:
    model = load_backbone_model(path)
    names = ("network", "coupling", "prior", "self_conditioning")
    check_start({n: getattr(model.spec, n) for n in names}, {n: getattr(options, n) for n in names})
    return model


def _validation_batches(
    chains: Sequence[BackboneChain], options: BackboneTrainOptions, scale: float
) -> list[TrainingBatch]:
    """Always the same batches of the chains held out; none where none is long enough."""
    if not any(chain.n_residues >= options.batches.min_residues for chain in chains):
        return []
    stream = BackboneBatches(chains, config=options.batches, scale=scale)
    return [stream.at(step) for step in range(_VALIDATION_BATCHES)]


def _data_card(store: BackboneStore) -> dict[str, Any]:
    """Identity of a data set, for records and model cards."""
    counts = {f"{name}_entries": len(rows) for name, rows in store.splits.items()}
    return {"fingerprint": store.fingerprint, "entries": len(store), **counts}
