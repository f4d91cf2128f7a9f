from itertools import pairwise
from pathlib import Path
from typing import Any, final

import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import EMAWeightAveraging, ModelCheckpoint
from torch import Tensor, nn

from diffusion import Equivariant, GaussianPrior, Interpolant, LinearSchedule, OrbitAligned, Quotient, QuotientModel
from diffusion.training import AbstractBatches, OptimizerConfig, QuotientTrainingModule, TrainingBatch
from quotient import ShapeSpace
from quotient.noise import CounterNoise

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*does not have many workers.*"),
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty"),
]

N_POINTS = 5


def space(_condition: Any) -> ShapeSpace:
    return ShapeSpace(N_POINTS, 3)


@final
class Clouds(AbstractBatches):
    """Random clouds, a pure function of the step."""

    def __init__(self, size: int = 6) -> None:
        self.size = size

    def at(self, step: int, *, rank: int = 0, world_size: int = 1) -> TrainingBatch:
        generator = torch.Generator().manual_seed(step)
        points = torch.tensor([2.0, 1.0, 0.2]) * torch.randn(self.size, N_POINTS, 3, generator=generator)
        return TrainingBatch(
            points=points - points.mean(1, keepdim=True),
            t=torch.rand(self.size, generator=generator),
            seeds=torch.randint(2**40, (self.size,), generator=generator),
        ).share(rank=rank, world_size=world_size)


@final
class Field(nn.Module):
    """A small network of flattened coordinates and time."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(N_POINTS * 3 + 1, 24), nn.SiLU(), nn.Linear(24, N_POINTS * 3))

    def forward(self, x: Tensor, t: Tensor, _condition: Any) -> Tensor:
        return self.layers(torch.cat([x.flatten(1), t[:, None]], dim=1)).reshape(x.shape)


def make_module(*, steps: int = 8, treatment: Quotient | Equivariant | None = None) -> QuotientTrainingModule:
    torch.manual_seed(0)
    return QuotientTrainingModule(
        model=QuotientModel(Field(), space, interpolant=Interpolant(coupling=OrbitAligned())),
        treatment=treatment or Quotient(),
        optimizer=OptimizerConfig(max_steps=steps, warmup_steps=2, learning_rate=1e-2),
        train_batches=Clouds(),
        validation_batches=[Clouds().at(10**6)],
    )


def make_trainer(folder: Path, *, stop: int) -> Trainer:
    return Trainer(
        max_steps=stop,
        accelerator="cpu",
        logger=False,
        callbacks=[
            EMAWeightAveraging(decay=0.9),
            ModelCheckpoint(
                folder, filename="{step}", every_n_train_steps=3, save_top_k=-1, save_on_train_epoch_end=False
            ),
        ],
        gradient_clip_val=1.0,
        val_check_interval=2,
        check_val_every_n_epoch=None,
        num_sanity_val_steps=0,
        enable_model_summary=False,
        enable_progress_bar=False,
    )


def test_a_resumed_run_is_bit_identical_to_an_uninterrupted_one(tmp_path: Path) -> None:
    whole = make_module()
    make_trainer(tmp_path / "whole", stop=8).fit(whole)
    broken = make_module()
    make_trainer(tmp_path / "broken", stop=5).fit(broken)
    again = make_module()
    last = tmp_path / "broken" / "step=3.ckpt"
    assert last.is_file()
    trainer = make_trainer(tmp_path / "broken", stop=8)
    trainer.fit(again, ckpt_path=last, weights_only=False)
    assert trainer.global_step == 8
    wanted, got = whole.network.state_dict(), again.network.state_dict()
    assert all(torch.equal(got[name], wanted[name]) for name in wanted)
    assert any(not torch.equal(broken.network.state_dict()[name], wanted[name]) for name in wanted)
    one, other = (torch.load(tmp_path / kind / "step=6.ckpt", weights_only=False) for kind in ("whole", "broken"))
    for part in ("state_dict", "current_model_state"):
        assert all(torch.equal(one[part][name], other[part][name]) for name in one[part])


def test_the_loss_is_that_of_the_treatment_on_the_interpolant() -> None:
    batch = Clouds().at(4)
    sample = Interpolant(LinearSchedule(), GaussianPrior(), OrbitAligned()).sample(
        space(None), batch.points, batch.t, CounterNoise(batch.seeds)
    )
    for treatment in (Quotient(), Equivariant()):
        module = make_module(treatment=treatment)
        residual = module.network(sample.x_t, sample.t, None) - sample.velocity
        if isinstance(treatment, Quotient):
            residual = space(None).horizontal_projection(residual, sample.x_t)
        expected = residual.square().mean((-2, -1))
        torch.testing.assert_close(module.losses(batch), expected, rtol=1e-5, atol=1e-6)


def test_training_lowers_the_loss(tmp_path: Path) -> None:
    module = make_module(steps=150)
    fixed = Clouds(size=256).at(10**6)
    before = module.losses(fixed).mean().item()
    make_trainer(tmp_path, stop=150).fit(module)
    assert module.losses(fixed).mean().item() < 0.9 * before


def test_processes_share_one_batch() -> None:
    whole = Clouds(size=5).at(3)
    for rank in (0, 1):
        part = Clouds(size=5).at(3, rank=rank, world_size=2)
        assert torch.equal(part.points, whole.points[rank::2])
        assert torch.equal(part.seeds, whole.seeds[rank::2])
        assert part.weight == pytest.approx((6 / 5, 4 / 5)[rank])


def make_parts(folder: Path, *, stop: int, parts: int) -> Trainer:
    trainer = make_trainer(folder, stop=stop)
    trainer.accumulate_grad_batches = parts
    return trainer


def test_a_run_in_parts_has_the_weights_of_a_run_at_once_and_resumes_to_the_same_bits(tmp_path: Path) -> None:
    whole, parts, broken, again = make_module(), make_module(), make_module(), make_module()
    make_trainer(tmp_path / "whole", stop=8).fit(whole)
    make_parts(tmp_path / "parts", stop=8, parts=4).fit(parts)
    make_parts(tmp_path / "broken", stop=5, parts=4).fit(broken)
    trainer = make_parts(tmp_path / "broken", stop=8, parts=4)
    trainer.fit(again, ckpt_path=tmp_path / "broken" / "step=3.ckpt", weights_only=False)
    assert trainer.global_step == 8
    for name, value in whole.network.state_dict().items():
        torch.testing.assert_close(parts.network.state_dict()[name], value, rtol=1e-3, atol=1e-5)
        assert torch.equal(again.network.state_dict()[name], parts.network.state_dict()[name])


def test_the_learning_rate_warms_up_and_decays_to_its_floor() -> None:
    config = OptimizerConfig(max_steps=100, warmup_steps=10, final_fraction=0.05)
    factors = [config.factor(step) for step in range(101)]
    assert factors[0] == pytest.approx(0.1)
    assert max(factors) == factors[9] == pytest.approx(1.0)
    assert factors[55] == pytest.approx(0.525)
    assert factors[100] == pytest.approx(0.05)
    assert all(a >= b for a, b in pairwise(factors[10:]))
