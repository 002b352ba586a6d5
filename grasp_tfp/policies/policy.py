"""What a policy must do to run grasp trials, and the trials themselves (Section V)."""

import abc
import dataclasses
import time
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.actions import relative_action
from grasp_tfp.errors import RobotError
from grasp_tfp.robots.robot import GraspResult, Observation, Robot
from grasp_tfp.trial import Trial, trial_name

__all__ = [
    "MAX_ACTIONS",
    "Policy",
    "RunTrial",
    "VisualPolicy",
    "VoidTrial",
    "attempt_trials",
    "observe",
    "run_trial",
    "run_trials",
]

Floats = NDArray[np.float64]

MAX_ACTIONS = 10
"""A trial ends in a grasp after this many actions at the latest (Section V)."""


class Policy(abc.ABC):
    """Chooses moves until it is time to grasp."""

    name: str
    """How the policy is called in logs and reports."""

    digest: str = ""
    """SHA-256 of what was learnt; empty when nothing was."""

    def begin(self, robot: Robot) -> None:  # noqa: B027
        """A trial begins on the robot: forget what was seen there before."""

    @abc.abstractmethod
    def choose(self, robot: Robot, rng: np.random.Generator) -> Floats | None:
        """The next relative move (4,), or None when no move it would make is feasible."""

    @abc.abstractmethod
    def stop(self, step: int, move: Floats, rng: np.random.Generator) -> str | None:
        """Why to grasp now, or None to go on.

        Args:
            step: How many moves were made.
            move: The last of them as the robot really made it, (4,).
            rng: Source of any random choice.
        """


class VisualPolicy(Policy):
    """A policy that sees, and that decides for many robots in one pass of its network."""

    @abc.abstractmethod
    def decide(
        self, robots: Sequence[Robot], seen: Observation, rngs: Sequence[np.random.Generator]
    ) -> list[Floats | None]:
        """The next relative move (4,) of each robot, or None where no move it would make is feasible.

        What is decided for one robot depends on nothing but that robot, what it saw since its trial began, and its
        generator.

        Args:
            robots: Where to move, B of them.
            seen: What they see, images of (B, S, S, 3).
            rngs: The source of each one's random choices.
        """

    def choose(self, robot: Robot, rng: np.random.Generator) -> Floats | None:
        """The next relative move (4,), or None when no move it would make is feasible."""
        return self.decide([robot], observe([robot]), [rng])[0]


@dataclasses.dataclass(frozen=True)
class RunTrial:
    """A trial that was run, and what its log does not say."""

    trial: Trial
    failure: str
    """Why the grasp did not hold, as the robot knows it; empty for a success."""

    decision_seconds: float
    """Time that its decisions took, its share of those made for many trials at once [s]."""


@dataclasses.dataclass(frozen=True)
class VoidTrial:
    """A trial that the robot could not finish; it is neither a success nor a failure."""

    index: int
    reason: str


def observe(robots: Sequence[Robot]) -> Observation:
    """What several robots see, as one batch."""
    images, initial_images = zip(*(robot.observe() for robot in robots), strict=True)
    return Observation(np.stack(images), np.stack(initial_images))


def run_trial(robot: Robot, policy: Policy, seed: int, index: int) -> Trial:
    """Runs one trial: moves by the policy, then the scripted grasp.

    A trial without a feasible move ends as a failure under that name, and without a grasp.
    """
    return next(run_trials([robot], policy, seed, [index])).trial


def run_trials(robots: Sequence[Robot], policy: Policy, seed: int, indices: Iterable[int]) -> Iterator[RunTrial]:
    """Runs trials at the same time, one on each robot, and asks the policy for all of their next moves at once.

    Args:
        robots: As many as trials shall run at the same time; simulated ones of one seed share the scene of an index.
        policy: What chooses the moves.
        seed: Start of the policy's random choices; with the index of a trial it decides all of them.
        indices: The trials. One begins as soon as another has ended.

    Yields:
        Each trial as it ends, which is not their order.
    """
    waiting = iter(indices)
    free, running = list(robots), list[_Running]()
    while True:
        for robot, index in zip(free.copy(), waiting, strict=False):
            free.remove(robot)
            running.append(_Running(robot, policy, seed, index))
        if not running:
            return
        _advance(running, policy)
        for ended in [trial for trial in running if trial.stop_reason is not None]:
            yield ended.end()
            running.remove(ended)
            free.append(ended.robot)


def attempt_trials(
    robots: Sequence[Robot], policy: Policy, seed: int, indices: Iterable[int]
) -> Iterator[RunTrial | VoidTrial]:
    """Runs trials like `run_trials`, and on a single robot goes on with the next when one could not be finished.

    Yields:
        Each trial as it ends, or that it is void.
    """
    if len(robots) > 1:
        yield from run_trials(robots, policy, seed, indices)
        return
    for index in indices:
        try:
            run = next(run_trials(robots, policy, seed, [index]))
        except RobotError as error:
            yield VoidTrial(index, str(error))
        else:
            yield run


class _Running:
    """A trial between its beginning and its grasp."""

    def __init__(self, robot: Robot, policy: Policy, seed: int, index: int) -> None:
        self.robot, self.policy, self.seed, self.index = robot, policy, seed, index
        self.rng = np.random.default_rng([seed, index, 1])
        self.poses: list[Floats] = []
        self.images: list[bytes] = []
        self.initial_image: bytes | None = None
        self.stop_reason: str | None = None
        self.decision_seconds = 0.0
        robot.begin(index)
        policy.begin(robot)

    def move(self, action: Floats | None) -> None:
        """Records what the robot sees and where it is, then makes the relative action (4,), if there is one."""
        self.poses.append(self.robot.pose)
        if recorded := self.robot.recorded():
            image, self.initial_image = recorded
            self.images.append(image)
        if action is None:
            self.stop_reason = "infeasible"
            return
        self.robot.move(action)
        self.stop_reason = self.policy.stop(len(self.poses), relative_action(self.poses[-1], self.robot.pose), self.rng)

    def end(self) -> RunTrial:
        """Grasps, unless no action was feasible, and hands back the whole trial."""
        if self.stop_reason == "infeasible":
            result = GraspResult(self.robot.pose, False, "infeasible")
        else:
            result = self.robot.grasp()
        trial = Trial(
            trial_id=trial_name(self.robot.task, self.seed, self.index),
            task=self.robot.task,
            seed=self.seed,
            index=self.index,
            policy=self.policy.name,
            policy_digest=self.policy.digest,
            gripper_poses=np.array(self.poses),
            final_pose=result.final_pose,
            success=result.success,
            label_source=result.label_source or self.robot.label_source,
            stop_reason=str(self.stop_reason),
            scene=self.robot.scene,
            initial_image=self.initial_image,
            images=tuple(self.images),
        )
        return RunTrial(trial, result.failure, self.decision_seconds)


def _advance(running: list[_Running], policy: Policy) -> None:
    """Makes one move in each trial."""
    robots, rngs = [trial.robot for trial in running], [trial.rng for trial in running]
    if isinstance(policy, VisualPolicy):
        seen = observe(robots)
        began = time.perf_counter()
        moves = policy.decide(robots, seen, rngs)
    else:
        began = time.perf_counter()
        moves = [policy.choose(robot, rng) for robot, rng in zip(robots, rngs, strict=True)]
    seconds = (time.perf_counter() - began) / len(running)
    for trial, action in zip(running, moves, strict=True):
        trial.decision_seconds += seconds
        trial.move(action)
