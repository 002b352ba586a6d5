"""`graspctl train --on-policy`: collectors and a learner side by side (Section VI-C).

runs/mof/
    logs/           what was collected: ordinary logs, and the replay buffer of a run that goes on
    checkpoints/    the averages of the weights, whose newest one collects
"""

import ctypes
import dataclasses
import json
import math
import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grasp_tfp.errors import UsageError, unknown_name
from grasp_tfp.files import write_json
from grasp_tfp.models.loading import load_tensorflow
from graspctl.console import Progress, duration, print_report, rate, summary
from graspctl.runs import RUNS, start_run

__all__ = ["MODELS", "OnPolicy", "train_on_policy"]

MODELS = ("critic", "gmm", "mof", "real-nvp")

SEED = 3_000_000
"""Added to that of the run: of scenes that are in no other collection and no evaluation."""

LEAST_RANDOM = 1000
"""Random trials below which there is hardly a success to begin with."""

REPORT = "training.json"

COLLECTOR_NICENESS = 5
"""Of the collectors: they take what the learner leaves."""

REFRESH = 5.0
"""Time between two looks at the logs [s]."""

POLL = 0.1
"""Time between two looks while there is nothing else to do [s]."""


@dataclasses.dataclass(frozen=True)
class OnPolicy:
    """How to train on what the policy itself collects."""

    model: str
    config: Any
    task: str
    random_logs: Path | None
    """Logs of random trials to begin with; None to collect them."""

    random_trials: int
    """How many random trials to collect, if there are no logs of them."""

    always_random: bool
    """Whether to collect at random all along, to compare."""

    trials_per_step: float
    """How many trials collectors and learner agree on for each step; infinite for as many as time allows."""

    collectors: int
    name: str | None
    trackers: tuple[str, ...] = ()
    """What to log to besides TensorBoard."""

    @property
    def run(self) -> Path:
        """Folder of the run."""
        return RUNS / (self.name or f"{self.model}-on-policy")

    def describe(self) -> dict[str, Any]:
        """What decides the results, as JSON values."""
        return {
            "model": self.model,
            "on_policy": True,
            "task": self.task,
            "logs": None if self.random_logs is None else str(self.random_logs),
            "random_trials": self.random_trials,
            "always_random": self.always_random,
            "trials_per_step": self.trials_per_step if math.isfinite(self.trials_per_step) else None,
            "config": self.config.to_dict(),
        }


def train_on_policy(job: OnPolicy, as_json: bool) -> None:
    """Runs the collectors and the learner until the learner has made its steps.

    Raises:
        UsageError: The model, the task or the logs cannot be used.
    """
    _check(job)
    from grasp_pipelines.on_policy import complete_logs
    from grasp_pipelines.supervisor import supervise

    start_run(job.run, job.describe())
    (job.run / "logs").mkdir(exist_ok=True)
    complete_logs(job.run / "logs")
    status = multiprocessing.get_context("spawn").RawArray(ctypes.c_double, len(_Status.FIELDS))
    try:
        with Progress(f"train {job.model}") as progress:
            supervise(_parts(job, status), "learner", lambda: _Status(status).show(progress))
    finally:
        complete_logs(job.run / "logs")
    _finish(job, as_json)


def _check(job: OnPolicy) -> None:
    from grasp_tfp.sim.tasks import find_task

    if job.model not in MODELS:
        raise unknown_name("model to train on-policy", job.model, MODELS)
    find_task(job.task)
    if job.random_logs is not None:
        from grasp_pipelines.trial_log import log_files

        log_files(job.random_logs)
    elif job.random_trials < LEAST_RANDOM:
        raise UsageError(f"Too few random trials to begin with: expected --random-trials of {LEAST_RANDOM} or more, "
                         f"received {job.random_trials}. Or give their --logs.")  # fmt: skip


def _parts(job: OnPolicy, status: Any) -> dict[str, Any]:
    from grasp_pipelines.supervisor import Part

    collectors = {
        f"collector {number}": Part(_collect, (job, number), COLLECTOR_NICENESS) for number in range(job.collectors)
    }
    return {"learner": Part(_learn, (job, status))} | collectors


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
            progress.update(int(step), int(steps), f"loss {criterion:.3f}, {successes:.0f} of {trials:.0f} trials held")


