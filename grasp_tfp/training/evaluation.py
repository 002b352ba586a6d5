"""What a policy is worth: its success over trials on scenes that it was not trained on."""

import collections
import dataclasses
import time
from collections.abc import Callable

import numpy as np

from grasp_tfp.policies.policy import Policy, run_trial
from grasp_tfp.robots.robot import Robot
from grasp_tfp.success import SuccessRate

__all__ = ["Evaluation", "Outcome", "evaluate"]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How one trial of an evaluation ended."""

    index: int
    success: bool
    stop_reason: str
    num_steps: int


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """The trials of one policy on one robot."""

    robot: str
    task: str
    policy: str
    policy_digest: str
    seed: int
    outcomes: tuple[Outcome, ...]
    seconds: float

    @property
    def rate(self) -> SuccessRate:
        """Successes over trials; a trial without a feasible grasp counts as a failure."""
        return SuccessRate(sum(outcome.success for outcome in self.outcomes), len(self.outcomes))

    @property
    def stop_reasons(self) -> dict[str, int]:
        """How many trials ended for each reason, the most frequent first."""
        return dict(collections.Counter(outcome.stop_reason for outcome in self.outcomes).most_common())

    @property
    def mean_steps(self) -> float:
        """Actions per trial."""
        return float(np.mean([outcome.num_steps for outcome in self.outcomes]))


def evaluate(
    robot: Robot,
    policy: Policy,
    *,
    trials: int,
    seed: int = 0,
    progress: Callable[[int, int, int], None] | None = None,
) -> Evaluation:
    """Runs trials 0, 1, … of a policy on a robot; a simulated robot gives every policy the same scenes.

    Args:
        robot: Where to grasp.
        policy: What chooses the grasps.
        trials: How many.
        seed: Start of the policy's random choices.
        progress: Called with trials done, trials in all, and successes so far.
    """
    started = time.perf_counter()
    outcomes: list[Outcome] = []
    for index in range(trials):
        trial = run_trial(robot, policy, seed, index)
        outcomes.append(Outcome(index, trial.success, trial.stop_reason, trial.num_steps))
        if progress:
            progress(len(outcomes), trials, sum(outcome.success for outcome in outcomes))
    return Evaluation(
        robot=robot.name,
        task=robot.task,
        policy=policy.name,
        policy_digest=policy.digest,
        seed=seed,
        outcomes=tuple(outcomes),
        seconds=time.perf_counter() - started,
    )
