"""Networks that recall a prediction: what they see in training, and in the runs of samplers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, final

import pytest
import torch
from torch import Tensor
from typing_extensions import override

from diffusion import (
    AbstractRecallingNetwork,
    ODESampler,
    QuotientModel,
    SelfConditioned,
    SelfConditioning,
    uniform_grid,
)
from groups import SpecialOrthogonal
from quotient import GeneratorNoise, ShapeSpace

N = 5
SPACE = ShapeSpace(N, 3)


@final
@dataclass(frozen=True)
class Marks:
    """A condition with nothing but marks."""

    self_conditioned: Tensor | None

    def rows(self, index: Tensor) -> Marks:
        return replace(self, self_conditioned=None if self.self_conditioned is None else self.self_conditioned[index])


@final
class Recorder(AbstractRecallingNetwork):
    """A network with one weight that notes what it recalls; `turn` adds a vertical part to what it says."""

    def __init__(self, *, turn: float = 0.0) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(0.3))
        self.turn = turn
        self.seen: list[Tensor] = []

    @override
    def forward(self, x: Tensor, t: Tensor, condition: Any, recalled: Tensor) -> Tensor:
        self.seen.append(recalled.clone())
        axis = SpecialOrthogonal(3).basis_like(x)[0]
        return self.weight * torch.sin(x.roll(1, -2)) + 0.1 * recalled + self.turn * (x @ axis.mT)


def batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = SPACE.center(torch.randn(4, N, 3, generator=generator, dtype=torch.float64))
    return x, torch.tensor([0.1, 0.4, 0.6, 0.9], dtype=torch.float64)


def wrapped(network: Recorder, mode: SelfConditioning = SelfConditioning.PROJECTED) -> SelfConditioned:
    return SelfConditioned(network, lambda _: SPACE, mode=mode)


def test_marked_items_see_the_projected_prediction_and_the_others_nothing() -> None:
    x, t = batch()
    network = Recorder()
    marks = torch.tensor([True, False, True, False])
    wrapped(network)(x, t, Marks(marks))
    first, second = network.seen
    assert torch.equal(first, torch.zeros(2, N, 3, dtype=torch.float64))
    velocity = 0.3 * torch.sin(x.roll(1, -2))
    denoised = x + (1.0 - t)[:, None, None] * velocity
    torch.testing.assert_close(second[marks], SPACE.horizontal_projection(denoised, x)[marks])
    assert torch.equal(second[~marks], torch.zeros(2, N, 3, dtype=torch.float64))


@pytest.mark.parametrize("mode", list(SelfConditioning))
def test_a_vertical_part_of_the_output_is_not_recalled_once_projected(mode: SelfConditioning) -> None:
    """The quotient treatment leaves any vertical part: only the projection makes what is recalled well defined."""
    x, t = batch()
    seen = []
    for turn in (0.0, 2.0):
        network = Recorder(turn=turn)
        wrapped(network, mode)(x, t, Marks(torch.ones(4, dtype=torch.bool)))
        seen.append(network.seen[-1])
    plain, turned = seen
    if mode is SelfConditioning.OFF:
        assert torch.equal(plain, torch.zeros_like(plain))
        assert torch.equal(turned, plain)
        return
    distances = [torch.cdist(value, value) for value in seen]
    if mode is SelfConditioning.PROJECTED:
        torch.testing.assert_close(turned, plain)
        torch.testing.assert_close(*distances)
    else:
        assert (distances[1] - distances[0]).abs().max() > 0.1


def test_the_first_pass_has_no_gradient() -> None:
    x, t = batch()
    network = Recorder()
    model = wrapped(network)
    model(x, t, Marks(torch.ones(4, dtype=torch.bool))).sum().backward()
    # d/dw of w sin(x): a gradient through what is recalled would add to it
    torch.testing.assert_close(network.weight.grad, torch.sin(x.roll(1, -2)).sum().to(network.weight.dtype))


def test_a_run_recalls_its_own_predictions_and_no_other_run() -> None:
    x, _ = batch()
    network = Recorder()
    model = QuotientModel(wrapped(network), SPACE)
    condition = Marks(None)
    sampler = ODESampler(uniform_grid(4))
    one = sampler.sample(SPACE, x, model.velocity(condition), keep_trajectory=True)
    assert one.trajectory is not None
    assert torch.equal(network.seen[0], torch.zeros_like(x))
    for k in range(1, 4):
        t = torch.full((4,), 0.25 * (k - 1), dtype=torch.float64)
        before = one.trajectory[k - 1]
        output = network(before, t, condition, network.seen[k - 1])
        network.seen.pop()
        expected = SPACE.horizontal_projection(before + (1.0 - t)[:, None, None] * output, before)
        torch.testing.assert_close(network.seen[k], expected)
    noise = GeneratorNoise(torch.Generator().manual_seed(1))
    first = model.sample(sampler, x, noise, condition=condition).x
    again = model.sample(sampler, x, GeneratorNoise(torch.Generator().manual_seed(1)), condition=condition).x
    assert torch.equal(first, again)
    shared = model.velocity(condition)
    sampler.sample(SPACE, x, shared)
    # the control: a velocity used for a second run remembers the first
    assert not torch.equal(sampler.sample(SPACE, x, shared).x, one.x)


def test_without_marks_nothing_is_recalled() -> None:
    x, t = batch()
    network = Recorder()
    wrapped(network)(x, t, Marks(None))
    wrapped(network)(x, t, Marks(torch.zeros(4, dtype=torch.bool)))
    assert len(network.seen) == 2
    assert all(torch.equal(value, torch.zeros_like(x)) for value in network.seen)
