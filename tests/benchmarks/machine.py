"""The machine that figures were measured on, and whether it was busy with something else."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import final

import torch

BUSY = 0.5
"""Load average per core above which figures are worth nothing."""


@final
@dataclass(frozen=True)
class Machine:
    """What a figure depends on beside the code.

    Attributes:
        cpu: model of the processor.
        cores: as the system counts them.
        threads: of torch while measuring.
        load: load average per core over the minute before.
        torch: its version.
        python: its version.
    """

    cpu: str
    cores: int
    threads: int
    load: float
    torch: str
    python: str

    @property
    def busy(self) -> bool:
        """Whether something else was running."""
        return self.load > BUSY

    @property
    def sentence(self) -> str:
        """The facts on one line, with a warning where figures are worth nothing."""
        warning = " **The machine was busy: do not rely on these figures.**" if self.busy else ""
        return (
            f"{self.cpu}, {self.cores} cores, {self.threads} thread{'s' if self.threads > 1 else ''}, torch "
            f"{self.torch}, Python {self.python}, load average {self.load:.2f} per core at the start.{warning}"
        )


def this_machine(threads: int) -> Machine:
    """The machine that this runs on."""
    cores = os.cpu_count() or 1
    return Machine(
        cpu=_processor(),
        cores=cores,
        threads=threads,
        load=round(os.getloadavg()[0] / cores, 2),
        torch=torch.__version__,
        python=platform.python_version(),
    )


def _processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return " ".join(found.group(1).split()) if found else platform.processor() or platform.machine()
