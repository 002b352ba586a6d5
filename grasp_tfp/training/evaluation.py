"""What policies are worth: their success over the same trials, on scenes that they were not trained on."""

import collections
import dataclasses
import time
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.errors import RobotError
from grasp_tfp.policies.policy import Policy, RunTrial, VoidTrial, attempt_trials
from grasp_tfp.robots.robot import Robot
from grasp_tfp.sim.grasp_error import GraspError, grasp_error
from grasp_tfp.success import SuccessRate
from grasp_tfp.trial import Trial

__all__ = ["Evaluation", "Outcome", "check_voids", "evaluate", "outcome_of"]

UNKNOWN = "failed"
"""A failure whose reason the robot cannot tell."""


MOST_VOIDS = 3
"""As many void trials in a row end an evaluation: the robot needs a hand."""


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How one trial of an evaluation went."""

    index: int
    success: bool
    failure: str
    """Why it failed: `infeasible`, or what the robot says of the grasp; empty for a success."""

    stop_reason: str
    num_steps: int
    decision_seconds: float
    """Time that its decisions took, its share of those made for many trials at once [s]."""

    gripper_poses: NDArray[np.float64]
    """Where the gripper was at each step, (n, 4)."""

    final_pose: NDArray[np.float64]
    """Where the fingers closed, (4,)."""

    error: GraspError | None
    """How far that is from a good grasp; None where the scene is not known."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The trials of one policy on one robot."""

    robot: str
    task: str
    policy: str
    policy_digest: str
    seed: int
    outcomes: tuple[Outcome, ...]
    """In the order of their index."""

    at_once: int
    """Trials that ran at the same time."""

    seconds: float

    voids: tuple[VoidTrial, ...] = ()
    """Trials that the robot could not finish, which count nowhere."""

    @property
    def rate(self) -> SuccessRate:
        """Successes over trials; a trial without a feasible grasp counts as a failure."""
        return SuccessRate(sum(self.successes), len(self.outcomes))

    @property
    def successes(self) -> list[bool]:
        """Of each trial."""
        return [outcome.success for outcome in self.outcomes]

    @property
    def stop_reasons(self) -> dict[str, int]:
        """How many trials ended for each reason, the most frequent first."""
        return dict(collections.Counter(outcome.stop_reason for outcome in self.outcomes).most_common())

    @property
    def failures(self) -> dict[str, int]:
        """How many trials failed for each reason, the most frequent first."""
        return dict(collections.Counter(o.failure for o in self.outcomes if not o.success).most_common())

    @property
    def not_converged(self) -> int:
        """How many trials, held or not, grasped because they had made as many moves as are allowed."""
        return self.stop_reasons.get("max-actions", 0)

    @property
    def median_error(self) -> GraspError | None:
        """The median distance across the object, and the median error of the yaw; None without known scenes."""
        errors = [outcome.error for outcome in self.outcomes if outcome.error]
        return GraspError(*np.median(errors, axis=0).tolist()) if errors else None

    @property
    def mean_steps(self) -> float:
        """Actions per trial."""
        return float(np.mean([outcome.num_steps for outcome in self.outcomes]))

    @property
    def decision_milliseconds(self) -> float:
        """Time per decision, without seeing and moving, when `at_once` trials share the passes of the network [ms]."""
        seconds = sum(outcome.decision_seconds for outcome in self.outcomes)
        return 1000 * seconds / max(sum(outcome.num_steps for outcome in self.outcomes), 1)


def evaluate(
    robots: Sequence[Robot],
    policy: Policy,
    *,
    trials: int,
    seed: int = 0,
    progress: Callable[[int, int, int], None] | None = None,
    keep: Callable[[Trial], None] | None = None,
) -> Evaluation:
    """Runs trials 0, 1, … of a policy; a simulated robot gives every policy the same scenes.

    A trial that a single robot could not finish is void.

    Args:
        robots: Where to grasp: a single robot, or simulated ones that share a seed and run trials at the same time.
        policy: What chooses the grasps.
        trials: How many.
        seed: Start of the policy's random choices.
        progress: Called with trials done, trials in all, and successes so far.
        keep: Called with each trial that is not void, such as for a log.

    Raises:
        RobotError: Three trials in a row were void, or all.
        SafetyStop: The robot was stopped.
    """
    started = time.perf_counter()
    outcomes, voids, reasons = list[Outcome](), list[VoidTrial](), list[str]()
    for run in attempt_trials(robots, policy, seed, range(trials)):
        if isinstance(run, VoidTrial):
            voids.append(run)
            reasons.append(run.reason)
            check_voids(robots[0].name, reasons)
        else:
            outcomes.append(outcome_of(run))
            reasons.append("")
            if keep:
                keep(run.trial)
        if progress:
            progress(len(reasons), trials, sum(outcome.success for outcome in outcomes))
    if not outcomes:
        raise RobotError(f"{robots[0].name}: every trial was void, the last one: {reasons[-1]}")
    return Evaluation(
        robot=robots[0].name,
        task=robots[0].task,
        policy=policy.name,
        policy_digest=policy.digest,
        seed=seed,
        outcomes=tuple(sorted(outcomes, key=lambda outcome: outcome.index)),
        at_once=len(robots),
        seconds=time.perf_counter() - started,
        voids=tuple(voids),
    )


def check_voids(robot: str, reasons: Sequence[str]) -> None:
    """Ends an evaluation whose last trials were all void.

    Args:
        robot: Name.
        reasons: Why each trial so far was void, empty for those that were not.

    Raises:
        RobotError: They were.
    """
    last = reasons[-MOST_VOIDS:]
    if len(last) == MOST_VOIDS and all(last):
        raise RobotError(f"{robot}: {MOST_VOIDS} void trials in a row, the last one: {last[-1]}")


def outcome_of(run: RunTrial) -> Outcome:
    """What an evaluation keeps of a trial that was run."""
    trial = run.trial
    return Outcome(
        index=trial.index,
        success=trial.success,
        failure="" if trial.success else run.failure or UNKNOWN,
        stop_reason=trial.stop_reason,
        num_steps=trial.num_steps,
        decision_seconds=run.decision_seconds,
        gripper_poses=trial.gripper_poses,
        final_pose=trial.final_pose,
        error=grasp_error(trial.scene, trial.final_pose) if trial.scene else None,
    )
