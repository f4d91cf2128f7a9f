"""The three files of a generation of conformers: SDF, table and account."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from applications.molecular.records import RunLabel, WindowRecords
from applications.molecular.results import COLUMNS
from applications.molecular.resumable_files import Batch, OutputError, Progress, ResumableFiles
from applications.molecular.tables import csv_text


@final
class OutputFiles:
    """`out.sdf`, `out.csv` and `out.json`, named after the SDF (see `ResumableFiles`).

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
        self._account = dict(account)
        self._files = ResumableFiles(
            {"sdf": self.sdf, "csv": self.csv},
            self.json,
            headers={"csv": csv_text([COLUMNS])},
            fingerprint=fingerprint,
            account=account,
            unit="conformers",
            force=force,
        )

    @property
    def progress(self) -> Progress:
        """How far the generation is."""
        return self._files.progress

    @property
    def label(self) -> RunLabel:
        """What the records of the SDF say about this run."""
        config = self._account["config"]
        return RunLabel(model=self._account["model"], steps=config["steps"], sampler=config["sampler"])

    def append(self, records: WindowRecords, *, total_seconds: float) -> None:
        """Write the results of one window; afterwards they survive an interruption."""
        batch = Batch(
            texts={"sdf": records.sdf, "csv": records.csv},
            made=records.made,
            failed=records.failed,
            duplicates=records.duplicates,
            sampling_seconds=records.sampling_seconds,
        )
        self._files.append(batch, total_seconds=total_seconds)

    def finish(self) -> None:
        """Mark the files as complete."""
        self._files.finish()
