"""Trials of the newest policy of a training run, and the trials that its logs gained meanwhile (Section VI-C).

The logs are ordinary ones, each of a few hundred trials of one policy. The collector appends to them, the learner
follows them, and neither knows of the other: whichever is killed, the logs and the checkpoints are all that counts.
"""

import contextlib
import dataclasses
import math
import os
import pathlib
import re
import shutil
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from grasp_pipelines.trial_log import TrialWriter, is_finished, read_trials
from grasp_tfp.config import Config
from grasp_tfp.policies.actor import ExploringPolicy
from grasp_tfp.policies.critic import CemPolicy
from grasp_tfp.policies.policy import Policy, run_trials
from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.trial import Trial

__all__ = ["Collection", "LogFollower", "NewestPolicy", "collect_forever", "complete_logs"]

LOG_TRIALS = 250
"""Trials in one log, all of one policy."""

AT_ONCE = 16
"""Trials that run at the same time."""

MOVES = 2
"""Moves of an exploring trial: one there from anywhere, and one from near it. More cost time and tell no more."""

WAIT = 0.5
"""Time between two looks for a policy where there is none yet [s]."""

UNFINISHED = ".unfinished"


@dataclasses.dataclass(frozen=True)
class Collection:
    """What a collector does."""

    logs: pathlib.Path
    """Where its logs go."""

    checkpoints: pathlib.Path
    """Where the learner leaves the averages of its weights."""

    model: str
    """`mof`, `gmm`, `real-nvp` or `critic`."""

    config: Config
    task: str
    seed: int
    """Of scenes and policies; the number of a trial makes its scene new."""

    random_trials: int
    """How many trials of the random policy to begin with."""

    always_random: bool = False
    """Whether to stay with the random policy, to compare."""

    trials_per_step: float = math.inf
    """How many trials to run after those for each step that the learner makes; as many as time allows by default."""

    collector: int = 0
    """Number of this collector."""

    collectors: int = 1
    """How many collectors share the logs."""


class LogFollower:
    """Reads the trials that logs gained since the last time.

    Args:
        folders: Of the logs; those that do not exist yet count as empty.
    """

    def __init__(self, folders: Iterable[pathlib.Path]) -> None:
        self._folders = tuple(folders)
        self._read: dict[pathlib.Path, tuple[int, int]] = {}
        self._whole: set[pathlib.Path] = set()

    def __call__(self) -> Iterator[Trial]:
        """Yields each trial once."""
        for path in [path for folder in self._folders for path in sorted(folder.glob("*.mcap"))]:
            if path in self._whole:
                continue
            size, seen = self._read.get(path, (-1, 0))
            found, finished = path.stat().st_size, is_finished(path)
            if found != size:
                for number, trial in enumerate(read_trials(path)):
                    if number >= seen:
                        seen += 1
                        yield trial
                self._read[path] = found, seen
            if finished:
                self._whole.add(path)


class NewestPolicy:
    """The policy of the newest checkpoint, as it explores."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self._network: Any = None
        self._loaded: pathlib.Path | None = None
        self._policy: Policy | None = None

    def __call__(self) -> Policy | None:
        """The policy, or None before the first checkpoint."""
        from grasp_tfp.training.checkpoints import load_average, newest_average

        newest = newest_average(self._collection.checkpoints)
        if newest is None or newest == self._loaded:
            return self._policy
        if self._network is None:
            self._network = _build(self._collection)
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
        return CemPolicy(policy) if self._collection.model == "critic" else _BriefPolicy(policy)


class _BriefPolicy(ExploringPolicy):
    """Explores in a fixed number of moves."""

    def stop(self, step: int, move: Any, rng: Any) -> str | None:
        """Stops after `MOVES`."""
        return "num-actions" if step >= MOVES else None


def collect_forever(collection: Collection, count: Callable[[bool], None], *, stopped: Callable[[], bool]) -> None:
    """Appends trials to the logs: random ones to begin with, then those of the newest policy.

    Args:
        collection: What to collect.
        count: Called after each trial, when it is in its log, with its success.
        stopped: Asked after each trial whether to end.
    """
    newest = NewestPolicy(collection)
    with contextlib.ExitStack() as stack:
        size = collection.config.vision.image_size
        robots = [SimRobot(task=collection.task, seed=collection.seed, image_size=size) for _ in range(AT_ONCE)]
        for robot in robots:
            stack.callback(robot.close)
        start = _next_start(collection)
        while not stopped():
            random = collection.always_random or start < collection.random_trials
            policy = RandomPolicy() if random else newest()
            if policy is None or start >= _due(collection):
                time.sleep(WAIT)
                continue
            with TrialWriter(collection.logs / f"{collection.task}-{collection.seed}-{start:09d}.mcap") as writer:
                for run in run_trials(robots, policy, collection.seed, range(start, start + LOG_TRIALS)):
                    writer.write(run.trial)
                    count(run.trial.success)
                    if stopped():
                        return
            start += LOG_TRIALS * collection.collectors


def complete_logs(folder: pathlib.Path) -> None:
    """Gives logs whose writer was killed their ends, so that every reader takes them for whole."""
    aside = folder / UNFINISHED
    for path in sorted(folder.glob("*.mcap")):
        if is_finished(path):
            continue
        aside.mkdir(exist_ok=True)
        copy = aside / f"{path.name}.{uuid.uuid4().hex}"
        with TrialWriter(copy) as writer:
            for trial in read_trials(path):
                writer.write(trial)
        os.replace(copy, path)
    shutil.rmtree(aside, ignore_errors=True)


def _due(collection: Collection) -> float:
    """How many trials there may be by now."""
    from grasp_tfp.training.checkpoints import newest_average
    from grasp_tfp.training.off_policy import EPOCH_STEPS

    if collection.trials_per_step == math.inf:
        return math.inf
    newest = newest_average(collection.checkpoints)
    step = 0 if newest is None else int(newest.name)
    return collection.random_trials + collection.trials_per_step * (step + EPOCH_STEPS)


def _next_start(collection: Collection) -> int:
    """The first number of a log that this collector has not begun."""
    name = re.compile(rf"{re.escape(collection.task)}-{collection.seed}-(\d{{9}})\.mcap")
    found = (name.fullmatch(path.name) for path in collection.logs.glob("*.mcap"))
    blocks = [int(match[1]) // LOG_TRIALS for match in found if match]
    own = [block for block in blocks if block % collection.collectors == collection.collector]
    return LOG_TRIALS * (max(own) + collection.collectors if own else collection.collector)


def _build(collection: Collection) -> Any:
    from grasp_tfp.models.actor import build_actor
    from grasp_tfp.models.critic import build_critic

    if collection.model == "critic":
        return build_critic(collection.config)
    return build_actor(collection.config, collection.model)
