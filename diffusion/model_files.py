"""Models on disk: weights in safetensors, everything else in a JSON card beside them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, final

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from diffusion.errors import DiffusionError
from diffusion.json_files import JSONFileError, read_json_object
from diffusion.model import QuotientModel

WEIGHTS_NAME: Final = "model.safetensors"
CARD_NAME: Final = "model.json"
FORMAT: Final = "quotient-diffusion model"
FORMAT_VERSION: Final = 1


@final
class ModelNotFoundError(DiffusionError):
    """No model where one was asked for."""


@final
class CorruptModelError(DiffusionError):
    """Model files that are damaged: unreadable, or not the ones their card describes."""


@final
class IncompatibleModelError(DiffusionError):
    """Sound model files that this version, or this model, cannot use."""


def write_model_files(
    state: Mapping[str, Tensor], card: Mapping[str, Any], folder: Path, *, dtype: torch.dtype | None = None
) -> Path:
    """Write `model.safetensors` and `model.json`; the card also gets the SHA-256 of the weights and versions.

    Files that are there are replaced, each in one step.

    Args:
        state: tensors by name.
        card: plain values, with `format` and `format_version`.
        folder: made if missing.
        dtype: precision in which floating-point tensors are stored; their own by default.

    Returns:
        Path of the weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights, card_path = folder / WEIGHTS_NAME, folder / CARD_NAME
    stored = {name: _stored(value, dtype) for name, value in state.items()}
    fresh, fresh_card = weights.with_suffix(".safetensors.tmp"), card_path.with_suffix(".json.tmp")
    save_file(stored, fresh)
    full = {
        **card,
        "parameters": sum(value.numel() for value in stored.values()),
        "stored_dtype": None if dtype is None else str(dtype).removeprefix("torch."),
        "torch": torch.__version__,
        "sha256": _digest(fresh),
    }
    fresh_card.write_text(json.dumps(full, indent=2) + "\n")
    # safetensors writes files that their owner alone can read
    shutil.copymode(fresh_card, fresh)
    fresh.replace(weights)
    fresh_card.replace(card_path)
    return weights


def read_model_files(path: Path, *, format: str, version: int) -> tuple[dict[str, Tensor], dict[str, Any]]:  # noqa: A002
    """Read weights and card, checked against each other.

    Args:
        path: a `.safetensors` file with its card beside it, or a folder that holds `model.safetensors`.
        format: what the card must say it is.
        version: its version.

    Raises:
        ModelNotFoundError: when there are no such files.
        CorruptModelError: when they are damaged.
        IncompatibleModelError: when they are of another format or version.
    """
    weights = path / WEIGHTS_NAME if path.is_dir() else path
    card_path = weights.with_suffix(".json")
    if not weights.is_file():
        raise ModelNotFoundError(f"got {path}, expected a .safetensors file or a folder with {WEIGHTS_NAME}")
    if not card_path.is_file():
        raise ModelNotFoundError(f"got weights {weights} without a card, expected {card_path.name} beside them")
    card = _read_card(card_path)
    if card.get("format") != format or card.get("format_version") != version:
        raise IncompatibleModelError(
            f"got card {card_path} of format {card.get('format')!r} version {card.get('format_version')!r}, "
            f"expected {format!r} version {version}; use the version of the package that wrote it"
        )
    if card.get("sha256") != _digest(weights):
        raise CorruptModelError(
            f"got weights {weights} that differ from the SHA-256 of their card; copy both files again"
        )
    try:
        return load_file(weights), card
    except (SafetensorError, OSError) as error:
        raise CorruptModelError(f"got unreadable weights {weights} ({error}); copy or export them again") from error


