"""JSON objects from files that may hold anything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, final

from diffusion.errors import DiffusionError


@final
class JSONFileError(DiffusionError):
    """A file that does not hold a JSON object; who reads it adds the remedy."""


def read_json_object(path: Path) -> dict[str, Any]:
    """The JSON object of a file in UTF-8.

    Raises:
        JSONFileError: the file cannot be read, is no JSON, or is JSON of another kind.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        # numbers of too many digits and bytes that are no text are ValueErrors, too deep a nesting is not
        raise JSONFileError(f"{path} cannot be read ({error})") from error
    if not isinstance(content, dict):
        raise JSONFileError(f"{path} is not a JSON object (got {type(content).__name__})")
    return content
