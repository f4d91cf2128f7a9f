"""Models of backbones on disk, and the one that comes with the package."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Final

import torch

from applications.molecular.network_files import read_network
from applications.molecular.proteins.model import BackboneModel, BackboneSpec
from applications.molecular.proteins.networks import build_backbone_network
from diffusion.model_files import WEIGHTS_NAME, ModelNotFoundError, write_model_files

FORMAT: Final = "quotient-diffusion backbone model"
FORMAT_VERSION: Final = 1


def shipped_backbone_model_path() -> Path:
    """Where the model that comes with the package is, whether or not it is there."""
    return Path(str(resources.files("applications.molecular.proteins") / "weights" / WEIGHTS_NAME))


def save_backbone_model(model: BackboneModel, folder: Path, *, dtype: torch.dtype = torch.float32) -> Path:
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


def load_backbone_model(path: Path | None = None, *, device: torch.device | str = "cpu") -> BackboneModel:
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
    if path is None and not shipped_backbone_model_path().is_file():
        raise ModelNotFoundError(
            f"got no model path, and this installation has no model at {shipped_backbone_model_path()}; "
            "train one with `quotient proteins train` and pass its folder"
        )
    spec, network, card = read_network(
        shipped_backbone_model_path() if path is None else path,
        file_format=FORMAT,
        version=FORMAT_VERSION,
        read_spec=BackboneSpec.from_json,
        build=lambda spec: build_backbone_network(spec.network),
        device=device,
    )
    return BackboneModel(spec=spec, network=network, card=card)