def check_fit(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Compare weights with the network that they are for, which may be on the device `meta`.

    Raises:
        IncompatibleModelError: when names, shapes or kinds of numbers differ.
        CorruptModelError: when a weight is not finite.
    """
    wanted = network.state_dict()
    odd = sorted(wanted.keys() ^ state.keys())
    odd += [name for name in wanted if name in state and _kind(wanted[name]) != _kind(state[name])]
    if odd:
        raise IncompatibleModelError(
            f"got weights {path} that do not fit the network (first difference: {odd[0]}); "
            "build the network that they were saved from"
        )
    for name, value in state.items():
        if value.is_floating_point() and not value.float().isfinite().all():
            raise CorruptModelError(
                f"got weights {path} that are not finite ({name}): the training diverged or the file is damaged; "
                "use an earlier model, or train with a smaller learning rate"
            )


def _kind(value: Tensor) -> tuple[tuple[int, ...], bool, bool]:
    return tuple(value.shape), value.is_floating_point(), value.is_complex()


def fill_network(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Put weights into a network.

    Raises:
        IncompatibleModelError, CorruptModelError: as in :func:`check_fit`.
    """
    check_fit(network, state, path)
    network.load_state_dict(dict(state))


def save_model(
    model: QuotientModel,
    folder: Path,
    *,
    arguments: Mapping[str, Any] | None = None,
    notes: Mapping[str, Any] | None = None,
    dtype: torch.dtype | None = None,
) -> Path:
    """Write any model: the weights of its network, and what it takes to make it again.

    Code is not stored. :func:`load_model` is given the function that makes the model, and calls it with the
    ``arguments`` kept here.

    Args:
        model: its network must be a torch module.
        folder: made if missing; model files in it are replaced.
        arguments: keyword arguments of the function that makes the model, plain JSON values.
        notes: anything to be kept in the card: training data, figures, licence; plain JSON values.
        dtype: precision in which the weights are stored.

    Returns:
        Path of the weights.

    Raises:
        DiffusionError: when the network is not a torch module.
    """
    if not isinstance(model.network, nn.Module):
        raise DiffusionError(
            f"got a network of type {type(model.network).__name__}: only a torch.nn.Module has weights to save"
        )
    card = {
        **(notes or {}),
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "arguments": dict(arguments or {}),
        "model": _description(model),
    }
    return write_model_files(model.network.state_dict(), card, folder, dtype=dtype)


def load_model(path: Path, build: Callable[..., QuotientModel], *, device: torch.device | str = "cpu") -> QuotientModel:
    """Read a model that :func:`save_model` wrote.

    Args:
        path: a folder with `model.safetensors`, or that file.
        build: makes the model, with any weights, from the arguments that were saved.
        device: where to put the network.

    Returns:
        What ``build`` made, with the saved weights, in evaluation mode.

    Raises:
        ModelNotFoundError, CorruptModelError: as in :func:`read_model_files`.
        IncompatibleModelError: when the files are of another format or version, or when what ``build`` made has another
            quotient, interpolant, parameterization or network than what was saved.
    """
    state, card = read_model_files(path, format=FORMAT, version=FORMAT_VERSION)
    if not all(isinstance(card.get(name), dict) for name in ("arguments", "model")):
        raise CorruptModelError(f"got a card of {path} without `arguments` and `model`; copy or export it again")
    model = build(**card["arguments"])
    described = _description(model)
    if different := [key for key, value in card["model"].items() if described.get(key) != value]:
        pairs = "; ".join(f"{key}: saved {card['model'][key]}, made {described.get(key)}" for key in different)
        raise IncompatibleModelError(f"{path} was saved from another model ({pairs}): pass the function that made it")
    if not isinstance(model.network, nn.Module):
        raise IncompatibleModelError(f"{build!r} made a model whose network is not a torch.nn.Module")
    fill_network(model.network, state, path)
    model.network.to(device).eval()
    return model


def _description(model: QuotientModel) -> dict[str, str]:
    """What decides the meaning of the weights, in words."""
    return {
        "network": type(model.network).__qualname__,
        "quotient": _words(model.quotient),
        "interpolant": _words(model.interpolant),
        "parameterization": repr(model.parameterization),
    }


def _words(given: object) -> str:
    """The name of a function, or the representation of an object."""
    return str(getattr(given, "__qualname__", None) or repr(given))


def _stored(value: Tensor, dtype: torch.dtype | None) -> Tensor:
    wanted = dtype if dtype is not None and value.is_floating_point() else value.dtype
    return value.detach().to("cpu", wanted).contiguous()


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read_card(path: Path) -> dict[str, Any]:
    try:
        return read_json_object(path)
    except JSONFileError as error:
        raise CorruptModelError(f"got an unreadable card: {error}; copy or export it again") from error
