"""One mutant against some tests, in a forked process: the file on disk is never touched."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

# A test may take this many times its usual time, and this many seconds more, before it counts as hanging.
_PATIENCE, _GRACE = 8.0, 15.0
# What the interpreter, the imports and the collection may take on top of the tests, in CPU seconds.
_START = 90
_BROKEN = 70


@dataclass
class Verdict:
    """What became of a mutant: ``killed``, ``timeout`` or ``survived``, the killing test, and the tests it passed."""

    outcome: str
    by: str = ""
    reason: str = ""
    passed: list[str] = field(default_factory=list)
    seconds: float = 0.0


class _Watch:
    """Orders the tests, writes what happens to them as it happens, stops at the cap."""

    def __init__(self, order: Sequence[str], seconds: dict[str, float], cap: float, log: Path) -> None:
        self.position = {name: i for i, name in enumerate(order)}
        self.seconds, self.cap = seconds, cap
        self.log = log.open("a", buffering=1)
        self.start = time.process_time()

    def say(self, **event: str) -> None:
        self.log.write(json.dumps(event) + "\n")

    def _place(self, name: str) -> int:
        """Place in the order, of the test itself or of all its parameters; -1 for others."""
        return self.position.get(name, self.position.get(name.partition("[")[0], -1))

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        places = {item: self._place(item.nodeid) for item in items}
        items[:] = sorted((item for item in items if places[item] >= 0), key=places.__getitem__)
        self.start = time.process_time()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self.say(event="start", test=item.nodeid)
        signal.setitimer(signal.ITIMER_PROF, _GRACE + _PATIENCE * self.seconds.get(item.nodeid, 0.0))
        result = yield
        signal.setitimer(signal.ITIMER_PROF, 0)
        if time.process_time() - self.start > self.cap:
            item.session.shouldstop = "cap"
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            crash = getattr(report.longrepr, "reprcrash", None)
            self.say(event="failed", test=report.nodeid, reason=str(getattr(crash, "message", ""))[:200])
        elif report.when == "call":
            self.say(event="passed", test=report.nodeid)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.say(event="failed", test=report.nodeid, reason=str(report.longrepr)[-200:])


def load_instead(file: Path, text: str, log: Path) -> None:
    """Make importing ``file`` load ``text``, whatever is cached, and say so in ``log``."""
    target = str(file.resolve())
    read, stats = SourceFileLoader.get_data, SourceFileLoader.path_stats

    def get_data(self: SourceFileLoader, path: str) -> bytes:
        if os.path.realpath(path) != target:
            return read(self, path)
        with log.open("a") as stream:
            stream.write(json.dumps({"event": "loaded"}) + "\n")
        return text.encode()

    def path_stats(self: SourceFileLoader, path: str) -> dict[str, float]:
        found = dict(stats(self, path))
        if os.path.realpath(path) == target:
            found["mtime"] = float(found["mtime"]) + 1.0
        return found

    loader: Any = SourceFileLoader
    loader.get_data, loader.path_stats = get_data, path_stats
    sys.dont_write_bytecode = True


def _child(root: Path, watch: _Watch, files: Sequence[str]) -> int:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    os.chdir(root)
    settings.register_profile(
        "mutation",
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    options = [
        "-q",
        "-x",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
        "-p",
        "no:cacheprovider",
        "--hypothesis-profile=mutation",
    ]
    return int(pytest.main([*options, "--tb=short", *files], plugins=[watch]))


def run(root: Path, file: Path, text: str, tests: Sequence[str], seconds: dict[str, float], cap: float) -> Verdict:
    """Run ``tests`` in order with ``text`` in place of ``file``, to the first failure or ``cap`` CPU seconds."""
    log = Path(f"/tmp/mutant-{os.getpid()}-{time.monotonic_ns()}.log")
    log.touch()
    child = os.fork()
    if child == 0:
        code = _BROKEN
        try:
            most = int(cap * (1 + _PATIENCE)) + _START
            resource.setrlimit(resource.RLIMIT_CPU, (most, most))
            load_instead(file, text, log)
            watch = _Watch(tests, seconds, cap, log)
            code = _child(root, watch, list(dict.fromkeys(name.partition("::")[0] for name in tests)))
        except BaseException:
            log.write_text(traceback.format_exc())
        finally:
            os._exit(code)
    _, status, usage = os.wait4(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == _BROKEN:
        raise RuntimeError(log.read_text())
    events = [json.loads(line) for line in log.read_text().splitlines()]
    log.unlink()
    return _verdict(events, status, usage.ru_utime + usage.ru_stime)


def _verdict(events: Sequence[dict[str, str]], status: int, seconds: float) -> Verdict:
    passed = [e["test"] for e in events if e["event"] == "passed"]
    started = [e["test"] for e in events if e["event"] == "start"]
    failed = [e for e in events if e["event"] == "failed"]
    if failed:
        return Verdict("killed", failed[0]["test"], failed[0]["reason"], passed, seconds)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        slow = number in (signal.SIGPROF, signal.SIGXCPU, signal.SIGKILL)
        return Verdict(
            "timeout" if slow else "killed", (started or ["import"])[-1], f"signal {number}", passed, seconds
        )
    if os.WEXITSTATUS(status) in (pytest.ExitCode.USAGE_ERROR, pytest.ExitCode.INTERRUPTED) and not started:
        return Verdict("killed", "import", "the tests cannot be imported", passed, seconds)
    if os.WEXITSTATUS(status) == pytest.ExitCode.OK or passed:
        if not any(e["event"] == "loaded" for e in events):
            raise RuntimeError("the mutated source was not loaded: is another copy of the packages imported?")
        return Verdict("survived", passed=passed, seconds=seconds)
    raise RuntimeError(f"pytest ended with status {status} after {len(started)} tests")
