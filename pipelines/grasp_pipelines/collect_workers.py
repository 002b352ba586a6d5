"""Collection in processes of this machine: they share a list of shards and die with the one that started them."""

import contextlib
import ctypes
import multiprocessing
import signal
import time
from collections.abc import Callable, Sequence
from multiprocessing import connection
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

from grasp_pipelines.collect_shard import Shard, collect_shard
from grasp_pipelines.processes import die_with_parent, interrupts_wait
from grasp_tfp.errors import GraspError
from grasp_tfp.robots.views import open_viewer

__all__ = ["POLL", "Tally", "collect_in_processes"]

GRACE = 0.3
"""Time that a worker has to end its trial when it is told to stop [s]."""

START_METHOD = "spawn"
"""How workers start: TensorFlow and Beam do not survive a fork."""

POLL = 0.25
"""Time between two looks at the workers [s]."""


class Tally(NamedTuple):
    """How far a collection is."""

    new: int = 0
    """Trials that were run."""

    kept: int = 0
    """Trials that the logs held already."""

    successes: int = 0
    """Of both."""

    cpu_seconds: float = 0.0


class _Shared(NamedTuple):
    """What the workers share; all but `next` and `errors` is free of locks, which a killed process might hold."""

    next: Any
    """How many shards have been taken."""

    counts: Any
    """A row (new, kept, successes, CPU seconds) for each worker."""

    stop: Any
    """Whether to stop."""

    errors: Any
    """Takes the error that ended a worker."""


def collect_in_processes(
    shards: Sequence[Shard], processes: int, progress: Callable[[Tally], None], view: str | None = None
) -> tuple[Tally, bool]:
    """Collects shards, stopping within a second of Ctrl-C.

    Args:
        shards: What to collect.
        processes: How many to do it with.
        progress: Called four times a second.
        view: Where the first process shows its new trials, see `viewer.open_viewer`.

    Returns:
        What was done, and whether it was interrupted.

    Raises:
        GraspError: A worker failed or was killed.
    """
    context: Any = multiprocessing.get_context(START_METHOD)
    shared = _Shared(
        next=context.Value("q", 0),
        counts=context.RawArray(ctypes.c_double, processes * len(Tally())),
        stop=context.RawValue(ctypes.c_bool, False),
        errors=context.SimpleQueue(),
    )
    workers: list[BaseProcess] = []
    interrupted = False
    try:
        with interrupts_wait():
            workers += [_started(context, number, shared, shards, view) for number in range(processes)]
        while any(worker.exitcode is None for worker in workers):
            connection.wait([worker.sentinel for worker in workers if worker.exitcode is None], POLL)
            _raise_failure(workers, shared)
            progress(_added(shared))
        _raise_failure(workers, shared)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        _end(workers, shared)
    return _added(shared), interrupted


def _started(context: Any, number: int, shared: _Shared, shards: Sequence[Shard], view: str | None) -> BaseProcess:
    words = (number, shared, shards, view if number == 0 else None)
    worker: BaseProcess = context.Process(target=_work, args=words, daemon=True)
    worker.start()
    return worker


def _work(number: int, shared: _Shared, shards: Sequence[Shard], view: str | None) -> None:
    """Takes one shard after another until there are no more."""
    die_with_parent()
    size = len(Tally())
    row = memoryview(shared.counts).cast("B").cast("d")[number * size : (number + 1) * size]

    def count(kept: bool, success: bool) -> None:
        row[int(kept)] += 1
        row[2] += success
        row[3] = time.process_time()

    try:
        with contextlib.ExitStack() as stack:
            viewer = None if view is None else stack.enter_context(contextlib.closing(open_viewer(view)))
            while not shared.stop.value and (taken := _take(shared.next)) < len(shards):
                collect_shard(shards[taken], count, stopped=lambda: bool(shared.stop.value), viewer=viewer)
        row[3] = time.process_time()
    except GraspError as error:
        shared.errors.put(error)
        raise SystemExit(1) from error


def _take(counter: Any) -> int:
    with counter.get_lock():
        counter.value += 1
        return int(counter.value) - 1


def _added(shared: _Shared) -> Tally:
    size = len(Tally())
    new, kept, successes, cpu_seconds = (sum(shared.counts[column::size]) for column in range(size))
    return Tally(int(new), int(kept), int(successes), cpu_seconds)


def _raise_failure(workers: list[BaseProcess], shared: _Shared) -> None:
    """Raises what ended a worker before its time."""
    codes = [worker.exitcode for worker in workers if worker.exitcode]
    if not codes:
        return
    if not shared.errors.empty():
        raise shared.errors.get()
    how = f"was killed by {signal.Signals(-codes[0]).name}" if codes[0] < 0 else f"ended with exit code {codes[0]}"
    raise GraspError(
        f"A collecting process {how}. The trials that it had logged are kept; run the same command again to go on."
    )


def _end(workers: list[BaseProcess], shared: _Shared) -> None:
    """Stops the workers that still run; one that does not listen is killed, which costs no logged trial."""
    shared.stop.value = True
    deadline = time.monotonic() + GRACE
    for worker in workers:
        worker.join(max(0.0, deadline - time.monotonic()))
    for worker in workers:
        worker.kill()
        worker.join()
