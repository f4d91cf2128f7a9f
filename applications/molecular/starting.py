"""Where a training run starts: fresh weights, or those of another model."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TypeVar, final

import torch
from torch import nn

NetworkT = TypeVar("NetworkT", bound=nn.Module)


@final
class StartMismatchError(ValueError):
    """A model to start from that is of another kind than the one asked for."""


def check_start(found: dict[str, object], wanted: dict[str, object]) -> None:
    """Refuse a model whose traits are not those of the run.

    Raises:
        StartMismatchError: With the names of the traits that differ.
    """
    differing = [_named(name, found[name]) for name, value in wanted.items() if found[name] != value]
    if differing:
        raise StartMismatchError(
            f"got a model to start from with another {', '.join(differing)} than asked for; "
            "ask for what the model has, or start from fresh weights"
        )


def _named(name: str, value: object) -> str:
    """A trait, with what the model has of it where that is a word."""
    return f"{name} (it has {value.value})" if isinstance(value, Enum) else name


def initial_network(build: Callable[[], NetworkT], *, seed: int, start: nn.Module | None) -> NetworkT:
    """A network with weights drawn by a seed, or with those of `start`; torch's global generator is left alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build()
    if start is not None:
        network.load_state_dict(start.state_dict())
    return network
