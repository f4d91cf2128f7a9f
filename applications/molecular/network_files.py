"""Reading models of this application: the card, its specification, and a network that its weights fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar, final

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from typing_extensions import override

from diffusion.model_files import IncompatibleModelError, check_fit, fill_network, read_model_files

SpecT = TypeVar("SpecT")
NetworkT = TypeVar("NetworkT", bound=nn.Module)


@final
class _NoInitialValues(TorchFunctionMode):
    """Leaves new parameters as they are: normal numbers without memory are drawn by a compiler, loaded for a second."""

    @override
    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        values = kwargs or {}
        if getattr(func, "__module__", None) == nn.init.__name__:
            return values["tensor"] if "tensor" in values else args[0]
        return func(*args, **values)


def read_network(
    weights: Path,
    *,
    file_format: str,
    version: int,
    read_spec: Callable[[Mapping[str, Any]], SpecT],
    build: Callable[[SpecT], NetworkT],
    device: torch.device | str,
) -> tuple[SpecT, NetworkT, dict[str, Any]]:
    """Read weights with the card beside them.

    Args:
        weights: A `.safetensors` file, or a folder that holds `model.safetensors`.
        file_format: Name of the format that is expected.
        version: Its version.
        read_spec: Reads the specification of the card.
        build: Builds the network of a specification.
        device: Where to put the weights.

    Returns:
        The specification, the network in float32, and the card.

    Raises:
        ModelNotFoundError: If there are no model files.
        CorruptModelError: If they are damaged.
        IncompatibleModelError: If they are of another format or version.
    """
    state, card = read_model_files(weights, format=file_format, version=version)
    try:
        spec = read_spec(card["spec"])
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise IncompatibleModelError(
            f"got a card of {weights} whose specification is not understood ({error}); "
            "use the version of the package that wrote it"
        ) from error
    with torch.device("meta"), _NoInitialValues():
        # nothing is allocated for sizes that a damaged card claims
        sketch = build(spec)
    check_fit(sketch, state, weights)
    network = build(spec)
    fill_network(network, state, weights)
    return spec, network.float().to(device), card
