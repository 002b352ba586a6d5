"""One shard of a collection: a fixed range of trials in one log, completed where it was cut off.

A trial is a function of its recipe and index, and a log's bytes depend on its trials alone, so a log that
was interrupted any number of times ends up the same as one that never was.
"""

import contextlib
import dataclasses
import functools
import pathlib
import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import simplejpeg

from grasp_pipelines.steps import TrialImages
from grasp_pipelines.trial_log import MalformedLog, TrialWriter, is_finished, read_trials
from grasp_tfp.errors import BundleRejected, GraspError, UsageError
from grasp_tfp.models.loading import load_tensorflow
from grasp_tfp.policies.actor import ExploringPolicy
from grasp_tfp.policies.policy import run_trial
from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.robots.deployment import check_fit
from grasp_tfp.robots.robot import Robot
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.robots.viewer import Viewer, WatchedRobot, WatchedSampler
from grasp_tfp.trial import Trial, trial_name

__all__ = ["LOG_NAME", "UNFINISHED", "Counter", "Recipe", "Shard", "check_trial", "collect_shard"]

UNFINISHED = ".unfinished"
"""Folder inside that of the logs for what is being written."""

LOG_NAME = re.compile(r"(?P<task>.+)-(?P<seed>\d+)-(?P<start>\d{9})\.mcap")

Counter = Callable[[bool, bool], None]
"""Told about each trial of the log: whether it was there already, and whether it succeeded."""


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What a trial depends on besides its index."""

    task: str
    seed: int
    policy: str = RandomPolicy.name
    """`random` or `exploring`."""

    digest: str = ""
    """SHA-256 of the policy bundle."""

    bundle: pathlib.Path | None = None
    """Folder of the policy bundle; None for the random policy."""

    images: int | None = None
    """Height and width of the logged images [pixels]; None to log states only."""


@dataclasses.dataclass(frozen=True)
class Shard:
    """A range of trials that go into one log."""

    out: pathlib.Path
    recipe: Recipe
    start: int
    stop: int

    @property
    def path(self) -> pathlib.Path:
        """The log's file."""
        return self.out / f"{self.recipe.task}-{self.recipe.seed}-{self.start:09d}.mcap"


def collect_shard(
    shard: Shard,
    count: Counter,
    *,
    stopped: Callable[[], bool] = lambda: False,
    visible: bool = True,
    viewer: Viewer | None = None,
) -> None:
    """Makes the log of a shard complete, keeping the trials that it has.

    The new log is written aside and replaces the old one as soon as it holds all of its trials.

    Args:
        shard: What to collect.
        count: Called after each trial, when it is in the log.
        stopped: Asked before each new trial whether to end early.
        visible: Whether the log appears while it grows; otherwise it appears complete, which allows several
            processes to collect the same shard at the same time.
        viewer: Shows the new trials.

    Raises:
        GraspError: The log cannot be written, is damaged, or has other trials.
    """
    try:
        kept = _survey(shard, count)
        if kept < shard.stop - shard.start or not is_finished(shard.path):
            _write(shard, kept, count, stopped, visible, viewer)
    except OSError as error:
        raise GraspError(
            f"Cannot write the log {str(shard.path)!r}: {error.strerror or error}. The trials before it are kept; "
            "run the same command again to go on."
        ) from error


def check_trial(trial: Trial, recipe: Recipe, index: int, path: pathlib.Path) -> None:
    """Refuses a recorded trial that is not trial `index` of the recipe.

    Raises:
        UsageError: It is another.
    """
    expected = (trial_name(recipe.task, recipe.seed, index), recipe.policy, recipe.digest, recipe.images)
    received = (trial.trial_id, trial.policy, trial.policy_digest, _image_size(trial))
    if received != expected:
        raise UsageError(
            f"Cannot continue {str(path)!r}: expected {_described(*expected)}, found {_described(*received)}. "
            "Use --out NEW."
        )


def _described(name: str, policy: str, digest: str, images: int | None) -> str:
    pictures = "without images" if images is None else f"with images of {images} pixels"
    return f"trial {name} of the policy {policy}{digest and f' {digest[:12]}'} {pictures}"


