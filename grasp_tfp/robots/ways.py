"""How an arm gets about in its cell: straight lines of the fingertips, and the swing between home and clear view."""

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.errors import RobotError, SafetyStop, UsageError
from grasp_tfp.robots.arm import Arm
from grasp_tfp.robots.envelope import Envelope
from grasp_tfp.robots.settings import ArmSettings

__all__ = ["Ways", "check_postures"]

Floats = NDArray[np.float64]

NEAR = 0.05
"""Joint angles this close count as the same posture [rad]."""

POSITION_ERROR = 0.005
"""Largest error of a finished move [m]."""

YAW_ERROR = np.radians(2)
"""Largest error of a finished move [rad]."""

SAME_BRANCH = 1.0
"""Farthest that a joint may be from where the kinematics expect it [rad]."""


class Ways:
    """Moves an arm, and nowhere but on ways that its envelope allows.

    Args:
        arm: What moves.
        envelope: Its limits.
    """

    def __init__(self, arm: Arm, envelope: Envelope) -> None:
        self._arm, self._envelope = arm, envelope
        self._home, self._clear = np.radians(arm.settings.arm.home_deg), np.radians(arm.settings.arm.clear_view_deg)
        self.rested = -np.inf
        """When the last motion ended, by the robot's clock [s]."""

    @property
    def home(self) -> Floats:
        """The pose above the tray, (4,)."""
        return self._envelope.chain.pose(self._home)

    @property
    def pose(self) -> Floats:
        """Where the fingertips are, in the base frame, (4,)."""
        return self._envelope.chain.pose(self._arm.joints().position)

    def known(self) -> bool:
        """Whether the arm stands where it gets home from: above its part of the tray, or on the way to clear view."""
        joints = self._arm.joints().position
        pose = self._envelope.chain.pose(joints)
        inside = self._envelope.contains([*pose[:2], self._envelope.limits.workspace_min_m[2]])
        home_like = np.abs(self._envelope.chain.angles(pose) - joints).max() <= NEAR
        return self._on_swing(joints) or bool(inside and home_like)

    def clear_view(self) -> None:
        """Brings the arm out of the picture.

        Raises:
            RobotError: No safe way is known from where it stands; nothing has moved.
            SafetyStop: It was held on the way.
        """
        if not self._on_swing(self._arm.joints().position):
            self.come_home()
        self._swing(self._clear)

    def come_home(self) -> None:
        """Straight up to the free space and home, or back from aside.

        Raises:
            RobotError: No safe way is known from where it stands; nothing has moved.
            SafetyStop: It was held on the way.
        """
        joints = self._arm.joints().position
        if self._on_swing(joints):
            return self._swing(self._home)
        if not self.known():
            raise RobotError(
                f"{self._arm.name} stands at {np.round(np.degrees(joints), 1).tolist()}°, from where no safe way to "
                "its home is known. Nothing has moved. Bring it home with its own pendant, then start again."
            )
        pose = self._envelope.chain.pose(joints)
        self.go(np.array([*pose[:2], max(pose[2], self._envelope.limits.workspace_min_m[2]), pose[3]]))
        return self.go(self.home)

    def go(self, target: Floats) -> None:
        """Moves the fingertips in a straight line to a pose (4,), in halves where one command would be too long.

        Raises:
            RobotError: The joint limits do not allow it; nothing has moved.
            SafetyStop: It was held on the way.
        """
        name, pose = self._arm.name, self.pose
        path = self._envelope.paths(pose, target)
        if not self._envelope.allows(path):
            raise RobotError(
                f"{name}: no way from {np.round(pose, 3).tolist()} to {np.round(target, 3).tolist()} within the "
                "limits of joints and links. Nothing has moved."
            )
        path[0] = self._arm.joints().position
        if np.abs(path[1] - path[0]).max() > SAME_BRANCH:
            raise RobotError(f"{name} is in another posture than its fleet file's home leads to. Bring it home.")
        if self._envelope.times(path)[-1] > self._envelope.limits.max_segment_s:
            self.go((pose + target) / 2)
            return self.go(target)
        if np.abs(target - pose).max() < 1e-6:
            return None
        return self._follow(path)

    def _on_swing(self, joints: Floats) -> bool:
        """Whether the arm is somewhere between home and clear view."""
        way = self._home - self._clear
        share = np.clip((joints - self._clear) @ way / (way @ way), 0, 1)
        return bool(np.abs(self._clear + share * way - joints).max() < NEAR)

    def _swing(self, posture: Floats) -> None:
        """Moves between home and clear view."""
        self._follow(self._envelope.swing(self._arm.joints().position, posture))

    def _follow(self, path: Floats) -> None:
        """Moves along joint angles (k, n) and compares where the arm ends with where it should."""
        times = self._envelope.times(path)
        wanted = self._envelope.chain.pose(path[-1])
        for _ in range(2):
            state = self._arm.follow(path, times)
            self.rested = state.stamp
            error = self._envelope.chain.pose(state.position) - wanted
            if np.linalg.norm(error[:3]) <= POSITION_ERROR and abs(error[3]) <= YAW_ERROR:
                return
            path = self._envelope.swing(state.position, path[-1])
        where = f"{1000 * np.linalg.norm(error[:3]):.1f} mm and {np.degrees(abs(error[3])):.1f}°"
        raise SafetyStop(f"{self._arm.name} ended {where} from its target, twice. {self._arm.hold()}")


def check_postures(name: str, arm: ArmSettings, envelope: Envelope) -> None:
    """Refuses a home outside the workspace, and a clear view that the arm cannot swing to from there.

    Raises:
        UsageError: The fleet file is wrong.
    """
    at_home, clear = np.radians(arm.home_deg), np.radians(arm.clear_view_deg)
    home, limits = envelope.chain.pose(at_home), envelope.limits
    if not envelope.contains(home) or envelope.chain.tilt(at_home) > np.radians(1):
        raise UsageError(
            f"{name}.arm.home_deg leads to {np.round(home, 3).tolist()}: expected a jaw pointing down inside "
            f"the workspace {limits.workspace_min_m} to {limits.workspace_max_m}."
        )
    swing = envelope.swing(at_home, clear)
    if not (envelope.allows(swing) and envelope.above_floor(swing)):
        raise UsageError(
            f"{name}.arm.clear_view_deg: expected a posture that the arm reaches from home within the limits "
            "of joints and links, the fingertips above the floor of the free space on all the way."
        )
