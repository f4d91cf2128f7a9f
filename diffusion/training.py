"""Training of any network on any quotient: a Lightning module, and batches that are functions of the step."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any, final

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset

from diffusion.data_parallel import Share
from diffusion.treatments import Setting
from quotient.noise import CounterNoise

if TYPE_CHECKING:
    from diffusion.model import QuotientModel
    from diffusion.treatments import Treatment


@final
@dataclass(frozen=True, kw_only=True)
class TrainingBatch:
    """One training batch; nothing about it is random any more.

    Attributes:
        points: Data points x1, shape (B, *point_shape).
        t: Times, shape (B,).
        seeds: Seeds of the noise of each item, shape (B,), int64.
        condition: Whatever the network and the quotient need beside the points (features, masks): None, or an
            object with a method `to(device)`.
        weight: Of the mean loss of this batch in that of all processes (see `Share`); one in a single process.
    """

    points: Tensor
    t: Tensor
    seeds: Tensor
    condition: Any = None
    weight: float = 1.0

    def to(self, device: torch.device) -> TrainingBatch:
        """Move the tensors and the condition to a device."""
        return TrainingBatch(
            points=self.points.to(device),
            t=self.t.to(device),
            seeds=self.seeds.to(device),
            condition=None if self.condition is None else self.condition.to(device),
            weight=self.weight,
        )

    def share(self, *, rank: int, world_size: int) -> TrainingBatch:
        """The part of one process of a batch without condition, with its weight.

        Raises:
            ValueError: For a batch with a condition, which only its maker knows how to take apart.
        """
        if self.condition is not None:
            raise ValueError(
                f"got a batch with a condition of type {type(self.condition).__name__}, which cannot be split here: "
                "take the items of `Share.of` before the condition is made"
            )
        share = Share.of(len(self.points), rank=rank, world_size=world_size)
        rows = list(share.items)
        return TrainingBatch(
            points=self.points[rows], t=self.t[rows], seeds=self.seeds[rows], weight=self.weight * share.weight
        )


class AbstractBatches(ABC):
    """A stream of batches indexed by the step.

    Because batch k is a function of k (and of a seed fixed at construction), a run that is killed and resumed
    sees the batches of an uninterrupted one. Under distributed training each process takes its share of the same
    batch (see `Share`): the items of all ranks together are those of a single process, and the weights make the
    average of the gradients over processes that of the mean over all items. The outcome then does not depend on the
    number of processes, up to rounding.
    """

    @abstractmethod
    def at(self, step: int, *, rank: int = 0, world_size: int = 1) -> TrainingBatch:
        """Build the batch of a step.

        Args:
            step: Optimizer step, from 0.
            rank: Index of the share.
            world_size: Number of shares: processes, times the parts in which each takes its items.

        Returns:
            The share of this rank, with its weight.
        """


@final
@dataclass(frozen=True, kw_only=True)
class OptimizerConfig:
    """AdamW with a linear warm-up followed by a cosine decay.

    Attributes:
        learning_rate: Peak learning rate.
        weight_decay: Decoupled weight decay.
        betas: Exponents of the moment estimates.
        warmup_steps: Steps of the warm-up.
        max_steps: Steps of the run; the decay ends there.
        final_fraction: Learning rate at the end, as a fraction of the peak.
    """

    learning_rate: float = 1e-3
    weight_decay: float = 1e-4
    betas: tuple[float, float] = (0.9, 0.99)
    warmup_steps: int = 200
    max_steps: int = 10_000
    final_fraction: float = 0.01

    def factor(self, step: int) -> float:
        """Learning rate of a step as a fraction of the peak."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        progress = (step - self.warmup_steps) / max(1, self.max_steps - self.warmup_steps)
        wave = 0.5 * (1.0 + math.cos(math.pi * min(1.0, progress)))
        return self.final_fraction + (1.0 - self.final_fraction) * wave


@final
class _StepIndexedStream(IterableDataset[TrainingBatch]):
    """Batches from a given step on, each in a number of parts."""

    def __init__(self, batches: AbstractBatches, *, start: int, rank: int, world_size: int, parts: int) -> None:
        self._batches, self._start = batches, start
        self._rank, self._world_size, self._parts = rank, world_size, parts

    def __iter__(self) -> Iterator[TrainingBatch]:
        for step in count(self._start):
            for part in range(self._parts):
                rank = self._rank * self._parts + part
                yield self._batches.at(step, rank=rank, world_size=self._world_size * self._parts)


