"""Workers of a Dask cluster: on this machine, or on any hosts that reach one scheduler."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import ExitStack
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from platform import python_version
from typing import Any, Final, final

from typing_extensions import override

from applications.workers import AHEAD, AbstractWork, AbstractWorkers, Item, Result, WorkerLost, carry_out

CONNECT_SECONDS: Final = 10.0
"""How long a scheduler is waited for."""
NO_WORKERS_SECONDS: Final = 300.0
"""How long a scheduler without workers is waited for."""
_POLL_SECONDS: Final = 5.0
_SAME_VERSIONS: Final = ("quotient-diffusion", "torch", "rdkit", "numpy")


@final
class ClusterError(ValueError):
    """A cluster that cannot be used, or was lost; the message names the remedy."""


@final
class ClusterWorkers(AbstractWorkers):
    """The workers of a Dask scheduler. They may come and go while units are under way.

    Nothing is asked of the hosts but this package in the same version: work and results are sent, no disk is shared.

    Args:
        where: `local:N` for N processes of one thread on this machine, or the address of a scheduler, for instance
            `tcp://host:8786`.
        patience: seconds to wait for a first worker, and later while there is none.

    Raises:
        ClusterError: the extra is missing, nothing answers there, or the workers cannot do the work.
    """

    def __init__(self, where: str, *, patience: float = NO_WORKERS_SECONDS) -> None:
        try:
            import distributed
        except ImportError as error:
            raise ClusterError(
                "--cluster needs Dask. Install it with: pip install 'quotient-diffusion[cluster]'"
            ) from (error)
        self._distributed = distributed
        self._where = where
        self._patience = patience
        self._resources = ExitStack()
        with ExitStack() as undo:
            _quiet(undo)
            self._client, self._heal = _connect(where, undo)
            self._check_workers()
            self._resources = undo.pop_all()

    @override
    def map(self, work: AbstractWork[Item, Result], items: Iterable[Item]) -> Iterator[Result | WorkerLost]:
        sent = self._submit(_itself, work)
        remaining = iter(items)
        pending: deque[tuple[Item, Any]] = deque()
        while True:
            ahead = AHEAD * max(1, self._n_processes())
            for item in islice(remaining, max(0, ahead - len(pending))):
                pending.append((item, self._submit(carry_out, sent, item)))
            if not pending:
                return
            item, future = pending.popleft()
            try:
                yield self._result(future)
            except self._distributed.KilledWorker:
                # Units that only waited beside the guilty one are suspects too, and so is what was sent to all: once
                # the others are done, this one is tried alone.
                self._settle([other for _, other in pending])
                sent = self._submit(_itself, work)
                try:
                    yield self._result(self._submit(carry_out, work, item))
                except self._distributed.KilledWorker:
                    yield WorkerLost()

    @override
    def close(self) -> None:
        self._resources.close()

    def _n_processes(self) -> int:
        try:
            return len(self._client.nthreads())
        except (CancelledError, OSError) as error:
            raise self._lost() from error

    def _submit(self, function: Any, *arguments: Any) -> Any:
        import dask.config

        # The warning of a large task would be about the weights of the model, which go once.
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
            return self._client.submit(function, *arguments, pure=False)

    def _result(self, future: Any) -> Any:
        while True:
            self._settle([future])
            try:
                return future.result(timeout=_POLL_SECONDS)
            except (CancelledError, OSError) as error:
                if future.status == "error":
                    raise  # by the work itself
                if not isinstance(error, TimeoutError):
                    raise self._lost() from error
                # Between the two calls its worker ended, and the result with it: it is being computed again.

    def _settle(self, futures: list[Any]) -> None:
        """Wait until all are done or failed, as long as there are workers, or for a while without."""
        since: float | None = None
        while futures:
            try:
                self._distributed.wait(futures, timeout=_POLL_SECONDS)
                return
            except TimeoutError:
                pass
            except (CancelledError, OSError) as error:
                raise self._lost() from error
            if self._client.status != "running":
                raise self._lost()
            self._heal()
            now = time.monotonic()
            since = None if self._n_processes() else since or now
            if since is not None and now - since > self._patience:
                raise ClusterError(
                    f"the scheduler {self._where} has had no worker for {self._patience:g} s. "
                    "Start some (dask worker ADDRESS --nthreads 1), then run the same line again to continue."
                )

    def _lost(self) -> ClusterError:
        return ClusterError(
            f"the scheduler {self._where} was lost. Start it again, then run the same line again to continue."
        )

    def _check_workers(self) -> None:
        try:
            self._client.wait_for_workers(1, timeout=self._patience)
        except TimeoutError as error:
            raise ClusterError(
                f"the scheduler {self._where} has no workers. Start some: dask worker ADDRESS --nthreads 1"
            ) from error
        if threads := {n for n in self._client.nthreads().values() if n != 1}:
            raise ClusterError(
                f"got workers with {max(threads)} threads, expected one each, as RDKit and the random streams of a "
                "process are not shared safely. Start them with: dask worker ADDRESS --nthreads 1 --nworkers CORES"
            )
        try:
            theirs = self._client.run(versions)
        except Exception as error:
            raise ClusterError(
                f"a worker cannot run this package ({error}). Install quotient-diffusion[cluster] on every host."
            ) from error
        ours = versions()
        for address, found in theirs.items():
            if found != ours:
                pairs = [
                    f"{name} {found[name]} there and {ours[name]} here" for name in ours if found[name] != ours[name]
                ]
                raise ClusterError(
                    f"the worker {address} has other versions ({', '.join(pairs)}), so its results would differ. "
                    "Install the same on every host."
                )


def versions() -> dict[str, str]:
    """Versions that decide results, without build tags such as that of CUDA."""
    found = {"python": ".".join(python_version().split(".")[:2])}
    for name in _SAME_VERSIONS:
        try:
            found[name] = version(name).partition("+")[0]
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _connect(where: str, resources: ExitStack) -> tuple[Any, Callable[[], None]]:
    """A client, and what replaces workers that are gone: on this machine we do, elsewhere those who started them."""
    from distributed import Client, LocalCluster

    kind, _, number = where.partition(":")
    if kind == "local":
        if not number.isdecimal() or len(number) > 4 or not 1 <= int(number) <= 1024:
            raise ClusterError(
                f"got --cluster {where[:40]}, expected local:N with the number of processes, 1 to 1024, e.g. local:4"
            )
        cluster: Any = resources.enter_context(
            LocalCluster(
                n_workers=int(number),
                threads_per_worker=1,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
                scheduler_kwargs={"allowed_failures": 1},
            )
        )
        return resources.enter_context(Client(cluster)), partial(cluster.scale, int(number))
    if "://" not in where:
        raise ClusterError(f"got --cluster {where}, expected local:N or an address such as tcp://host:8786")
    try:
        return resources.enter_context(Client(where, timeout=CONNECT_SECONDS)), lambda: None
    except (OSError, ValueError) as error:
        raise ClusterError(
            f"no scheduler answers at {where} ({error}). Start one with: dask scheduler --port 8786"
        ) from error


def _quiet(resources: ExitStack) -> None:
    """Keep Dask's log to itself for a while: what a user can act on is an error of ours."""
    for name in ("distributed", "distributed.client"):
        logger = logging.getLogger(name)
        resources.callback(logger.setLevel, logger.level)
        logger.setLevel(logging.CRITICAL + 1)


def _itself(work: Any) -> Any:
    return work
