"""Collection in parallel: every shard of trials is one log, written by one process.

A shard holds a fixed range of trial indices and a trial is a pure function of task, seed and index, so
the same seed gives the same files on one worker or many.
"""

import concurrent.futures
import dataclasses
import multiprocessing
import os
import pathlib
import signal
import time
from collections.abc import Callable
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Event

from grasp_pipelines.trial_log import TrialWriter
from grasp_tfp.errors import GraspError, UsageError
from grasp_tfp.policies.policy import run_trial
from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.sim.tasks import find_task

__all__ = ["SHARD_TRIALS", "CollectionReport", "Shard", "collect", "collect_shard"]

SHARD_TRIALS = 1000
"""Trials in one log."""


@dataclasses.dataclass(frozen=True)
class Shard:
    """A range of trials that go into one log."""

    out: pathlib.Path
    task: str
    seed: int
    start: int
    stop: int

    @property
    def path(self) -> pathlib.Path:
        """The log's file."""
        return self.out / f"{self.task}-{self.seed}-{self.start:09d}.mcap"


@dataclasses.dataclass(frozen=True)
class CollectionReport:
    """What a collection did."""

    trials: int
    successes: int
    seconds: float
    cpu_seconds: float
    files: int
    bytes: int
    interrupted: bool
    """Whether it was stopped before all trials were run."""


_done: "Synchronized[int]"
_successes: "Synchronized[int]"
_stop: Event


def collect(
    out: pathlib.Path,
    *,
    task: str = "blocks",
    trials: int,
    seed: int = 0,
    workers: int | None = None,
    progress: Callable[[int, int, int], None] | None = None,
) -> CollectionReport:
    """Runs random grasp trials in the simulator and logs them.

    Args:
        out: Folder for the logs, missing or empty.
        task: What lies in the tray.
        trials: How many trials, from index 0.
        seed: Start of every random choice.
        workers: Processes; one per core by default.
        progress: Called with trials done, trials in all, and successes so far.

    Raises:
        UsageError: The task is unknown or the folder is in use.
    """
    find_task(task)
    _claim(out)
    started = time.perf_counter()
    shards = [
        Shard(out, task, seed, start, min(start + SHARD_TRIALS, trials)) for start in range(0, trials, SHARD_TRIALS)
    ]
    context = multiprocessing.get_context("spawn")
    shared = context.Value("q", 0), context.Value("q", 0), context.Event()
    done, successes, stop = shared
    processes = min(workers or _cores(), len(shards))
    with concurrent.futures.ProcessPoolExecutor(processes, context, _initialise, shared) as pool:
        futures = [pool.submit(collect_shard, shard) for shard in shards]
        try:
            waiting = set(futures)
            while waiting:
                waiting = concurrent.futures.wait(waiting, timeout=0.25).not_done
                if progress:
                    progress(done.value, trials, successes.value)
        except KeyboardInterrupt:
            stop.set()
            pool.shutdown(cancel_futures=True)
        cpu_seconds = sum(_result(future) for future in futures if not future.cancelled())
    files = sorted(out.glob("*.mcap"))
    return CollectionReport(
        trials=done.value,
        successes=successes.value,
        seconds=time.perf_counter() - started,
        cpu_seconds=cpu_seconds,
        files=len(files),
        bytes=sum(path.stat().st_size for path in files),
        interrupted=stop.is_set(),
    )


def collect_shard(shard: Shard) -> float:
    """Runs and logs the trials of one shard; returns the CPU time it took [s]."""
    started = time.process_time()
    robot, policy = SimRobot(task=shard.task, seed=shard.seed), RandomPolicy()
    with TrialWriter(shard.path) as writer:
        for index in range(shard.start, shard.stop):
            if _stop.is_set():
                break
            trial = run_trial(robot, policy, shard.seed, index)
            writer.write(trial)
            with _done.get_lock():
                _done.value += 1
                _successes.value += trial.success
    robot.close()
    return time.process_time() - started


def _initialise(done: "Synchronized[int]", successes: "Synchronized[int]", stop: Event) -> None:
    """Makes the shared counters known to a worker, which leaves Ctrl-C to its parent."""
    global _done, _successes, _stop
    _done, _successes, _stop = done, successes, stop
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _result(future: "concurrent.futures.Future[float]") -> float:
    try:
        return future.result()
    except OSError as error:
        raise GraspError(
            f"Cannot write the log {error.filename!r}: {error.strerror}. The trials before it are kept."
        ) from error
    except concurrent.futures.process.BrokenProcessPool as error:
        raise GraspError("A collecting process was killed. The trials that it had logged are kept.") from error


def _claim(out: pathlib.Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        found = "a folder with files in it" if out.is_dir() else "a file"
        raise UsageError(
            f"Cannot collect into {str(out)!r}: expected a new or empty folder, found {found}. Use --out NEW."
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GraspError(
            f"Cannot create the folder {str(out)!r}: {error.strerror}. Use --out with another path."
        ) from error


def _cores() -> int:
    return len(os.sched_getaffinity(0))
