"""The simulated cell as a robot."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.actions import apply_action
from grasp_tfp.errors import UsageError
from grasp_tfp.robots.robot import GraspResult, Observation, Robot
from grasp_tfp.sim import kinematics
from grasp_tfp.sim.geometry import JAW, TRAY, describe_cell
from grasp_tfp.sim.physics import GraspWorld, excluded
from grasp_tfp.sim.renderer import Renderer
from grasp_tfp.sim.tasks import find_task, random_pose
from grasp_tfp.trial import Scene

__all__ = ["SimRobot"]

Floats = NDArray[np.float64]


class SimRobot(Robot):
    """A cell in PyBullet whose trials are a pure function of task, seed and index.

    Args:
        name: Name in the fleet file.
        task: Name of the task, see `grasp_tfp.sim.tasks`.
        seed: Start of the cell's random choices.
        image_size: Height and width of the camera images [pixels].

    Raises:
        UsageError: There is no such task.
    """

    label_source = "lift-height"

    def __init__(self, name: str = "sim", task: str = "blocks", seed: int = 0, image_size: int = 64) -> None:
        self.name = name
        self.task = task
        self._draw_scene = find_task(task).scene
        self._workspace = find_task(task).workspace
        self.cell = describe_cell(self._workspace)
        self._seed = seed
        self._image_size = image_size
        self._renderer: Renderer | None = None
        self._world = GraspWorld()
        self.begin(0)

    @classmethod
    def connect(
        cls, name: str, task: str, seed: int, *, image_size: int, settings: Mapping[str, Any], dry_run: bool = False
    ) -> Self:
        """The twin of a robot of the fleet file, which has no other settings."""
        if settings:
            raise UsageError(f"Robot {name!r}: a simulated robot has driver, task and seed, received {dict(settings)}.")
        return cls(name, task, seed, image_size)

    def begin(self, index: int) -> None:
        """Lays out the scene of trial `index` and puts the jaw somewhere above it."""
        rng = np.random.default_rng([self._seed, index])
        self._scene = self._draw_scene(rng)
        self._pose = random_pose(rng, self._workspace)

    @property
    def pose(self) -> Floats:
        """Where the fingertips are, in the base frame, (4,)."""
        return self._pose.copy()

    @property
    def scene(self) -> Scene:
        """The objects before the grasp."""
        return self._scene

    def observe(self) -> Observation:
        """Renders the cell as it is, and as it was without the arm."""
        if self._renderer is None:
            self._renderer = Renderer(self._image_size)
        return Observation(self._renderer.image(self._scene, self._pose), self._renderer.initial_image(self._scene))

    def feasible(self, actions: Floats) -> NDArray[np.bool_]:
        """Whether each move of `actions` (n, 4) stays in the workspace and within the joint limits, (n,)."""
        targets = self._reached(actions)
        inside = np.all(np.abs(targets[..., :2] - TRAY.centre) <= self._workspace.half_width, axis=-1)
        return np.asarray(inside & kinematics.feasible(targets))

    def move(self, action: Floats) -> None:
        """Puts the jaw where `action` (4,) leads, no lower than the floor of the free space."""
        self._pose = self._reached(action)

    def grasp(self) -> GraspResult:
        """Runs the contact physics, unless the jaw cannot touch anything."""
        final_pose = self._pose.copy()
        final_pose[2] = JAW.grasp_height
        failure = excluded(self._scene, final_pose)
        if failure:
            return GraspResult(final_pose, False, failure)
        outcome = self._world.grasp(self._scene, final_pose)
        return GraspResult(final_pose, outcome.success, outcome.failure)

    def close(self) -> None:
        """Ends the physics client."""
        self._world.close()

    def _reached(self, actions: Floats) -> Floats:
        targets = apply_action(self._pose, actions)
        targets[..., 2] = np.clip(targets[..., 2], self._workspace.z_low, self._workspace.z_high)
        return targets
