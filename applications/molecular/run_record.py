"""The record of a training run in its folder: what it is, how far it came, whether it is done."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar, final

from diffusion.json_files import JSONFileError, read_json_object
from diffusion.model_files import CARD_NAME

CHECKPOINTS: Final = "checkpoints"
"""Folder of the checkpoints in that of a run."""

_EXECUTION: Final = "execution"

ModelT = TypeVar("ModelT")


@final
class RunMismatchError(ValueError):
    """A run folder that was started with other options or other data."""


def claim_folder(
    output: Path, asked: dict[str, dict[str, Any]], *, defaults: dict[str, Any], execution: dict[str, Any]
) -> None:
    """Record what a run is, or check that it is the same one.

    Args:
        output: Folder of the run.
        asked: Sections of plain values that decide the outcome.
        defaults: Options at their defaults: those that an older record lacks.
        execution: How this start is executed. It is recorded under its name and may differ between starts.

    Raises:
        RunMismatchError: If the folder was started with other values.
    """
    record = output / "run.json"
    if record.is_file():
        found = _read(record)
        found.pop(_EXECUTION, None)
        found["options"] = _filled(_section(found, "options"), defaults)
        if found != asked:
            changed = [
                f"{part}.{name}"
                for part in sorted(asked.keys() | found.keys())
                for name in sorted(_section(asked, part).keys() | _section(found, part).keys())
                if _section(asked, part).get(name) != _section(found, part).get(name)
            ]
            raise RunMismatchError(
                f"got other options or data than {output} was started with ({', '.join(changed)}); "
                "repeat the first command line to continue it, or choose another folder"
            )
    output.mkdir(parents=True, exist_ok=True)
    # Several processes may do this at the same time: none must read half a file.
    part = output / f"run.json.{os.getpid()}"
    part.write_text(json.dumps({**asked, _EXECUTION: execution}, indent=2) + "\n")
    part.replace(record)


def _filled(found: dict[str, Any], defaults: dict[str, Any]) -> dict[str, Any]:
    """Values with those of `defaults` that they lack."""
    nested = {
        name: _filled(value, defaults[name])
        for name, value in found.items()
        if isinstance(value, dict) and isinstance(defaults.get(name), dict)
    }
    return {**defaults, **found, **nested}


def _read(path: Path) -> dict[str, Any]:
    try:
        return read_json_object(path)
    except JSONFileError as error:
        raise RunMismatchError(f"{error}: the run is damaged; choose another folder, or remove the file") from error


def _section(record: dict[str, Any], part: str) -> dict[str, Any]:
    values = record.get(part)
    return values if isinstance(values, dict) else {}


def finished_model(output: Path, load: Callable[[Path], ModelT]) -> ModelT | None:
    """The model of a run that has done all of its steps, read by `load`, or None."""
    card = output / CARD_NAME
    if card.is_file() and _read(card).get("finished"):
        return load(output)
    return None


def newest_checkpoint(output: Path) -> Path | None:
    """The newest checkpoint that can be read: a run killed while writing leaves the one before it."""
    for path in sorted((output / CHECKPOINTS).glob("*.ckpt"), reverse=True):
        if _is_whole(path):
            return path
    return None


def _is_whole(path: Path) -> bool:
    """Whether a checkpoint, which is a zip archive, is complete and has the checksums that it says."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error):
        return False
