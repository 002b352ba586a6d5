"""An on-policy training as a whole: its processes, and what they tell while they work."""

import ctypes
import json
import multiprocessing
from collections.abc import Callable
from typing import Any

from grasp_pipelines.on_policy.job import OnPolicy
from grasp_pipelines.on_policy.logs import complete_logs
from grasp_pipelines.supervisor import Part, supervise
from grasp_tfp.models.loading import load_tensorflow

__all__ = ["train_on_policy"]

COLLECTOR_NICENESS = 5
"""Of the collectors: they take what the learner leaves."""

Progress = Callable[[int, int, str], None]
"""Told the steps made, the steps in all, and how the policy does."""


def train_on_policy(job: OnPolicy, progress: Progress) -> dict[str, Any]:
    """Runs the collectors and the learner until the learner has made its steps.

    Args:
        job: What to train.
        progress: Called twice a second.

    Returns:
        What a `grasp_tfp.training.off_policy.TrainingReport` holds, `trials`, and `successes` among them.

    Raises:
        GraspError: A process failed, or was killed again and again.
    """
    job.logs.mkdir(exist_ok=True)
    complete_logs(job.logs)
    status = multiprocessing.get_context("spawn").RawArray(ctypes.c_double, len(_Status.FIELDS))
    parts = {"learner": Part(_learn, (job, status))}
    for number in range(job.collectors):
        parts[f"collector {number}"] = Part(_collect, (job, number), COLLECTOR_NICENESS)
    try:
        supervise(parts, "learner", lambda: _Status(status).show(progress))
    finally:
        complete_logs(job.logs)
    return dict(json.loads(job.report.read_text(encoding="utf-8")))


class _Status:
    """What the learner tells of itself, in memory that it shares with the process that shows it."""

    FIELDS = ("step", "steps", "criterion", "successes", "trials")

    def __init__(self, shared: Any) -> None:
        self._shared = shared

    def set(self, **values: float) -> None:
        for name, value in values.items():
            self._shared[self.FIELDS.index(name)] = value

    def show(self, progress: Progress) -> None:
        step, steps, criterion, successes, trials = self._shared
        if steps:
            progress(int(step), int(steps), f"loss {criterion:.3f}, {successes:.0f} of {trials:.0f} trials held")


def _collect(job: OnPolicy, number: int, stopped: Callable[[], bool]) -> None:
    """The work of a collector's process, on one core: the others are the learner's."""
    load_tensorflow(threads=1)
    from grasp_pipelines.on_policy.collector import collect_forever

    collect_forever(job, number, stopped=stopped)


def _learn(job: OnPolicy, status: Any, stopped: Callable[[], bool]) -> None:
    """The work of the learner's process."""
    load_tensorflow()
    from grasp_pipelines.on_policy.learner import learn

    learn(job, _Status(status).set)
