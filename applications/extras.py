"""Optional dependencies: what is missing is named together with the line that installs it."""

from __future__ import annotations

import importlib.util
from typing import final


@final
class MissingExtraError(ValueError):
    """An optional dependency is not installed."""


def has_module(module: str) -> bool:
    """True if a top-level module can be imported."""
    return importlib.util.find_spec(module) is not None


def require_extra(module: str, *, extra: str, purpose: str) -> None:
    """Fail early, with the remedy, if an optional dependency is not installed.

    Args:
        module: its top-level module.
        extra: the extra of this distribution that installs it.
        purpose: what it is needed for.

    Raises:
        MissingExtraError: it is not installed.
    """
    if not has_module(module):
        raise MissingExtraError(
            f"{purpose} needs {module}, which is not installed: pip install 'quotient-diffusion[{extra}]'"
        )
