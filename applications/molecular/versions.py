"""Versions of what results were made with, and hashes of files."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

NOT_INSTALLED: Final = "not installed"


def versions(names: Sequence[str]) -> dict[str, str]:
    """Version of Python, and of every distribution named, or `NOT_INSTALLED`."""
    return {"python": platform.python_version(), **{name: _version(name) for name in names}}


def sha256_of(path: Path) -> str:
    """SHA-256 of the content of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return NOT_INSTALLED
