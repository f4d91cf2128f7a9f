"""Options for the processes that do the work: `--workers` on this machine, `--cluster` anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from applications.workers import AbstractWorkers

Workers = Annotated[int, typer.Option(min=1, max=1024, help="Processes on this machine; results do not depend on it.")]
Cluster = Annotated[
    str | None,
    typer.Option(
        help="Dask workers instead: local:N for N processes that are replaced when they die, or the address of a "
        "scheduler, e.g. tcp://host:8786. Needs the extra `cluster`."
    ),
]


def open_workers(workers: int, cluster: str | None) -> AbstractWorkers:
    """The processes asked for.

    Raises:
        ValueError: both were asked for, or the cluster cannot be used.
    """
    if cluster is None:
        from applications.workers import ProcessWorkers

        return ProcessWorkers(workers)
    if workers > 1:
        raise ValueError("got --workers and --cluster: give one of them (--cluster local:N is N processes here).")
    from applications.cluster import ClusterWorkers

    return ClusterWorkers(cluster)