@final
class _FixedBatches(Dataset[TrainingBatch]):
    """A few batches, always the same."""

    def __init__(self, batches: Sequence[TrainingBatch]) -> None:
        self._batches = tuple(batches)

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> TrainingBatch:
        return self._batches[index]


@final
class QuotientTrainingModule(LightningModule):
    """Fit the network of a model under a symmetry treatment.

    At each step draw x_t on the interpolant of x1 = `batch.points` with the noise of `batch.seeds`, evaluate
    `network(x_t, t, condition)` and minimise the mean over items of `treatment.loss`,
    whose target is by default the conditional velocity of the interpolant. All randomness comes from the batch.

    The mean is that over the items of all processes. With `accumulate_grad_batches=k` of the trainer, the batch of a
    step is taken in k parts, one after the other: the same gradient in less memory. Under autocast only the network
    runs in low precision; interpolant, targets, projection and loss keep the precision of the points.

    Usage:
        module = QuotientTrainingModule(model=QuotientModel(network, quotient), treatment=Quotient(), ...)
        Trainer(max_steps=...).fit(module)

    Args:
        model: The network, a torch module, with its quotient, interpolant and parameterization.
        treatment: What the loss does with motions along the orbit.
        optimizer: Optimiser settings.
        train_batches: Training data.
        validation_batches: Fixed batches whose mean loss is logged as `validation_loss`.

    Raises:
        TypeError: If the network of the model is not a torch module.
    """

    def __init__(
        self,
        *,
        model: QuotientModel,
        treatment: Treatment,
        optimizer: OptimizerConfig,
        train_batches: AbstractBatches,
        validation_batches: Sequence[TrainingBatch] = (),
    ) -> None:
        super().__init__()
        if not isinstance(model.network, nn.Module):
            raise TypeError(f"got a network of type {type(model.network).__name__}: training needs a torch.nn.Module")
        self.network = model.network
        self._model = model
        self._treatment = treatment
        self._optimizer = optimizer
        self._train_batches = train_batches
        self._validation_batches = tuple(validation_batches)

    def losses(self, batch: TrainingBatch) -> Tensor:
        """Loss of each item of a batch, shape (B,)."""
        kind = batch.points.device.type
        with torch.autocast(kind, enabled=False):
            space, path = self._model.space(batch.condition), self._model.path(batch.condition)
            sample = path.sample(space, batch.points, batch.t, CounterNoise(batch.seeds))
        prediction = self.network(sample.x_t, sample.t, batch.condition)
        with torch.autocast(kind, enabled=False):
            prediction = prediction.to(sample.x_t.dtype)
            setting = Setting(space, path, self._model.parameterization)
            target = self._treatment.target(prediction, sample, setting)
            return self._treatment.loss(prediction, target, sample.x_t, space)

    def training_step(self, batch: TrainingBatch, batch_idx: int) -> Tensor:
        """Weighted mean loss of a batch, whose mean over processes is logged as `train_loss`."""
        loss = self.losses(batch).mean() * batch.weight
        self.log("train_loss", loss, prog_bar=True, batch_size=batch.points.shape[0], sync_dist=True)
        factor = self._optimizer.factor(self.global_step)
        self.log("learning_rate", self._optimizer.learning_rate * factor, batch_size=1)
        return loss

    def validation_step(self, batch: TrainingBatch, batch_idx: int) -> None:
        """Log the mean loss of the fixed validation batches as `validation_loss`."""
        size = batch.points.shape[0]
        self.log("validation_loss", self.losses(batch).mean(), prog_bar=True, batch_size=size, sync_dist=True)

    def train_dataloader(self) -> DataLoader[TrainingBatch]:
        """Batches from the current step on."""
        stream = _StepIndexedStream(
            self._train_batches,
            start=self.trainer.global_step,
            rank=self.trainer.global_rank,
            world_size=self.trainer.world_size,
            parts=self.trainer.accumulate_grad_batches,
        )
        return DataLoader(stream, batch_size=None)

    def setup(self, stage: str) -> None:
        """Leave validation out where there are no batches for it."""
        del stage
        if not self._validation_batches:
            self.trainer.limit_val_batches = 0

    def val_dataloader(self) -> DataLoader[TrainingBatch]:
        """The fixed validation batches."""
        return DataLoader(_FixedBatches(self._validation_batches), batch_size=None, shuffle=False)

    def configure_optimizers(self) -> Any:
        """AdamW and its schedule, stepped with the optimiser."""
        config = self._optimizer
        optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=config.learning_rate,
            betas=config.betas,
            weight_decay=config.weight_decay,
        )
        scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, config.factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
