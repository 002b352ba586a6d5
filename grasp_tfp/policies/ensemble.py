"""The actor with temporal ensembling: what it proposed at every step of a trial, taken together.

The objects lie still while the gripper moves, so every look of a trial tells of the same grasps, each from another
gripper pose and with errors of its own. Averaging what was predicted at different times for the same moment is
temporal ensembling (Zhao et al., "Learning Fine-Grained Bimanual Manipulation with Low-Cost Hardware", 2023); here the
predictions are densities, and what is averaged are their samples as gripper poses in the base frame.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from grasp_tfp.actions import apply_action, relative_action, wrap_yaw
from grasp_tfp.policies.actor import ActorPolicy, Sampler, best_feasible, feasible_actions, sample_actions
from grasp_tfp.robots.robot import Observation, Robot

__all__ = ["EnsemblePolicy", "kernel_mode"]

Floats = NDArray[np.float64]

BANDWIDTH = np.array([0.025, 0.025, 0.03, math.radians(20)])
"""How far apart two grasps may be and still speak for each other [m, rad]: about what a parallel jaw forgives."""

MEAN_SHIFTS = 3
"""Steps from the best sample towards the mode of the smoothed density."""


class EnsemblePolicy(ActorPolicy):
    """Goes to the mode of all samples of the trial so far, and grasps when it stays put."""

    name = "ensemble"

    def __init__(self, sampler: Sampler) -> None:
        super().__init__(sampler)
        self._looks: dict[Robot, list[tuple[Floats, Floats]]] = {}

    def begin(self, robot: Robot) -> None:
        """Forgets the scene of the trial before."""
        self._looks[robot] = []

    def decide(
        self, robots: Sequence[Robot], seen: Observation, rngs: Sequence[np.random.Generator]
    ) -> list[Floats | None]:
        """The move to the mode of the feasible samples of each robot, or to the best sample if it cannot be made."""
        proposed = zip(robots, *sample_actions(self._sampler, seen, rngs), strict=True)
        return [self._pooled(robot, actions, log_probs) for robot, actions, log_probs in proposed]

    def _pooled(self, robot: Robot, actions: Floats, log_probs: Floats) -> Floats | None:
        feasible = feasible_actions([robot], actions[None])[0]
        looks = self._looks.setdefault(robot, [])
        looks.append((apply_action(robot.pose, actions[feasible]), log_probs[feasible]))
        poses, scores = (np.concatenate(part) for part in zip(*looks, strict=True))
        if not len(poses):
            return None
        mode, density = kernel_mode(poses, scores)
        moves = relative_action(robot.pose, np.concatenate([mode[None], poses]))
        chosen = best_feasible(np.concatenate([[np.inf], density])[None], feasible_actions([robot], moves[None]))[0]
        return None if chosen is None else moves[chosen]


def kernel_mode(poses: Floats, log_probs: Floats) -> tuple[Floats, Floats]:
    """Where samples are densest, by mean shift from the densest of them.

    Args:
        poses: Samples, (n, 4) [m, rad]; a turn counts the shorter way round.
        log_probs: Log-density of each under the network that proposed it, (n,).

    Returns:
        The mode (4,), and the smoothed density at each sample (n,), each sample weighted with its own density, up to
        a factor.
    """
    weight = np.exp(log_probs - log_probs.max())
    density = _kernel(poses, poses) @ weight
    mode = poses[np.argmax(density)]
    for _ in range(MEAN_SHIFTS):
        share = weight * _kernel(mode[None], poses)[0]
        mode = apply_action(mode, share @ relative_action(mode, poses) / share.sum())
    return mode, density


def _kernel(poses: Floats, others: Floats) -> Floats:
    """How much each of `poses` (m, 4) and each of `others` (n, 4) speak for each other, at most 1, (m, n)."""
    squares = cdist(poses[:, :3] / BANDWIDTH[:3], others[:, :3] / BANDWIDTH[:3], "sqeuclidean")
    turns = wrap_yaw(poses[:, None, 3] - others[:, 3])
    values: Floats = np.exp(-0.5 * (squares + np.square(turns / BANDWIDTH[3])))
    return values
