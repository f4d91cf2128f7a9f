"""Text files that grow as results come, and the account beside them, from which an interrupted generation continues.

The account holds how many bytes of the other files are good. A continued run cuts them there and goes on, so that a
record half written is never kept and no result is computed twice.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, final

from diffusion.json_files import JSONFileError, read_json_object


@final
class OutputError(ValueError):
    """Results cannot be written; the message names the remedy."""


@final
@dataclass(frozen=True)
class Progress:
    """How far a generation is.

    Attributes:
        windows: groups of requests done.
        made: results written.
        failed: rows with a reason instead.
        duplicates: rows that repeat another one instead.
        sampling_seconds: time spent in the model, over all runs and processes.
        total_seconds: time spent in all, over all runs.
        complete: True once everything is written.
        sizes: good bytes of each text file, by its name.
    """

    windows: int = 0
    made: int = 0
    failed: int = 0
    duplicates: int = 0
    sampling_seconds: float = 0.0
    total_seconds: float = 0.0
    complete: bool = False
    sizes: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values that `progress_from_json` reads back."""
        values = asdict(self)
        return {**{f"{name}_bytes": size for name, size in values.pop("sizes").items()}, **values}


@final
@dataclass(frozen=True, kw_only=True)
class Batch:
    """Results of some requests, ready to be written.

    Attributes:
        texts: what each text file grows by.
        made: results.
        failed: rows with a reason instead.
        duplicates: rows that repeat another one instead.
        sampling_seconds: time spent in the model.
    """

    texts: Mapping[str, str]
    made: int
    failed: int
    duplicates: int = 0
    sampling_seconds: float = 0.0


@final
class ResumableFiles:
    """Text files and the JSON file beside them.

    Args:
        texts: paths of the text files by name.
        json: path of the account.
        headers: first text of those that have one.
        fingerprint: identifies requests, options and weights; a rerun with another one is refused.
        account: what the JSON says beside the progress: versions, configuration, weight hash.
        unit: plural of what is made.
        force: overwrite results of another run.

    Raises:
        OutputError: the files belong to another run, or cannot be written.
    """

    def __init__(
        self,
        texts: Mapping[str, Path],
        json: Path,
        *,
        headers: Mapping[str, str],
        fingerprint: str,
        account: Mapping[str, Any],
        unit: str,
        force: bool,
    ) -> None:
        self.texts, self.json = dict(texts), json
        self._fingerprint = fingerprint
        self._account = dict(account)
        self._unit = unit
        try:
            json.parent.mkdir(parents=True, exist_ok=True)
            self.progress = self._found(force=force)
            self._cut()
            for name, text in headers.items():
                if not self.progress.sizes[name]:
                    self._append(name, text)
            self.progress = replace(self.progress, sizes=self._sizes())
            self._write_json()
        except OSError as error:
            raise OutputError(f"cannot write {error.filename or json}: {error.strerror}. Choose another -o.") from error

    def append(self, batch: Batch, *, total_seconds: float) -> None:
        """Write results; afterwards they survive an interruption."""
        for name, text in batch.texts.items():
            self._append(name, text)
        progress = self.progress
        self.progress = replace(
            progress,
            windows=progress.windows + 1,
            made=progress.made + batch.made,
            failed=progress.failed + batch.failed,
            duplicates=progress.duplicates + batch.duplicates,
            sampling_seconds=progress.sampling_seconds + batch.sampling_seconds,
            total_seconds=progress.total_seconds + total_seconds,
            sizes=self._sizes(),
        )
        self._write_json()

    def finish(self) -> None:
        """Mark the files as complete."""
        self.progress = replace(self.progress, complete=True)
        self._write_json()

    def _sizes(self) -> dict[str, int]:
        return {name: path.stat().st_size for name, path in self.texts.items()}

    def _found(self, *, force: bool) -> Progress:
        nothing = Progress(sizes=dict.fromkeys(self.texts, 0))
        existing = [path for path in (*self.texts.values(), self.json) if path.exists()]
        if force or not existing:
            return nothing
        try:
            account = read_json_object(self.json)
        except JSONFileError:
            account = {}
        if account.get("fingerprint") == self._fingerprint:
            progress = _progress(account.get("progress"), nothing)
            if progress is None:
                raise OutputError(f"{self.json} is damaged. Start again with --force, or choose another -o.")
            return progress
        raise OutputError(
            f"{existing[0]} holds the results of another command. Choose another -o, or overwrite it with --force."
        )

    def _cut(self) -> None:
        for name, path in self.texts.items():
            size = self.progress.sizes[name]
            with path.open("ab"):
                pass
            if path.stat().st_size < size:
                raise OutputError(f"{path} is shorter than {self.json} says. Start again with --force.")
            os.truncate(path, size)

    def _append(self, name: str, text: str) -> None:
        with self.texts[name].open("a", encoding="utf-8", newline="") as stream:
            stream.write(text)

    def _write_json(self) -> None:
        progress = self.progress
        rate = progress.made / progress.sampling_seconds if progress.sampling_seconds else None
        content = {
            **self._account,
            "fingerprint": self._fingerprint,
            "progress": progress.to_json(),
            f"{self._unit}_per_second": rate,
        }
        unfinished = self.json.with_suffix(".json.tmp")
        unfinished.write_text(json.dumps(content, indent=2))
        unfinished.replace(self.json)


def _progress(values: object, nothing: Progress) -> Progress | None:
    """The progress that was written down, None if it is not one."""
    wanted = nothing.to_json()
    if not isinstance(values, dict) or values.keys() != wanted.keys():
        return None
    for name, default in wanted.items():
        if type(values[name]) is not type(default) or not 0 <= values[name] < math.inf:
            return None
    sizes = {name: values.pop(f"{name}_bytes") for name in nothing.sizes}
    return Progress(**values, sizes=sizes)
