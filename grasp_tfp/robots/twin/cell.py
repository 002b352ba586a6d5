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
from grasp_tfp.sim.dropping import Dropped, grasp_and_drop
from grasp_tfp.sim.geometry import JAW, TRAY
from grasp_tfp.sim.kinematics import feasible
from grasp_tfp.sim.physics import GraspWorld
from grasp_tfp.sim.renderer import Renderer
from grasp_tfp.trial import Scene

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
        self._chain, self._seed, self._index = chain, seed, 0
        self._renderer = Renderer(SIZE)
        self._result: GraspResult | None = None
        self._dropped: Dropped | None = None
        self._opened = False
        self._seen: tuple[Any, bytes] = (None, b"")
        self.image(chain.home)  # Numba compiles now, and not while the arm moves.

    def begin(self, index: int, size: int) -> dict[str, Any]:
        """Lays out the scene of a trial and says where the jaw begins, and what the cell is."""
        self._robot.begin(index)
        self._index, self._result, self._dropped, self._opened = index, None, None, False
        self._seen = (None, b"")
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

    def open_jaw(self) -> None:
        """Drops what the jaw holds over the tray's middle, wherever the arm is."""
        self._opened = self._result is not None

    def result(self) -> dict[str, Any]:
        """How the grasp of this trial ended."""
        result = self._result or GraspResult(self._robot.pose, False, "missed")
        return {"success": result.success, "failure": result.failure}

    def image(self, angles: Floats) -> bytes:
        """What the camera sees now, as PNG."""
        key = (angles.tobytes(), self._result is None, self._opened)
        if self._seen[0] != key:
            pose = self._chain.pose(angles)
            scene = self._tray(pose)
            visible = self._in_view(pose) and bool(feasible(pose))
            pixels = self._renderer.image(scene, pose) if visible else self._renderer.initial_image(scene)
            stream = io.BytesIO()
            Image.fromarray(pixels).save(stream, "png", compress_level=1)
            self._seen = (key, stream.getvalue())
        return self._seen[1]

    def close(self) -> None:
        """Ends the physics client."""
        self._robot.close()

    def _tray(self, pose: Floats) -> Scene:
        """What lies in the tray; a grasp's traces are worked out once the arm is aside."""
        if self._result is not None and self._dropped is None and not self._in_view(pose):
            rng = np.random.default_rng([self._seed, self._index, 5])
            with GraspWorld() as world:
                self._dropped = grasp_and_drop(world, self._robot.scene, self._result.final_pose, rng)
        if self._dropped is None:
            return self._robot.scene
        return self._dropped.after_drop if self._opened else self._dropped.after_grasp

    def _in_view(self, pose: Floats) -> bool:
        return bool(np.hypot(*(pose[:2] - TRAY.centre)) < IN_VIEW)
