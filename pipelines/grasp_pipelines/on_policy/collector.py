"""A collector of an on-policy training: random trials to begin with, then trials of the newest policy."""

import contextlib
import dataclasses
import math
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grasp_pipelines.on_policy.job import OnPolicy, build_network
from grasp_pipelines.trial_log import TrialWriter
from grasp_tfp.policies.actor import ExploringPolicy
from grasp_tfp.policies.critic import CemPolicy
from grasp_tfp.policies.policy import Policy, run_trials
from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.robots.sim import SimRobot

__all__ = ["LOG_TRIALS", "collect_forever"]

LOG_TRIALS = 250
"""Trials in one log, all of one policy."""

AT_ONCE = 16
"""Trials that run at the same time."""

WAIT = 0.5
"""Time between two looks for a policy where there is none yet [s]."""


def collect_forever(job: OnPolicy, number: int, *, stopped: Callable[[], bool]) -> None:
    """Appends trials to the logs: random ones to begin with, then those of the newest policy.

    Args:
        job: What to collect for.
        number: Of this collector, from 0.
        stopped: Asked before each log, and after each trial when it is in its log, whether to end.
    """
    newest = _NewestPolicy(job)
    with contextlib.ExitStack() as stack:
        size = job.config.vision.image_size
        robots = [SimRobot(task=job.task, seed=job.seed, image_size=size) for _ in range(AT_ONCE)]
        for robot in robots:
            stack.callback(robot.close)
        start = _next_start(job, number)
        while not stopped():
            random = job.always_random or start < job.random_first
            policy = RandomPolicy() if random else newest()
            if policy is None or start >= _due(job):
                time.sleep(WAIT)
                continue
            with TrialWriter(job.logs / f"{job.task}-{job.seed}-{start:09d}.mcap") as writer:
                for run in run_trials(robots, policy, job.seed, range(start, start + LOG_TRIALS)):
                    writer.write(run.trial)
                    if stopped():
                        return
            start += LOG_TRIALS * job.collectors


class _NewestPolicy:
    """The policy of the newest checkpoint, as it explores."""

    def __init__(self, job: OnPolicy) -> None:
        self._job = job
        self._network: Any = None
        self._loaded: Path | None = None
        self._policy: Policy | None = None

    def __call__(self) -> Policy | None:
        """The policy, or None before the first checkpoint."""
        from grasp_tfp.training.checkpoints import load_average, newest_average

        newest = newest_average(self._job.checkpoints)
        if newest is None or newest == self._loaded:
            return self._policy
        if self._network is None:
            self._network = build_network(self._job)
        try:
            self._policy = self._acting(load_average(self._network, newest))
        except FileNotFoundError:
            return self._policy
        self._loaded = newest
        return self._policy

    def _acting(self, digest: str) -> Policy:
        from grasp_tfp.models.bundle import in_memory

        policy = in_memory(self._network)
        policy = dataclasses.replace(policy, manifest=policy.manifest | {"digest": digest})
        return CemPolicy(policy) if self._job.model == "critic" else ExploringPolicy(policy)


def _due(job: OnPolicy) -> float:
    """How many trials there may be by now."""
    from grasp_tfp.training.checkpoints import newest_average
    from grasp_tfp.training.off_policy import EPOCH_STEPS

    if job.trials_per_step == math.inf:
        return math.inf
    newest = newest_average(job.checkpoints)
    step = 0 if newest is None else int(newest.name)
    return job.random_first + job.trials_per_step * (step + EPOCH_STEPS)


def _next_start(job: OnPolicy, number: int) -> int:
    """The first number of a log that collector `number` has not begun."""
    name = re.compile(rf"{re.escape(job.task)}-{job.seed}-(\d{{9}})\.mcap")
    found = (name.fullmatch(path.name) for path in job.logs.glob("*.mcap"))
    blocks = [int(match[1]) // LOG_TRIALS for match in found if match]
    own = [block for block in blocks if block % job.collectors == number]
    return LOG_TRIALS * (max(own) + job.collectors if own else number)
