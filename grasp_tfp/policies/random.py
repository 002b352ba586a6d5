"""The policy that knows nothing: uniform over the workspace (Section VI-B)."""

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.actions import relative_action
from grasp_tfp.policies.policy import MAX_ACTIONS, Policy
from grasp_tfp.robots.robot import Robot
from grasp_tfp.sim.geometry import Workspace
from grasp_tfp.sim.tasks import random_pose

__all__ = ["MIN_ACTIONS", "RandomPolicy"]

Floats = NDArray[np.float64]

MIN_ACTIONS = 3
"""Fewest actions of a random trial (Section V)."""

MAX_DRAWS = 100


class RandomPolicy(Policy):
    """Moves to uniformly drawn poses; the number of moves is uniform in 3 … 10 (Section V)."""

    name = "random"

    def choose(self, robot: Robot, rng: np.random.Generator) -> Floats | None:
        """A move to a pose drawn uniformly from the feasible workspace."""
        workspace = Workspace(**robot.cell["workspace"])
        for _ in range(MAX_DRAWS):
            action = relative_action(robot.pose, random_pose(rng, workspace))
            if robot.feasible(action[None])[0]:
                return action
        return None

    def stop(self, step: int, move: Floats, rng: np.random.Generator) -> str | None:
        """Stops at each count from 3 to 10 with the hazard that makes all of them equally likely."""
        if step >= MIN_ACTIONS and rng.random() * (MAX_ACTIONS + 1 - step) < 1:
            return "num-actions"
        return None
