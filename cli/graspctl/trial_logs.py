"""Logs of trials on real robots, in the format of `graspctl collect`."""

import contextlib
import dataclasses
import datetime
from collections.abc import Callable, Iterator
from pathlib import Path

from grasp_tfp.trial import Trial

__all__ = ["logged"]


@contextlib.contextmanager
def logged(folder: Path, robot: str) -> Iterator[Callable[[Trial], None]]:
    """A new log of one robot, which begins to exist with its first trial.

    Args:
        folder: Where the logs are.
        robot: Name in the fleet file.

    Yields:
        What takes each trial, and names it after robot, time and policy: a real trial can be made only once.
    """
    from grasp_pipelines.trial_log import TrialWriter

    session = f"{robot}-{datetime.datetime.now(datetime.UTC):%Y%m%dT%H%M%S%fZ}"
    with contextlib.ExitStack() as stack:
        writers: list[TrialWriter] = []

        def keep(trial: Trial) -> None:
            if not writers:
                folder.mkdir(parents=True, exist_ok=True)
                writers.append(stack.enter_context(TrialWriter(folder / f"{session}.mcap")))
            name = f"{session}-{trial.policy}-{trial.index:09d}"
            writers[0].write(dataclasses.replace(trial, trial_id=name))

        yield keep
