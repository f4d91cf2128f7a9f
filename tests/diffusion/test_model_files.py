"""Saving and loading models of one's own."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from diffusion import (
    CorruptModelError,
    CosineSchedule,
    Denoiser,
    DiffusionError,
    IncompatibleModelError,
    Interpolant,
    ModelNotFoundError,
    QuotientModel,
    load_model,
    save_model,
)
from groups import RotationAction
from quotient import CenteredClouds, GroupQuotient, OrbitSpace, ShapeSpace


class Layers(nn.Module):
    """Two layers on flattened coordinates, with a buffer of integers."""

    steps: Tensor

    def __init__(self, n_points: int, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(3 * n_points, width), nn.SiLU(), nn.Linear(width, 3 * n_points))
        self.register_buffer("steps", torch.tensor(3))

    def forward(self, x: Tensor, t: Tensor, condition: Any) -> Tensor:
        return self.layers(x.flatten(-2)).unflatten(-1, x.shape[-2:]) * t[..., None, None]


def build(n_points: int, width: int) -> QuotientModel:
    return QuotientModel(
        Layers(n_points, width),
        ShapeSpace(n_points, 3),
        interpolant=Interpolant(CosineSchedule()),
        parameterization=Denoiser(),
    )


def padded(condition: Tensor | None) -> OrbitSpace:
    return ShapeSpace(4, 3, mask=condition)


ARGUMENTS = {"n_points": 4, "width": 8}


def outputs(model: QuotientModel) -> Tensor:
    x = torch.randn(5, 4, 3, generator=torch.Generator().manual_seed(0))
    return model.velocity()(x, torch.tensor(0.3))


def test_a_saved_model_comes_back(tmp_path: Path) -> None:
    model = build(**ARGUMENTS)
    weights = save_model(model, tmp_path / "run", arguments=ARGUMENTS, notes={"data": "none"})
    for path in (weights, weights.parent):
        again = load_model(path, build)
        assert torch.equal(outputs(again), outputs(model))
        assert isinstance(again.network, nn.Module)
        assert not again.network.training
    card = json.loads((tmp_path / "run" / "model.json").read_text())
    assert card["data"] == "none"
    assert card["model"]["interpolant"] == repr(model.interpolant)
    assert card["torch"] == torch.__version__


def test_weights_can_be_read_by_whoever_can_read_the_card(tmp_path: Path) -> None:
    path = save_model(build(4, 8), tmp_path)
    assert path.stat().st_mode == path.with_suffix(".json").stat().st_mode


def test_weights_may_be_stored_in_half_precision(tmp_path: Path) -> None:
    model = build(**ARGUMENTS)
    half = save_model(model, tmp_path / "half", arguments=ARGUMENTS, dtype=torch.float16)
    full = save_model(model, tmp_path / "full", arguments=ARGUMENTS)
    assert half.stat().st_size < full.stat().st_size
    again = load_model(half, build)
    assert outputs(again).dtype == torch.float32
    torch.testing.assert_close(outputs(again), outputs(model), rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("change", ["interpolant", "parameterization", "quotient", "network"])
def test_weights_are_not_given_another_meaning(change: str, tmp_path: Path) -> None:
    save_model(build(**ARGUMENTS), tmp_path, arguments=ARGUMENTS)

    def other(n_points: int, width: int) -> QuotientModel:
        right = build(n_points, width)
        network = right.network if change != "network" else nn.Linear(3, 3)
        return QuotientModel(
            network,
            right.quotient if change != "quotient" else GroupQuotient(CenteredClouds(n_points, 3), RotationAction(3)),
            interpolant=right.interpolant if change != "interpolant" else Interpolant(),
            parameterization=right.parameterization if change != "parameterization" else None,
        )

    with pytest.raises(IncompatibleModelError, match=f"another model \\({change}: saved"):
        load_model(tmp_path, other)


def test_networks_of_another_size_are_refused(tmp_path: Path) -> None:
    save_model(build(**ARGUMENTS), tmp_path, arguments=ARGUMENTS)
    with pytest.raises(IncompatibleModelError, match="do not fit the network"):
        load_model(tmp_path, lambda n_points, width: build(n_points, 2 * width))


def test_quotients_that_depend_on_the_condition_are_known_by_name(tmp_path: Path) -> None:
    def make() -> QuotientModel:
        return QuotientModel(Layers(4, 8), padded)

    model = make()
    save_model(model, tmp_path)
    assert torch.equal(outputs(load_model(tmp_path, make)), outputs(model))
    with pytest.raises(IncompatibleModelError, match="quotient: saved padded"):
        load_model(tmp_path, lambda: QuotientModel(Layers(4, 8), ShapeSpace(4, 3)))


def test_damage_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match=r"expected a \.safetensors file"):
        load_model(tmp_path, build)
    weights = save_model(build(**ARGUMENTS), tmp_path, arguments=ARGUMENTS)
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    with pytest.raises(CorruptModelError, match="SHA-256"):
        load_model(tmp_path, build)
    card = tmp_path / "model.json"
    card.write_text(json.dumps(json.loads(card.read_text()) | {"format_version": 99}))
    with pytest.raises(IncompatibleModelError, match="version 99"):
        load_model(tmp_path, build)
    card.unlink()
    with pytest.raises(ModelNotFoundError, match="without a card"):
        load_model(tmp_path, build)


def test_functions_have_no_weights(tmp_path: Path) -> None:
    with pytest.raises(DiffusionError, match=r"torch\.nn\.Module"):
        save_model(QuotientModel(lambda x, t, c: x, ShapeSpace(4, 3)), tmp_path)
    assert not any(tmp_path.iterdir())
