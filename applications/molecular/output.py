"""The three files of a generation, appended as results come and continued after an interruption.

`out.json` holds how many bytes of the two others are good. A continued run cuts them there and goes on, so
that a record half written is never kept and no result is computed twice.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, final

from applications.molecular.records import RunLabel, WindowRecords, csv_text
from applications.molecular.results import COLUMNS
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
        made: conformers written.
        failed: rows with a reason instead.
        duplicates: rows that repeat another one instead.
        sdf_bytes: good bytes of the SDF.
        csv_bytes: good bytes of the table.
        sampling_seconds: time spent in the model, over all runs and processes.
        total_seconds: time spent in all, over all runs.
        complete: True once everything is written.
    """

    windows: int = 0
    made: int = 0
    failed: int = 0
    duplicates: int = 0
    sdf_bytes: int = 0
    csv_bytes: int = 0
    sampling_seconds: float = 0.0
    total_seconds: float = 0.0
    complete: bool = False


@final
class OutputFiles:
    """`out.sdf`, `out.csv` and `out.json`, named after the SDF.

    Args:
        sdf: path of the SDF.
        fingerprint: identifies requests, options and weights; a rerun with another one is refused.
        account: what `out.json` says beside the progress: versions, configuration, weight hash.
        force: overwrite results of another run.

    Raises:
        OutputError: the files belong to another run, or cannot be written.
    """

    def __init__(self, sdf: Path, *, fingerprint: str, account: Mapping[str, Any], force: bool) -> None:
        self.sdf, self.csv, self.json = sdf, sdf.with_suffix(".csv"), sdf.with_suffix(".json")
        if sdf.suffix.lower() != ".sdf":
            raise OutputError(f"got -o {sdf}, expected a name that ends in .sdf")
        self._fingerprint = fingerprint
        self._account = dict(account)
        try:
            sdf.parent.mkdir(parents=True, exist_ok=True)
            self.progress = self._found(force=force)
            self._cut()
            if not self.progress.csv_bytes:
                self._append(self.csv, csv_text([COLUMNS]))
                self.progress = replace(self.progress, csv_bytes=self.csv.stat().st_size)
            self._write_json()
        except OSError as error:
            raise OutputError(f"cannot write {error.filename or sdf}: {error.strerror}. Choose another -o.") from error

    @property
    def label(self) -> RunLabel:
        """What the records of the SDF say about this run."""
        config = self._account["config"]
        return RunLabel(model=self._account["model"], steps=config["steps"], sampler=config["sampler"])

    def append(self, records: WindowRecords, *, total_seconds: float) -> None:
        """Write the results of one window; afterwards they survive an interruption."""
        self._append(self.sdf, records.sdf)
        self._append(self.csv, records.csv)
        progress = self.progress
        self.progress = replace(
            progress,
            windows=progress.windows + 1,
            made=progress.made + records.made,
            failed=progress.failed + records.failed,
            duplicates=progress.duplicates + records.duplicates,
            sdf_bytes=self.sdf.stat().st_size,
            csv_bytes=self.csv.stat().st_size,
            sampling_seconds=progress.sampling_seconds + records.sampling_seconds,
            total_seconds=progress.total_seconds + total_seconds,
        )
        self._write_json()

    def finish(self) -> None:
        """Mark the files as complete."""
        self.progress = replace(self.progress, complete=True)
        self._write_json()

    def _found(self, *, force: bool) -> Progress:
        if force:
            return Progress()
        existing = [path for path in (self.sdf, self.csv, self.json) if path.exists()]
        if not existing:
            return Progress()
        try:
            account = read_json_object(self.json)
        except JSONFileError:
            account = {}
        if account.get("fingerprint") == self._fingerprint:
            progress = _progress(account.get("progress"))
            if progress is None:
                raise OutputError(f"{self.json} is damaged. Start again with --force, or choose another -o.")
            return progress
        raise OutputError(
            f"{existing[0]} holds the results of another command. Choose another -o, or overwrite it with --force."
        )

    def _cut(self) -> None:
        for path, size in ((self.sdf, self.progress.sdf_bytes), (self.csv, self.progress.csv_bytes)):
            with path.open("ab"):
                pass
            if path.stat().st_size < size:
                raise OutputError(f"{path} is shorter than {self.json} says. Start again with --force.")
            os.truncate(path, size)

    @staticmethod
    def _append(path: Path, text: str) -> None:
        with path.open("a", encoding="utf-8", newline="") as stream:
            stream.write(text)

    def _write_json(self) -> None:
        progress = self.progress
        rate = progress.made / progress.sampling_seconds if progress.sampling_seconds else None
        content = {
            **self._account,
            "fingerprint": self._fingerprint,
            "progress": asdict(progress),
            "conformers_per_second": rate,
        }
        unfinished = self.json.with_suffix(".json.tmp")
        unfinished.write_text(json.dumps(content, indent=2))
        unfinished.replace(self.json)


def _progress(values: object) -> Progress | None:
    """The progress that was written down, None if it is not one."""
    if not isinstance(values, dict) or values.keys() != {field.name for field in fields(Progress)}:
        return None
    for field in fields(Progress):
        if type(values[field.name]) is not type(field.default) or not 0 <= values[field.name] < math.inf:
            return None
    return Progress(**values)
