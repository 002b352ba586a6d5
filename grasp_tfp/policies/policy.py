"""What a policy must do to run a grasp trial, and the trial itself (Section V)."""

import abc

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.actions import relative_action
from grasp_tfp.robots.robot import Robot
from grasp_tfp.trial import Trial, trial_name

__all__ = ["MAX_ACTIONS", "Policy", "run_trial"]

Floats = NDArray[np.float64]

MAX_ACTIONS = 10
"""A trial ends in a grasp after this many actions at the latest (Section V)."""


class Policy(abc.ABC):
    """Chooses moves until it is time to grasp."""

    name: str
    """How the policy is called in logs and reports."""

    digest: str = ""
    """SHA-256 of what was learnt; empty when nothing was."""

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


def run_trial(robot: Robot, policy: Policy, seed: int, index: int) -> Trial:
    """Runs one trial: moves by the policy, then the scripted grasp.

    A trial without a feasible move ends as a failure under that name, and without a grasp.
    """
    rng = np.random.default_rng([seed, index, 1])
    robot.begin(index)
    poses: list[Floats] = []
    stop_reason = None
    while stop_reason is None:
        poses.append(robot.pose)
        action = policy.choose(robot, rng)
        if action is None:
            stop_reason = "infeasible"
        else:
            robot.move(action)
            stop_reason = policy.stop(len(poses), relative_action(poses[-1], robot.pose), rng)
    final_pose, success = (robot.pose, False) if stop_reason == "infeasible" else robot.grasp()
    return Trial(
        trial_id=trial_name(robot.task, seed, index),
        task=robot.task,
        seed=seed,
        index=index,
        policy=policy.name,
        policy_digest=policy.digest,
        gripper_poses=np.array(poses),
        final_pose=final_pose,
        success=success,
        label_source=robot.label_source,
        stop_reason=stop_reason,
        scene=robot.scene,
    )
