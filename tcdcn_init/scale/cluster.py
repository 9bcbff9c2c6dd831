"""Ray: connecting to it, and handing work to processes that each hold a worker."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from typing import Any

__all__ = ["connected", "on_actors", "worker_count"]

_STARTS = 5  # processes lost in their start, one after another, that end a run

_STORE = 500_000_000  # bytes of a local cluster's object store, which here holds names and counts


@contextlib.contextmanager
def connected(address: str, jobs: int | None) -> Iterator[None]:
    """Be connected to a cluster, to one that is made and ended here for the address "local".

    Raises
    ------
    ConnectionError
        If there is no cluster at the address.
    """
    # Asked before it is imported: it would tell its makers of its use.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    logging.getLogger("ray").setLevel(logging.ERROR)
    import ray

    if ray.is_initialized():
        yield
        return
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        # Otherwise it tells on the terminal what it takes for a danger and is none here.
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        options |= {"num_cpus": jobs, "include_dashboard": False, "object_store_memory": _STORE}
    try:
        ray.init(address, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ConnectionError(
            f"no Ray cluster answers at {address!r} ({error}); expected the address that `ray start --head` told, "
            '"auto" on a machine of the cluster, or "local"'
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def worker_count(jobs: int | None, gpus: float) -> int:
    """Processes: as many as asked for, or as the cluster has cores and, where they are wanted, graphics processors for.

    Raises
    ------
    ValueError
        If the cluster has no such processor: Ray would wait for one for ever.
    """
    import ray

    there = ray.cluster_resources()
    if gpus > there.get("GPU", 0.0):
        raise ValueError(
            f"gpus is {gpus}, and the cluster has {there.get('GPU', 0.0):g} graphics processors; expected no more, or 0"
        )
    most = min(there["CPU"], there["GPU"] / gpus) if gpus else there["CPU"]
    return jobs or max(1, int(most))


def on_actors(
    blocks: Any,
    kind: type,
    arguments: tuple[Any, ...],
    *,
    size: int,
    jobs: tuple[int, int],
    gpus: float,
    batch_format: str = "numpy",
) -> Iterator[str]:
    """Hand a data set's batches to processes, and yield the summaries that they return.

    Parameters
    ----------
    blocks : ray.data.Dataset
    kind : type
        Made once in each process from the arguments, and called with a batch.
    arguments : tuple
    size : int
        Rows of a batch.
    jobs : (int, int)
        Processes at least and at most.
    gpus : float
        That each takes.
    batch_format : str
        As for ``map_batches``.

    Raises
    ------
    Exception
        What a process raised, which is what it would be without Ray: a full disk is an OSError.
    """
    import ray.data
    import ray.exceptions

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False  # there is one already
    context.print_on_execution_start = False
    # Killed while it starts, a process is one that is lost like others.
    if hasattr(context, "max_consecutive_actor_init_deaths"):
        context.max_consecutive_actor_init_deaths = _STARTS
    # It has set a level of its own by now.
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    summaries = blocks.map_batches(
        kind,
        batch_size=size,
        batch_format=batch_format,
        fn_constructor_args=arguments,
        compute=ray.data.ActorPoolStrategy(min_size=jobs[0], max_size=jobs[1]),
        num_cpus=1,
        num_gpus=gpus or None,
    )
    try:
        for row in summaries.iter_rows():
            yield row["summary"]
    except ray.exceptions.RayError as error:
        raise _cause_of(error) from error


def _cause_of(error: BaseException) -> BaseException:
    """What went wrong in the process itself."""
    seen = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        seen.append(cause)
        cause = getattr(cause, "cause", None) or cause.__cause__
    own = [found for found in seen if not type(found).__module__.startswith("ray.")]
    if own:
        return own[-1]
    first = str(error).strip().splitlines()[0]
    return ChildProcessError(
        f"the cluster's processes could not go on ({type(error).__name__}: {first}); what is finished is kept: run the "
        "same command again to go on"
    )