def _collect(job: OnPolicy, number: int, stopped: Callable[[], bool]) -> None:
    """The work of a collector's process."""
    load_tensorflow(threads=1)
    from grasp_pipelines.on_policy import Collection, collect_forever

    collection = Collection(
        logs=job.run / "logs",
        checkpoints=job.run / "checkpoints",
        model=job.model,
        config=job.config,
        task=job.task,
        seed=SEED + job.config.train.seed,
        random_trials=0 if job.random_logs else job.random_trials,
        always_random=job.always_random,
        trials_per_step=job.trials_per_step,
        collector=number,
        collectors=job.collectors,
    )
    collect_forever(collection, lambda success: None, stopped=stopped)


def _learn(job: OnPolicy, shared: Any, stopped: Callable[[], bool]) -> None:
    """The work of the learner's process."""
    load_tensorflow()
    from grasp_pipelines.on_policy import LogFollower
    from grasp_tfp.experiments.watching import watching
    from grasp_tfp.models import bundle
    from grasp_tfp.sim.tasks import describe_cell_of
    from grasp_tfp.training import off_policy, replay_buffer
    from grasp_tfp.training.tracking import make_tracker

    status, config = _Status(shared), job.config
    network = _network(job)
    buffer = replay_buffer.ReplayBuffer(job.task, config.vision.image_size, failures=job.model == "critic")
    if job.random_logs is not None:
        buffer.add(LogFollower([job.random_logs])())
    begun = buffer.rate.trials if job.random_logs else job.random_trials
    refresh = _Refresh(buffer, LogFollower([job.run / "logs"]), status)
    while not buffer.ready or buffer.rate.trials < begun:
        refresh()
        time.sleep(POLL)

    def batches(done: int) -> Any:
        seed = (config.train.seed, done)
        return replay_buffer.endless_batches(buffer, config.train.batch_size, seed, _Pace(job, refresh, begun, done))

    def progress(step: int, steps: int, criterion: float) -> None:
        status.set(step=step, steps=steps, criterion=criterion)
        if job.model == "critic":
            network.failures_kept.assign(min(1.0, buffer.odds))

    report = off_policy.train(
        network,
        batches,
        None,
        job.run,
        progress=progress,
        callbacks=[
            *watching(job.model, job.run, network, job.task),
            *(make_tracker(tracker, job.run, job.describe()) for tracker in job.trackers),
        ],
    )
    found = dataclasses.asdict(report) | {"trials": buffer.rate.trials, "successes": buffer.rate.successes}
    if not (job.run / "bundle").exists():
        bundle.export(network, job.run / "bundle", {"cell": describe_cell_of([job.task]), "training": found})
    write_json(job.run / REPORT, found)


class _Refresh:
    """Fills the buffer from the logs, now and then."""

    def __init__(self, buffer: Any, follower: Callable[[], Any], status: _Status) -> None:
        self._buffer, self._follower, self._status = buffer, follower, status
        self._last = -REFRESH

    @property
    def trials(self) -> int:
        """How many there are in the buffer."""
        return int(self._buffer.rate.trials)

    def __call__(self) -> None:
        if time.monotonic() - self._last < REFRESH:
            return
        self._buffer.add(self._follower())
        self._status.set(successes=self._buffer.rate.successes, trials=self._buffer.rate.trials)
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
        from grasp_tfp.training.off_policy import EPOCH_STEPS

        return self._begun + self._per_step * (self._step - 2 * EPOCH_STEPS)


def _network(job: OnPolicy) -> Any:
    from grasp_tfp.models.actor import build_actor
    from grasp_tfp.models.critic import build_critic

    return build_critic(job.config) if job.model == "critic" else build_actor(job.config, job.model)


def _finish(job: OnPolicy, as_json: bool) -> None:
    report = json.loads((job.run / REPORT).read_text(encoding="utf-8"))
    if as_json:
        return print_report(report)
    policy = "cem" if job.model == "critic" else "actor,ensemble"
    summary(
        f"{job.run}/ (policy bundle, {job.run / 'logs'}/)",
        [
            f"{report['steps']} steps in {duration(report['seconds'])}, "
            f"{rate(report['steps'], report['seconds'])} a second; {report['parameters']} parameters",
            f"{report['successes']} of {report['trials']} trials held; the success of the policy while it learned is "
            f"in {job.run / 'history.csv'}",
        ],
        f"graspctl eval --sim --run {job.run} --policy {policy} -n 1000",
    )
