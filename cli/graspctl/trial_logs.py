"""Logs of trials on real robots, in the format of `graspctl collect`."""

import contextlib
import dataclasses
import datetime
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = ["logged", "logs_of"]


@contextlib.contextmanager
def logged(folder: Path, robot: str) -> Iterator[Callable[[Any], None]]:
    """A new log of one robot, which begins to exist with its first trial.

    Args:
        folder: Where the logs are.
        robot: Name in the fleet file.

    Yields:
        What takes each trial, a `grasp_tfp.trial.Trial`, and names it after robot, time and policy: a real trial can be
        made only once.
    """
    from grasp_pipelines.trial_log import TrialWriter

    session = f"{robot}-{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%S%fZ}"
    with contextlib.ExitStack() as stack:
        writers: list[TrialWriter] = []

        def keep(trial: Any) -> None:
            """Begins the log with the first trial."""
            if not writers:
                folder.mkdir(parents=True, exist_ok=True)
                writers.append(stack.enter_context(TrialWriter(folder / f"{session}.mcap")))
            name = f"{session}-{trial.policy}-{trial.index:09d}"
            writers[0].write(dataclasses.replace(trial, trial_id=name))

        yield keep


def logs_of(home: Path, entries: Sequence[Any]) -> list[str]:
    """The folder of the logs below an evaluation's, where one of the robots is a real one.

    Args:
        home: Folder of the evaluation.
        entries: The robots, each a `grasp_tfp.robots.fleet.FleetEntry`.
    """
    return [f"{home / 'logs'}/"] if any(entry.driver != "sim" for entry in entries) else []
