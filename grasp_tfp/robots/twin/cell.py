"""What stands around the simulated arm: tray, objects, camera and jaw."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from grasp_tfp.actions import relative_action
from grasp_tfp.robots.chain import Chain
from grasp_tfp.robots.robot import GraspResult
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.sim.geometry import JAW, TRAY
from grasp_tfp.sim.kinematics import feasible
from grasp_tfp.sim.renderer import Renderer

__all__ = ["TwinCell"]

Floats = NDArray[np.float64]

IN_VIEW = 0.35
"""The camera sees the arm while its fingertips are nearer to the tray's centre [m]."""

AT_THE_BOTTOM = 0.003
"""How far above the grasp height closing the jaw is a grasp [m]."""

SIZE = 64
"""Of images before the first trial says another [pixels]."""


class TwinCell:
    """The cell of a `SimRobot`, moved by an arm of joints.

    Args:
        name: Name in the fleet file.
        task: Name of what lies in the tray.
        seed: Start of the cell's random choices.
        chain: The arm's kinematics.
    """

    def __init__(self, name: str, task: str, seed: int, chain: Chain) -> None:
        self._robot = SimRobot(name, task, seed)
        self._chain = chain
        self._renderer = Renderer(SIZE)
        self._result: GraspResult | None = None
        self._seen: tuple[bytes, bytes] = (b"", b"")
        self.image(chain.home)  # Numba compiles now, and not while the arm moves.

    def begin(self, index: int, size: int) -> dict[str, Any]:
        """Lays out the scene of a trial and says where the jaw begins, and what the cell is."""
        self._robot.begin(index)
        self._result = None
        self._seen = (b"", b"")
        if size != self._renderer.size:
            self._renderer = Renderer(size)
        return {"pose": self._robot.pose.tolist()} | self.describe()

    def describe(self) -> dict[str, Any]:
        """What a policy has to be trained for."""
        return {"cell": self._robot.cell, "task": self._robot.task}

    def close_jaw(self, angles: Floats) -> bool:
        """Runs the contact physics where the arm is; returns whether the jaw met something."""
        pose = self._chain.pose(angles)
        at_rest = self._result is None and abs(pose[2] - JAW.grasp_height) < AT_THE_BOTTOM
        if at_rest and self._in_view(pose):
            self._robot.move(relative_action(self._robot.pose, pose))
            self._result = self._robot.grasp()
        return self._result is not None and self._result.success

    def result(self) -> dict[str, Any]:
        """How the grasp of this trial ended."""
        result = self._result or GraspResult(self._robot.pose, False, "missed")
        return {"success": result.success, "failure": result.failure}

    def image(self, angles: Floats) -> bytes:
        """What the camera sees now, as PNG."""
        if self._seen[0] != angles.tobytes():
            pose, scene = self._chain.pose(angles), self._robot.scene
            visible = self._in_view(pose) and bool(feasible(pose))
            pixels = self._renderer.image(scene, pose) if visible else self._renderer.initial_image(scene)
            stream = io.BytesIO()
            Image.fromarray(pixels).save(stream, "png", compress_level=1)
            self._seen = (angles.tobytes(), stream.getvalue())
        return self._seen[1]

    def close(self) -> None:
        """Ends the physics client."""
        self._robot.close()

    def _in_view(self, pose: Floats) -> bool:
        return bool(np.hypot(*(pose[:2] - TRAY.centre)) < IN_VIEW)
