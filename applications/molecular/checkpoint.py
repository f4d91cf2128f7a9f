"""Model files: weights in safetensors, everything else in a JSON card beside them."""

from __future__ import annotations

import hashlib
import json
from importlib import resources
from pathlib import Path
from typing import Any, Final, final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from applications.molecular.model import ConformerModel, ModelSpec
from applications.molecular.networks import build_network

FORMAT: Final = "quotient-diffusion conformer model"
FORMAT_VERSION: Final = 1
WEIGHTS_NAME: Final = "model.safetensors"
CARD_NAME: Final = "model.json"


@final
class ModelNotFoundError(ValueError):
    """No model where one was asked for."""


@final
class CorruptModelError(ValueError):
    """Model files that are damaged: unreadable, or not the ones their card describes."""


@final
class IncompatibleModelError(ValueError):
    """Sound model files that this version cannot use."""


def shipped_model_path() -> Path:
    """Where the model that comes with the package is, whether or not it is there."""
    return Path(str(resources.files("applications.molecular") / "weights" / WEIGHTS_NAME))


def save_model(model: ConformerModel, folder: Path, *, dtype: torch.dtype = torch.float32) -> Path:
    """Write a model as `model.safetensors` and `model.json`.

    The card is the model's own card with the format, the specification and the SHA-256 of the weights.

    Args:
        model: The model.
        folder: Where to write; made if missing, existing files are replaced.
        dtype: Precision of the stored weights; float16 halves the file.

    Returns:
        Path of the weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights, card_path = folder / WEIGHTS_NAME, folder / CARD_NAME
    state = {name: value.detach().to("cpu", dtype).contiguous() for name, value in model.network.state_dict().items()}
    fresh, fresh_card = weights.with_suffix(".safetensors.tmp"), card_path.with_suffix(".json.tmp")
    save_file(state, fresh)
    card = {
        **model.card,
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "spec": model.spec.to_json(),
        "parameters": sum(value.numel() for value in state.values()),
        "stored_dtype": str(dtype).removeprefix("torch."),
        "torch": torch.__version__,
        "sha256": _digest(fresh),
    }
    fresh_card.write_text(json.dumps(card, indent=2) + "\n")
    fresh.replace(weights)
    fresh_card.replace(card_path)
    return weights


def load_model(path: Path | None = None, *, device: torch.device | str = "cpu") -> ConformerModel:
    """Read a model.

    Args:
        path: A `.safetensors` file with its card beside it, a folder (such as a training run) that holds
            `model.safetensors`, or None for the model that comes with the package.
        device: Where to put the weights.

    Returns:
        The model in float32.

    Raises:
        ModelNotFoundError: If there are no model files.
        CorruptModelError: If they are damaged.
        IncompatibleModelError: If they are of another format or version.
    """
    weights = _locate(path)
    card_path = weights.with_suffix(".json")
    if not card_path.is_file():
        raise ModelNotFoundError(
            f"got weights {weights} without a card, expected {card_path.name} beside them; copy both files"
        )
    card = _read_card(card_path)
    spec = _read_spec(card, card_path)
    if card.get("sha256") != _digest(weights):
        raise CorruptModelError(
            f"got weights {weights} that differ from the SHA-256 of their card; copy both files again"
        )
    try:
        state = {name: value.float() for name, value in load_file(weights).items()}
    except (SafetensorError, OSError) as error:
        raise CorruptModelError(f"got unreadable weights {weights} ({error}); copy or export them again") from error
    network = build_network(spec.network)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[0]
        raise IncompatibleModelError(
            f"got weights {weights} that do not fit the network of their card ({first}); "
            "use the version of the package that wrote them"
        ) from error
    return ConformerModel(spec=spec, network=network.to(device), card=card)


def _locate(path: Path | None) -> Path:
    if path is None:
        shipped = shipped_model_path()
        if not shipped.is_file():
            raise ModelNotFoundError(
                f"got no model path, and this installation has no model at {shipped}; "
                "train one with `quotient molecules train` and pass its folder"
            )
        return shipped
    weights = path / WEIGHTS_NAME if path.is_dir() else path
    if not weights.is_file():
        raise ModelNotFoundError(
            f"got {path}, expected a .safetensors file or a folder with {WEIGHTS_NAME}; "
            "a training run writes it at its first validation"
        )
    return weights


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_card(path: Path) -> dict[str, Any]:
    try:
        card = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError, OSError) as error:
        raise CorruptModelError(f"got an unreadable card {path} ({error}); copy or export it again") from error
    if not isinstance(card, dict):
        raise CorruptModelError(f"got a card {path} that is not a JSON object; copy or export it again")
    return card


def _read_spec(card: dict[str, Any], path: Path) -> ModelSpec:
    if card.get("format") != FORMAT or card.get("format_version") != FORMAT_VERSION:
        raise IncompatibleModelError(
            f"got card {path} of format {card.get('format')!r} version {card.get('format_version')!r}, "
            f"expected {FORMAT!r} version {FORMAT_VERSION}; use the version of the package that wrote it"
        )
    try:
        return ModelSpec.from_json(card["spec"])
    except (KeyError, TypeError, ValueError) as error:
        raise IncompatibleModelError(
            f"got card {path} whose specification is not understood ({error}); "
            "use the version of the package that wrote it"
        ) from error
