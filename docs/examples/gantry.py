"""A driver of its own, for a gantry whose maker's library speaks of millimetres and degrees."""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.actions import apply_action
from grasp_tfp.errors import RobotError, UsageError
from grasp_tfp.robots.robot import GraspResult, Observation, Robot
from grasp_tfp.robots.sim import SimRobot

__all__ = ["GantryRobot", "MakersLibrary"]

Floats = NDArray[np.float64]


class MakersLibrary:
    """Stands for the library that comes with the machine, here with the simulator behind it."""

    def __init__(self, address: str, task: str, seed: int, pixels: int) -> None:
        self.cell = SimRobot(address, task, seed, pixels)
        self.goto_count = 0

    def read_axes(self) -> tuple[float, float, float, float]:
        """x, y, z [mm] and turn [degrees]."""
        x, y, z, yaw = self.cell.pose
        return 1000 * x, 1000 * y, 1000 * z, float(np.degrees(yaw))

    def goto(self, x: float, y: float, z: float, turn: float) -> None:
        """Goes to x, y, z [mm] and turn [degrees]."""
        here = self.cell.pose
        self.cell.move(np.array([x / 1000, y / 1000, z / 1000, np.radians(turn)]) - here)
        self.goto_count += 1


class GantryRobot(Robot):
    """A gantry. Everything above this class is in metres and radians, in the base frame."""

    label_source = "lift-height"

    def __init__(self, name: str, task: str, library: MakersLibrary, *, dry_run: bool) -> None:
        """Drive the gantry with its maker's library; `dry_run` refuses to move it."""
        self.name, self.task, self.library, self.dry_run = name, task, library, dry_run
        self.cell = library.cell.cell

    @classmethod
    def connect(
        cls, name: str, task: str, seed: int, *, image_size: int, settings: Mapping[str, Any], dry_run: bool = False
    ) -> Self:
        """The gantry whose table in the fleet file has the key `address`."""
        if set(settings) != {"address"}:
            raise UsageError(f"Robot {name!r}: expected the key address, received {dict(settings)}. Add it.")
        return cls(name, task, MakersLibrary(settings["address"], task, seed, image_size), dry_run=dry_run)

    def begin(self, index: int) -> None:
        """Clears the view, takes the initial image, and brings the jaw above the tray."""
        self._refuse_in_dry_run()
        self.library.cell.begin(index)

    @property
    def pose(self) -> Floats:
        """Where the fingertips are, in the base frame, (4,)."""
        x, y, z, turn = self.library.read_axes()
        return np.array([x / 1000, y / 1000, z / 1000, np.radians(turn)])

    def observe(self) -> Observation:
        """What the camera sees now, and saw before the arm came in."""
        return self.library.cell.observe()

    def feasible(self, actions: Floats) -> NDArray[np.bool_]:
        """Whether each move (n, 4) stays in the workspace, (n,)."""
        return self.library.cell.feasible(actions)

    def move(self, action: Floats) -> None:
        """Makes the relative move (4,) [m, rad]."""
        self._refuse_in_dry_run()
        x, y, z, yaw = apply_action(self.pose, action)
        self.library.goto(1000 * x, 1000 * y, 1000 * z, float(np.degrees(yaw)))

    def grasp(self) -> GraspResult:
        """Goes down, closes, lifts, and says whether something is held."""
        self._refuse_in_dry_run()
        return self.library.cell.grasp()

    def close(self) -> None:
        """Frees the machine."""
        self.library.cell.close()

    def _refuse_in_dry_run(self) -> None:
        if self.dry_run:
            raise RobotError(f"{self.name} was connected for a dry run: it does not move. Connect without dry_run.")