def _image_size(trial: Trial) -> int | None:
    if trial.initial_image is None:
        return None
    height, *_ = simplejpeg.decode_jpeg_header(trial.initial_image)
    return int(height)


def _survey(shard: Shard, count: Counter) -> int:
    """Counts the trials that the log has already."""
    kept = 0
    for trial in _recorded(shard.path):
        check_trial(trial, shard.recipe, shard.start + kept, shard.path)
        kept += 1
        count(True, trial.success)
    if kept > shard.stop - shard.start:
        raise UsageError(f"{str(shard.path)!r} holds {kept} trials, more than asked for. Raise --trials.")
    return kept


def _recorded(path: pathlib.Path) -> Iterator[Trial]:
    if not path.exists():
        return
    try:
        yield from read_trials(path)
    except MalformedLog as error:
        raise GraspError(
            f"Cannot continue the log {str(path)!r}: {error.reason}. Move it away and run the same command again."
        ) from error


def _write(
    shard: Shard, kept: int, count: Counter, stopped: Callable[[], bool], visible: bool, viewer: Viewer | None
) -> None:
    aside = shard.out / UNFINISHED / f"{shard.path.name}.{uuid.uuid4().hex}"
    aside.parent.mkdir(exist_ok=True)
    with TrialWriter(aside) as writer:
        for trial in _recorded(shard.path):
            writer.write(trial)
        if kept:
            _check_same_beginning(shard.path, aside)
        if visible:
            aside.replace(shard.path)
        for trial in _new_trials(shard, shard.start + kept, stopped, viewer):
            writer.write(trial)
            count(False, trial.success)
    if not visible:
        aside.replace(shard.path)


def _check_same_beginning(old: pathlib.Path, new: pathlib.Path) -> None:
    """Refuses to continue a log that was written otherwise, such as by another version.

    The old log may end first: a trial is whole before the index that follows it is.
    """
    with open(old, "rb") as before, open(new, "rb") as after:
        while block := after.read(1 << 20):
            if not block.startswith(before.read(len(block))):
                raise UsageError(
                    f"Cannot continue {str(old)!r}: other versions of graspctl, NumPy or PyBullet wrote it. "
                    "Use --out NEW."
                )


def _new_trials(shard: Shard, start: int, stopped: Callable[[], bool], viewer: Viewer | None) -> Iterator[Trial]:
    if start == shard.stop:
        return
    recipe = shard.recipe
    bundle = None if recipe.bundle is None else _checked_bundle(recipe)
    robot: Robot = SimRobot(task=recipe.task, seed=recipe.seed, image_size=64 if bundle is None else bundle.image_size)
    if viewer is not None:
        robot = WatchedRobot(robot, viewer)
        bundle = bundle and WatchedSampler(bundle, robot)
    policy = RandomPolicy() if bundle is None else ExploringPolicy(bundle)
    images = None if recipe.images is None else TrialImages(recipe.images)
    with contextlib.closing(robot):
        for index in range(start, shard.stop):
            if stopped():
                return
            trial = run_trial(robot, policy, recipe.seed, index)
            if images is not None:
                initial_image, steps = images(trial)
                trial = dataclasses.replace(trial, initial_image=initial_image, images=tuple(steps))
            yield trial


@functools.cache
def _checked_bundle(recipe: Recipe) -> Any:
    """Reads the policy bundle once per process."""
    load_tensorflow(threads=1)
    from grasp_tfp.models.bundle import load

    bundle = load(pathlib.Path(str(recipe.bundle)), "actor")
    if bundle.digest != recipe.digest:
        raise BundleRejected(
            f"The bundle {str(recipe.bundle)!r} changed meanwhile: expected digest {recipe.digest}, "
            f"received {bundle.digest}. Collect with the other one into a new folder."
        )
    with contextlib.closing(SimRobot(task=recipe.task)) as robot:
        check_fit(bundle.manifest, robot)
    return bundle
