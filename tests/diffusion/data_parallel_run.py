"""Fits a small network through Lightning's Trainer and saves what came out: run by `test_data_parallel.py`.

    python tests/diffusion/data_parallel_run.py OUT DEVICES ACCUMULATE

For each case OUT gets the gradients of every step and the final weights, float64.
"""

import sys
import warnings
from dataclasses import replace
from typing import Any, final

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from diffusion import Interpolant, OrbitAligned, Quotient, QuotientModel
from diffusion.training import AbstractBatches, OptimizerConfig, QuotientTrainingModule, TrainingBatch
from quotient import ShapeSpace

N_POINTS = 5
CASES = {"seven": (7, True), "one": (1, True), "even": (8, True), "seven, unweighted": (7, False)}


def space(_condition: Any) -> ShapeSpace:
    return ShapeSpace(N_POINTS, 3)


@final
class Clouds(AbstractBatches):
    """Random clouds whose sizes differ by orders, so that the wrong mean shows."""

    def __init__(self, size: int, *, weighted: bool) -> None:
        self.size, self.weighted = size, weighted

    def at(self, step: int, *, rank: int = 0, world_size: int = 1) -> TrainingBatch:
        generator = torch.Generator().manual_seed(step)
        points = torch.randn(self.size, N_POINTS, 3, generator=generator, dtype=torch.float64)
        points = points * torch.linspace(0.5, 4.0, self.size, dtype=torch.float64)[:, None, None]
        batch = TrainingBatch(
            points=points - points.mean(1, keepdim=True),
            t=torch.rand(self.size, generator=generator, dtype=torch.float64),
            seeds=torch.randint(2**40, (self.size,), generator=generator),
        ).share(rank=rank, world_size=world_size)
        return batch if self.weighted else replace(batch, weight=1.0)


@final
class Field(nn.Module):
    """A small network of flattened coordinates and time."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(N_POINTS * 3 + 1, 24), nn.SiLU(), nn.Linear(24, N_POINTS * 3))

    def forward(self, x: Tensor, t: Tensor, _condition: Any) -> Tensor:
        return self.layers(torch.cat([x.flatten(1), t[:, None]], dim=1)).reshape(x.shape)


@final
class Gradients(Callback):
    """Keeps the gradients that each step of the optimiser sees, before they are clipped."""

    def __init__(self) -> None:
        self.found: list[Tensor] = []

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: LightningModule, optimizer: Any) -> None:
        self.found.append(torch.cat([p.grad.flatten().clone() for p in pl_module.parameters() if p.grad is not None]))


def fit(size: int, *, weighted: bool, devices: int, accumulate: int) -> dict[str, Tensor]:
    torch.manual_seed(0)
    module = QuotientTrainingModule(
        model=QuotientModel(Field().double(), space, interpolant=Interpolant(coupling=OrbitAligned())),
        treatment=Quotient(),
        optimizer=OptimizerConfig(max_steps=5, warmup_steps=2, learning_rate=1e-2),
        train_batches=Clouds(size, weighted=weighted),
    )
    gradients = Gradients()
    trainer = Trainer(
        max_steps=5,
        accelerator="cpu",
        devices=devices,
        strategy="ddp" if devices > 1 else "auto",
        accumulate_grad_batches=accumulate,
        gradient_clip_val=0.5,
        logger=False,
        callbacks=[gradients],
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        use_distributed_sampler=False,
    )
    trainer.fit(module)
    assert trainer.world_size == devices
    weights = torch.cat([p.detach().flatten() for p in module.network.parameters()])
    return {"gradients": torch.stack(gradients.found), "weights": weights, "rank": torch.tensor(trainer.global_rank)}


def main() -> None:
    warnings.simplefilter("ignore")
    out, devices, accumulate = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    found = {
        name: fit(size, weighted=weighted, devices=devices, accumulate=accumulate)
        for name, (size, weighted) in CASES.items()
    }
    torch.save(found, f"{out}.{int(found['one']['rank'])}")


if __name__ == "__main__":
    main()
