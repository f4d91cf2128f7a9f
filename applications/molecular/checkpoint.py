"""Conformer models on disk, and the one that comes with the package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Final

import torch

from applications.molecular.model import ConformerModel, ModelSpec
from applications.molecular.network_files import read_network
from applications.molecular.networks import build_network
from diffusion.model_files import WEIGHTS_NAME, ModelNotFoundError, write_model_files

FORMAT: Final = "quotient-diffusion conformer model"
FORMAT_VERSION: Final = 1


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
    card = {**model.card, "format": FORMAT, "format_version": FORMAT_VERSION, "spec": model.spec.to_json()}
    return write_model_files(model.network.state_dict(), card, folder, dtype=dtype)


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
    if path is None and not shipped_model_path().is_file():
        raise ModelNotFoundError(
            f"got no model path, and this installation has no model at {shipped_model_path()}; "
            "train one with `quotient molecules train` and pass its folder"
        )
    weights = shipped_model_path() if path is None else path
    spec, network, card = read_network(
        weights,
        file_format=FORMAT,
        version=FORMAT_VERSION,
        read_spec=ModelSpec.from_json,
        build=lambda spec: build_network(spec.network),
        device=device,
    )
    return ConformerModel(spec=spec, network=network, card=card)
