"""Commands in processes of their own: seconds, and the peak of resident memory.

The peak that the kernel reports of a child is at least what its parent held when it was started. Commands are
therefore started by a small process, which is this file run by path, and not by the one that measures.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

ROOT = Path(__file__).resolve().parents[2]


@final
@dataclass(frozen=True)
class Ended:
    """How a command ended.

    Attributes:
        code: its exit code.
        seconds: from start to end.
        peak: of its resident memory, in MB.
        said: its standard output.
    """

    code: int
    seconds: float
    peak: float
    said: str


def run(words: Sequence[str]) -> Ended:
    """Run Python with some arguments at the root of the project, one thread.

    Raises:
        RuntimeError: it could not be started or was killed.
    """
    one = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, __file__, *words],
        cwd=ROOT,
        env={**os.environ, **one},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"python {' '.join(words)[:80]} could not be measured: {done.stderr[-500:]}")
    return Ended(**json.loads(done.stdout))


def _report(words: Sequence[str]) -> str:
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    said = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    found = {"code": process.returncode, "seconds": seconds, "peak": usage.ru_maxrss / 1024, "said": said}
    return json.dumps(found)


if __name__ == "__main__":
    sys.stdout.write(_report(sys.argv[1:]))
