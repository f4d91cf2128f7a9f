import importlib
import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from applications.cluster import ClusterError, ClusterWorkers
from applications.workers import AHEAD, AbstractWorkers, ProcessWorkers, WorkerLost
from tests.applications.small_work import Squares

ROOT = Path(__file__).resolve().parents[2]
KINDS: dict[str, Callable[[], AbstractWorkers]] = {
    "processes": lambda: ProcessWorkers(2),
    "cluster": lambda: ClusterWorkers("local:2", patience=60),
}


@pytest.fixture(scope="module", params=["processes", pytest.param("cluster", marks=pytest.mark.slow)])
def workers(request: pytest.FixtureRequest) -> Iterator[AbstractWorkers]:
    if request.param == "cluster":
        pytest.importorskip("distributed")
    with KINDS[request.param]() as active:
        yield active


def test_results_come_in_order_and_the_work_is_opened_once_a_process(workers: AbstractWorkers, tmp_path: Path) -> None:
    work = Squares(tmp_path)
    assert list(workers.map(work, iter(range(40)))) == [n**2 for n in range(40)]
    opened = work.opened()
    assert len(set(opened)) == len(opened) <= 2
    assert os.getpid() not in opened
    assert list(workers.map(work, [])) == []


def test_items_are_taken_as_they_are_needed(workers: AbstractWorkers, tmp_path: Path) -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(10**6):
            taken.append(number)
            yield number

    results = workers.map(Squares(tmp_path), items())
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    assert len(taken) <= 5 + 2 * AHEAD


def test_a_process_killed_once_costs_nothing(workers: AbstractWorkers, tmp_path: Path) -> None:
    work = Squares(tmp_path, deadly=(3,), lives=1)
    assert list(workers.map(work, range(12))) == [n**2 for n in range(12)]
    assert work.tries(3) == 2


def test_a_unit_that_always_kills_is_lost_and_no_other(workers: AbstractWorkers, tmp_path: Path) -> None:
    work = Squares(tmp_path, deadly=(5,))
    expected: list[int | WorkerLost] = [n**2 for n in range(12)]
    expected[5] = WorkerLost()
    assert list(workers.map(work, range(12))) == expected
    assert 2 <= work.tries(5) <= 2 * AHEAD + 4


def test_an_error_of_the_work_is_raised_here(workers: AbstractWorkers, tmp_path: Path) -> None:
    results = workers.map(Squares(tmp_path), [2, -1, 3])
    assert next(results) == 4
    with pytest.raises(ValueError, match="got -1"):
        list(results)


def test_no_process_outlives_the_one_that_started_it(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path\n"
        "from applications.workers import ProcessWorkers\n"
        "from tests.applications.small_work import Squares\n"
        "if __name__ == '__main__':\n"
        f"    print(list(ProcessWorkers(2).map(Squares(Path({str(tmp_path)!r}), seconds=1.0), range(1000))))\n"
    )
    script = tmp_path / "script.py"
    script.write_text(program)
    work = Squares(tmp_path)
    process = subprocess.Popen([sys.executable, str(script)], env={**os.environ, "PYTHONPATH": str(ROOT)})
    deadline = time.monotonic() + 60
    while len(work.opened()) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    children = work.opened()
    assert len(children) == 2
    process.send_signal(signal.SIGKILL)
    process.wait()
    while any(_alive(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not [child for child in children if _alive(child)]


def _alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return state.rsplit(")", 1)[1].split()[0] != "Z"


def test_closing_ends_the_processes(tmp_path: Path) -> None:
    # other tests of this file may keep a cluster
    before = {child.pid for child in multiprocessing.active_children()}

    def begun() -> set[int | None]:
        return {child.pid for child in multiprocessing.active_children()} - before

    with ProcessWorkers(2) as workers:
        results = workers.map(Squares(tmp_path), range(100))
        assert next(results) == 0
        assert begun()
    deadline = time.monotonic() + 30
    while begun() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert begun() == set()


@pytest.mark.slow
def test_a_cluster_that_cannot_be_used_is_refused_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        monkeypatch.setattr("applications.cluster.CONNECT_SECONDS", 1.0)
        with pytest.raises(ClusterError, match="dask scheduler"):
            ClusterWorkers(f"tcp://127.0.0.1:{reserved.getsockname()[1]}")
    for wrong in ("local:none", "local:0", "local", "somewhere", "local:1025", "local:" + "9" * 5000):
        with pytest.raises(ClusterError, match="expected local:N"):
            ClusterWorkers(wrong)
    monkeypatch.setattr("applications.cluster.version", lambda _: "0.1")
    with pytest.raises(ClusterError, match=r"torch [2-9][0-9.]* there and 0\.1 here"):
        ClusterWorkers("local:1")


@pytest.fixture
def scheduler(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A scheduler and one worker as a user starts them."""
    pytest.importorskip("distributed")
    file = tmp_path / "scheduler.json"
    place = ("--scheduler-file", str(file), "--no-dashboard")
    commands = {
        "scheduler": ("--host", "127.0.0.1", "--port", "0"),
        "worker": ("--nthreads", "1", "--local-directory", str(tmp_path)),
    }
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with ExitStack() as stack:
        started = []
        for name, arguments in commands.items():
            command = [sys.executable, "-m", "dask", name, *place, *arguments]
            log = stack.enter_context((tmp_path / f"{name}.log").open("wb"))
            started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
            stack.callback(started[-1].wait)
            stack.callback(started[-1].kill)
        deadline = time.monotonic() + 60
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        yield started[0], json.loads(file.read_text())["address"]


@pytest.mark.slow
def test_a_scheduler_that_is_lost_is_an_error_with_the_remedy(
    scheduler: tuple[subprocess.Popen[bytes], str], tmp_path: Path
) -> None:
    process, address = scheduler
    with ClusterWorkers(address, patience=120) as workers:
        results = workers.map(Squares(tmp_path, seconds=0.5), range(1000))
        assert next(results) == 0
        process.kill()
        with pytest.raises(ClusterError, match="run the same line again"):
            list(results)


def test_without_the_extra_the_remedy_is_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"pip install 'quotient-diffusion\[cluster\]'"):
        ClusterWorkers("local:2")
    importlib.import_module("applications.cluster")
