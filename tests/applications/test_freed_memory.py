"""Memory of freed tensors is not taken from the system again."""

import platform
import subprocess
import sys

import pytest

_COUNT = """
import ctypes
import resource
import torch
from applications.freed_memory import keep_freed_memory

torch.set_num_threads(1)
# the threshold that glibc starts with, fixed: by itself it grows with the blocks that happen to be freed
ctypes.CDLL(None).mallopt(-3, 128 * 2**10)
if {kept}:
    keep_freed_memory()


def work():
    blocks = [torch.ones(2**20) for _ in range(32)]
    del blocks


for _ in range(3):
    work()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    work()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_freed_memory_is_kept() -> None:
    """Blocks of 4 MiB, 32 of them freed and asked for again: pages are new each time, unless they are kept."""

    def faults(*, kept: bool) -> int:
        ended = subprocess.run(
            [sys.executable, "-c", _COUNT.format(kept=kept)], capture_output=True, text=True, check=True
        )
        return int(ended.stdout)

    assert 10 * faults(kept=True) < faults(kept=False)


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from applications import freed_memory

    monkeypatch.setattr(freed_memory.platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr(freed_memory.ctypes, "CDLL", lambda name: pytest.fail("a library was opened"))
    freed_memory.keep_freed_memory()
