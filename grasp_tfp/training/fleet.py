"""An evaluation by the protocol on several robots at once."""

import multiprocessing
import multiprocessing.connection
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from grasp_tfp.errors import GraspError
from grasp_tfp.robots.fleet import FleetEntry
from grasp_tfp.training.on_robot import OpenLog, evaluate_robot
from grasp_tfp.training.protocol import Protocol, Row, read_trials

__all__ = ["evaluate_fleet"]

PAUSE = 0.5
"""Between two looks at how far the robots are [s]."""

Progress = Callable[[int, str], None]


def evaluate_fleet(
    entries: Sequence[FleetEntry],
    bundles: Mapping[str, Path],
    protocol: Protocol,
    paths: Mapping[str, Path],
    progress: Progress | None = None,
    log: OpenLog | None = None,
) -> list[Row]:
    """Runs the protocol on all robots, in processes of their own; what stops one robot does not stop the others.

    Args:
        entries: Real robots run all at once, simulated ones as many as there are cores.
        bundles: As for `evaluate_robot`.
        protocol: What to do on each robot.
        paths: Log of each robot.
        progress: Called with the trials done on all robots, and how many processes are at work.
        log: As for `evaluate_robot`; it is sent to other processes.

    Returns:
        The rows of all robots.

    Raises:
        GraspError: Some robots did not get to the end; the first of their reasons, once all others are through.
    """
    context, errors = multiprocessing.get_context("spawn"), list[GraspError]()
    workers = [_Worker(context, group, dict(bundles), protocol, paths, log) for group in _groups(entries)]
    try:
        while running := [worker for worker in workers if worker.process.is_alive()]:
            multiprocessing.connection.wait([worker.process.sentinel for worker in running], PAUSE)
            if progress:
                progress(sum(map(_count, paths.values())), f"{len(running)} processes")
        for worker in workers:
            errors += worker.errors()
    finally:
        for worker in workers:
            worker.process.terminate()
    if errors:
        raise errors[0]
    return [row for entry in entries for row in read_trials(paths[entry.name])[1]]


def _groups(entries: Sequence[FleetEntry]) -> list[list[FleetEntry]]:
    """The robots of each process: real ones alone, simulated ones dealt out to the cores."""
    cores = len(os.sched_getaffinity(0))
    simulated = [entry for entry in entries if entry.driver == "sim"]
    groups = [[entry] for entry in entries if entry.driver != "sim"]
    return groups + [group for core in range(cores) if (group := simulated[core::cores])]


class _Worker:
    """The process of one robot, or of several simulated ones in turn."""

    def __init__(
        self,
        context: Any,
        entries: list[FleetEntry],
        bundles: dict[str, Path],
        protocol: Protocol,
        paths: Mapping[str, Path],
        log: OpenLog | None,
    ) -> None:
        self._names = ", ".join(entry.name for entry in entries)
        self._answer, answer = context.Pipe(duplex=False)
        work = [(entry, bundles, protocol, paths[entry.name], log) for entry in entries]
        self.process = context.Process(target=_evaluate, args=(work, answer), daemon=True)
        self.process.start()
        answer.close()

    def errors(self) -> list[GraspError]:
        """Why robots of the process that has ended did not get to the end."""
        try:
            found: list[GraspError] = self._answer.recv()
        except EOFError:
            return [GraspError(f"{self._names}: the process ended with exit code {self.process.exitcode}.")]
        return found


def _evaluate(
    work: list[tuple[FleetEntry, dict[str, Path], Protocol, Path, OpenLog | None]],
    answer: multiprocessing.connection.Connection,
) -> None:
    """Runs in a process of its own, which ends when the one that started it does."""
    parent, errors = multiprocessing.parent_process(), list[GraspError]()

    def watch(done: int, method: str) -> None:
        if parent is not None and not parent.is_alive():
            raise SystemExit(1)

    try:
        for entry, bundles, protocol, path, log in work:
            try:
                evaluate_robot(entry, bundles, protocol, path, watch, log)
            except GraspError as error:
                errors.append(error)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    answer.send(errors)


def _count(path: Path) -> int:
    """The trials in a log."""
    return max(path.read_bytes().count(b"\n") - 1, 0) if path.exists() else 0
