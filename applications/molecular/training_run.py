"""The run of Lightning that every model of this application is trained by: averaged weights, checkpoints, figures."""

from __future__ import annotations

import logging
import sys
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar, final

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger
from torch import nn

from applications.molecular.execution import Execution, Precision
from applications.molecular.run_record import CHECKPOINTS, newest_checkpoint
from diffusion.training import QuotientTrainingModule


class _HasCard(Protocol):
    """A model with its description."""

    card: dict[str, Any]


ModelT = TypeVar("ModelT", bound=_HasCard)
NetworkT = TypeVar("NetworkT", bound=nn.Module)


class AbstractTask(ABC, Generic[NetworkT, ModelT]):
    """What becomes of a network in training: a model that is measured and written.

    Attributes:
        headline: Name of the figure that the progress bar shows.
    """

    headline: str

    @abstractmethod
    def model(self, network: NetworkT, card: Mapping[str, Any]) -> ModelT:
        """The model of a network, which it may freeze."""

    @abstractmethod
    def figures(self, model: ModelT) -> dict[str, float]:
        """Held-out figures by name; none where there is nothing held out."""

    @abstractmethod
    def held_out(self) -> dict[str, Any]:
        """What the figures were measured on, for the card."""

    @abstractmethod
    def save(self, model: ModelT, folder: Path) -> object:
        """Write a model."""


@final
@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What the run needs to know.

    Attributes:
        max_steps: Optimiser steps.
        ema_decay: Decay of the exponential moving average of the weights.
        clip: Largest gradient norm.
        validate_every: Steps between validations.
        checkpoint_every: Steps between checkpoints.
        precision: Number format of the network.
    """

    max_steps: int
    ema_decay: float
    clip: float
    validate_every: int
    checkpoint_every: int
    precision: Precision


def fit(
    module: QuotientTrainingModule,
    network: NetworkT,
    task: AbstractTask[NetworkT, ModelT],
    output: Path,
    *,
    settings: RunSettings,
    execution: Execution,
    card: Mapping[str, Any],
) -> ModelT:
    """Train, from the newest checkpoint of the folder if there is one, and write the model.

    Args:
        module: Network, batches and loss.
        network: The network whose weights the model has, a part of that of the module.
        task: What becomes of it.
        output: Folder of the run.
        settings: Length and schedule.
        execution: Devices and processes.
        card: Description stored with the model.

    Returns:
        The trained model with averaged weights; in the processes of a distributed run but the first, without figures.
    """
    with _quiet():
        at_validation = _AtValidation(network=network, task=task, folder=output, card=card)
        trainer = _trainer(output, settings, at_validation, execution=execution)
        trainer.fit(module, ckpt_path=newest_checkpoint(output), weights_only=False)
    model = task.model(network.cpu(), card)
    if trainer.is_global_zero:
        if figures := task.figures(model):
            model.card["held_out"] = {**figures, **task.held_out()}
        model.card |= {"step": trainer.global_step, "finished": trainer.global_step >= settings.max_steps}
        task.save(model, output)
    return model


@final
class _AtValidation(Callback, Generic[NetworkT, ModelT]):
    """At each validation measure the model, log the figures and write it.

    Must stand before the weight-averaging callback in the trainer's list: it then sees the averaged weights.
    """

    def __init__(
        self, *, network: NetworkT, task: AbstractTask[NetworkT, ModelT], folder: Path, card: Mapping[str, Any]
    ) -> None:
        self._network = network
        self._task = task
        self._folder = folder
        self._card = dict(card)

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Generate, log, write."""
        if trainer.sanity_checking or not trainer.is_global_zero:
            return
        card = {**self._card, "step": trainer.global_step, "finished": False}
        model = self._task.model(deepcopy(self._network), card)
        if figures := self._task.figures(model):
            model.card["held_out"] = {**figures, **self._task.held_out()}
            for name, value in figures.items():
                shown = name == self._task.headline
                pl_module.log(f"validation_{name}", value, prog_bar=shown, rank_zero_only=True)
        self._task.save(model, self._folder)


def _trainer(output: Path, settings: RunSettings, at_validation: Callback, *, execution: Execution) -> Trainer:
    callbacks: list[Callback] = [
        at_validation,
        EMAWeightAveraging(decay=settings.ema_decay),
        TQDMProgressBar(refresh_rate=1 if sys.stderr.isatty() else 100),
        ModelCheckpoint(
            dirpath=output / CHECKPOINTS,
            filename="{step:08d}",
            monitor="step",
            mode="max",
            save_top_k=2,
            every_n_train_steps=settings.checkpoint_every,
            save_on_train_epoch_end=False,
        ),
    ]
    return Trainer(
        max_steps=settings.max_steps,
        accelerator=execution.accelerator,
        devices=execution.devices,
        num_nodes=execution.nodes,
        strategy=execution.strategy.value,
        precision=settings.precision.lightning,
        accumulate_grad_batches=execution.accumulate,
        logger=CSVLogger(output, name="logs"),
        callbacks=callbacks,
        gradient_clip_val=settings.clip,
        val_check_interval=settings.validate_every * execution.accumulate,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        log_every_n_steps=50,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence advice of Lightning that does not apply: batches are made in the main process on purpose.

    So are held-out figures in distributed runs, by the first process alone. Tips for services are none of our business.
    """
    log = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    log.addFilter(_is_no_tip)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have many workers.*")
        warnings.filterwarnings("ignore", message=".*exists and is not empty.*")
        warnings.filterwarnings("ignore", message=".*when logging on epoch level in distributed setting.*")
        warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
        try:
            yield
        finally:
            log.removeFilter(_is_no_tip)


def _is_no_tip(record: logging.LogRecord) -> bool:
    return "Tip:" not in record.getMessage()
