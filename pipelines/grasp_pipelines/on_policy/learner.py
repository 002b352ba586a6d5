"""The learner of an on-policy training: it follows the logs, and leaves checkpoints for the collectors."""

import dataclasses
import math
import time
from collections.abc import Callable

import tensorflow as tf

from grasp_pipelines.on_policy.job import OnPolicy, build_network
from grasp_pipelines.on_policy.logs import LogFollower
from grasp_tfp.experiments.watching import watching
from grasp_tfp.files import write_json
from grasp_tfp.models import bundle
from grasp_tfp.sim.tasks import describe_cell_of
from grasp_tfp.training import off_policy
from grasp_tfp.training.replay_buffer import ReplayBuffer, endless_batches
from grasp_tfp.training.tracking import make_tracker

__all__ = ["Tell", "learn"]

REFRESH = 5.0
"""Time between two looks at the logs [s]."""

POLL = 0.1
"""Time between two looks while there is nothing else to do [s]."""

Tell = Callable[..., None]
"""Takes what is new among `step`, `steps`, `criterion`, `successes` and `trials`."""


def learn(job: OnPolicy, tell: Tell) -> None:
    """Trains until all steps are made, exports the policy bundle, and writes the report.

    Args:
        job: What to train.
        tell: Called as the training goes on.
    """
    network = build_network(job)
    buffer = ReplayBuffer(job.task, job.config.vision.image_size, failures=job.model == "critic")
    if job.random_logs is not None:
        buffer.add(LogFollower(job.random_logs)())
    begun = buffer.rate.trials if job.random_logs else job.random_trials
    refresh = _Refresh(buffer, LogFollower(job.logs), tell)
    while not buffer.ready or buffer.rate.trials < begun:
        refresh()
        time.sleep(POLL)

    def batches(done: int) -> tf.data.Dataset:
        seed = (job.config.train.seed, done)
        return endless_batches(buffer, job.config.train.batch_size, seed, _Pace(job, refresh, begun, done))

    def progress(step: int, steps: int, criterion: float) -> None:
        tell(step=step, steps=steps, criterion=criterion)
        if job.model == "critic":
            network.failures_kept.assign(min(1.0, buffer.odds))

    callbacks = [
        *watching(job.model, job.run, network, job.task),
        *(make_tracker(tracker, job.run, job.describe()) for tracker in job.trackers),
    ]
    initial = None if job.start is None else bundle.load(job.start / "bundle")
    report = off_policy.train(network, batches, None, job.run, initial=initial, progress=progress, callbacks=callbacks)
    found = dataclasses.asdict(report) | {"trials": buffer.rate.trials, "successes": buffer.rate.successes}
    if not (job.run / "bundle").exists():
        bundle.export(network, job.run / "bundle", {"cell": describe_cell_of([job.task]), "training": found})
    write_json(job.report, found)


class _Refresh:
    """Fills the buffer from the logs, now and then."""

    def __init__(self, buffer: ReplayBuffer, follower: LogFollower, tell: Tell) -> None:
        self._buffer, self._follower, self._tell = buffer, follower, tell
        self._last = -REFRESH

    @property
    def trials(self) -> int:
        """How many there are in the buffer."""
        return int(self._buffer.rate.trials)

    def __call__(self) -> None:
        if time.monotonic() - self._last < REFRESH:
            return
        self._buffer.add(self._follower())
        self._tell(successes=self._buffer.rate.successes, trials=self._buffer.rate.trials)
        self._last = time.monotonic()


class _Pace:
    """Refreshes the buffer before each batch, and waits for the collectors if they fell behind."""

    def __init__(self, job: OnPolicy, refresh: _Refresh, begun: int, step: int) -> None:
        self._per_step, self._refresh, self._begun, self._step = job.trials_per_step, refresh, begun, step

    def __call__(self) -> None:
        self._refresh()
        self._step += 1
        while math.isfinite(self._per_step) and self._refresh.trials < self._due():
            time.sleep(POLL)
            self._refresh()

    def _due(self) -> float:
        """The first policy comes after an epoch, and its trials are read by the end of the next."""
        return self._begun + self._per_step * (self._step - 2 * off_policy.EPOCH_STEPS)
