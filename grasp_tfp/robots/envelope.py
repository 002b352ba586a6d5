"""What the arm may do: where its fingertips go, how far in one move, how fast, and how near to its joint limits."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from grasp_tfp.actions import apply_action
from grasp_tfp.robots.chain import Chain
from grasp_tfp.robots.clearance import Clearance
from grasp_tfp.robots.settings import LimitSettings

__all__ = ["Envelope"]

Floats = NDArray[np.float64]

KNOTS = 9
"""Points of a path."""

JUMP = 0.8
"""Largest change of a joint between two points of a path [rad]; more is another branch of the kinematics."""

SLACK = 1e-9
"""Of the workspace's sides [m], for a target that lies on one."""

SHORTEST = 0.1
"""Time that a move takes at least [s]."""


class Envelope:
    """The limits of the fleet file, applied to an arm; refuses, and never clips what it was given sideways.

    The height is no choice of a policy: moves end at the floor and the ceiling of the free space, see `Robot.move`.

    Args:
        chain: The arm's kinematics.
        limits: Of the fleet file.
    """

    def __init__(self, chain: Chain, limits: LimitSettings) -> None:
        self.chain, self.limits = chain, limits
        self._low, self._high = np.array(limits.workspace_min_m), np.array(limits.workspace_max_m)
        self._margin = np.radians(limits.joint_margin_deg)
        self._clearance = Clearance(chain, limits.link_radius_m, limits.grasp_height_m)
        self._speed = np.radians(limits.max_joint_speed_deg_s) * limits.speed_scale

    def reached(self, pose: Floats, actions: ArrayLike) -> Floats:
        """Where relative moves (..., 4) lead from a pose, (..., 4)."""
        targets = apply_action(pose, actions)
        targets[..., 2] = np.clip(targets[..., 2], self._low[2], self._high[2])
        return targets

    def contains(self, places: ArrayLike) -> NDArray[np.bool_]:
        """Whether fingertips at `places` (..., 3 or 4) are in the free space, (...)."""
        xyz = np.asarray(places, np.float64)[..., :3]
        return np.asarray(np.all((xyz >= self._low - SLACK) & (xyz <= self._high + SLACK), axis=-1))

    def refusals(self, pose: Floats, actions: Floats) -> list[str]:
        """Why each of the relative moves (n, 4) from a pose is refused; empty for those that are not."""
        targets = self.reached(pose, actions)
        steps = np.linalg.norm((targets - pose)[:, :3], axis=-1)
        turns = np.abs(np.degrees(np.asarray(actions, np.float64)[:, 3]))
        near = self.contains(targets) & (steps <= self.limits.max_step_m) & (turns <= self.limits.max_step_deg)
        possible = np.zeros(len(targets), np.bool_)
        possible[near] = self._possible(self.paths(pose, targets[near]))
        return [
            ""
            if possible[n]
            else "outside the workspace"
            if not self.contains(targets[n])
            else f"{steps[n]:.3f} m in one move, the limit is {self.limits.max_step_m:g} m"
            if steps[n] > self.limits.max_step_m
            else f"{turns[n]:.0f}° in one move, the limit is {self.limits.max_step_deg:g}°"
            if turns[n] > self.limits.max_step_deg
            else "out of the arm's reach, or too near to a joint limit, the table or another link"
            for n in range(len(targets))
        ]

    def paths(self, pose: Floats, targets: Floats) -> Floats:
        """Joint angles along straight lines from a pose (4,) to targets (..., 4), (..., KNOTS, n).

        Straight, because the free space is convex: what begins and ends in it stays in it. The jaw turns within half a
        turn and so never against a joint limit.
        """
        way = _smooth(np.linspace(0, 1, KNOTS))[:, None]
        return self.chain.angles(pose + way * (targets[..., None, :] - pose))

    def allows(self, path: Floats) -> bool:
        """Whether the arm can follow the joint angles (k, n)."""
        return bool(self._possible(path[None])[0])

    def times(self, path: Floats) -> Floats:
        """When the arm is at each of the joint angles (k, n) without exceeding a speed limit [s], (k,)."""
        share = np.linspace(0, 1, len(path))
        speeds = np.abs(np.gradient(path, share, axis=0)).max(axis=0)
        places = self.chain.pose(path)[:, :3]
        tip = np.linalg.norm(np.diff(places, axis=0), axis=-1).max() * (len(path) - 1)
        seconds = max(SHORTEST, float((speeds / self._speed).max()), float(tip) / self.limits.max_tcp_speed_m_s)
        return np.asarray(share * seconds)

    def swing(self, start: Floats, end: Floats) -> Floats:
        """Joint angles along a straight line between two postures, (KNOTS, n)."""
        return start + _smooth(np.linspace(0, 1, KNOTS))[:, None] * (end - start)

    def above_floor(self, path: Floats) -> bool:
        """Whether the fingertips stay above the floor of the free space."""
        return bool(np.all(self.chain.pose(path)[:, 2] >= self._low[2] - SLACK))

    def _possible(self, paths: Floats) -> NDArray[np.bool_]:
        """Whether paths (m, k, n) keep to the joint limits, to one branch, and the links off all else, (m,)."""
        within = (self.chain.within(paths, self._margin) & self._clearance.keeps(paths)).all(axis=-1)
        jumps = np.abs(np.diff(paths, axis=-2)).max(axis=(-2, -1), initial=0.0)
        return np.asarray(within & (jumps < JUMP))


def _smooth(share: Floats) -> Floats:
    """From rest to rest."""
    return 3 * share**2 - 2 * share**3
