"""Which tests reach which lines, and how long each takes: one run under coverage.py with a context for each test."""

from __future__ import annotations

import json
import time
from collections.abc import Generator, Sequence
from pathlib import Path

import coverage
import pytest


class ContextPlugin:
    """Names a coverage context after each test and after the collection of each file, and times the tests.

    A line that is run while a file of tests is collected (a parametrization, a constant) belongs to all its tests.
    """

    def __init__(self, cov: coverage.Coverage) -> None:
        self.cov = cov
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        self.cov.switch_context(f"collect|{collector.nodeid.partition('::')[0]}")
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        self.cov.switch_context(f"test|{item.nodeid}")
        start = time.process_time()
        result = yield
        self.seconds[item.nodeid] = time.process_time() - start
        self.cov.switch_context("between")
        return result

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self.failed.add(report.nodeid)


def collect(root: Path, packages: Sequence[str], arguments: Sequence[str], out: Path) -> None:
    """Run pytest with ``arguments`` in ``root`` and write ``{"tests": {id: seconds}, "lines": {file: {line: [ids]}}}``.

    Ids of tests are positions in ``tests``. Tests that fail or are skipped are left out. A file of tests that runs a
    line while it is collected counts as ``collect|file``.
    """
    data = out.with_suffix(".coverage")
    cov = coverage.Coverage(data_file=str(data), include=[f"{root}/{p}/*" for p in packages], config_file=False)
    plugin = ContextPlugin(cov)
    cov.start()
    # the runner has imported hypothesis already
    options = [
        "-q",
        "-p",
        "no:cacheprovider",
        "--hypothesis-profile=ci",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
    ]
    code = pytest.main([*options, *arguments], plugins=[plugin])
    cov.stop()
    cov.save()
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"pytest ended with {code!r} on {' '.join(arguments)}")
    names = [name for name in plugin.seconds if name not in plugin.failed]
    position = {f"test|{name}": i for i, name in enumerate(names)}
    lines: dict[str, dict[int, list[int | str]]] = {}
    for file in sorted(cov.get_data().measured_files()):
        for line, contexts in cov.get_data().contexts_by_lineno(file).items():
            known = [position.get(c, c) for c in contexts if c in position or c.startswith("collect|")]
            lines.setdefault(str(Path(file).relative_to(root)), {})[line] = known
    tests = {name: round(plugin.seconds[name], 3) for name in names}
    out.write_text(json.dumps({"tests": tests, "failed": sorted(plugin.failed), "lines": lines}))
