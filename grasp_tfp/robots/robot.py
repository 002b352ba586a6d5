"""What a robot must do to run a grasp trial, simulated or real."""

import abc
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from grasp_tfp.trial import Scene

__all__ = ["GraspResult", "Observation", "Robot"]

Floats = NDArray[np.float64]


class Observation(NamedTuple):
    """What the policy sees (Section V); for many robots at once, with an axis of robots before the others."""

    image: NDArray[np.uint8]
    """The camera image now: RGB, (S, S, 3)."""

    initial_image: NDArray[np.uint8]
    """The camera image before the arm came in: RGB, (S, S, 3)."""


class GraspResult(NamedTuple):
    """How a trial ended."""

    final_pose: Floats
    """Where the fingers closed, in the base frame, (4,)."""

    success: bool
    """Whether an object was held."""

    failure: str = ""
    """Why none was, such as `missed` or `slipped`, where the robot can tell; empty for a success."""

    label_source: str = ""
    """What decided, where it was not the robot's `label_source`."""


class Robot(abc.ABC):
    """A cell with an arm, a parallel jaw, a camera and a tray of objects.

    A trial is `begin`, any number of `observe` and `move`, then `grasp`.
    """

    name: str
    """Name in the fleet file."""

    task: str
    """Name of what lies in the tray."""

    cell: dict[str, Any]
    """Camera, jaw, tray and workspace as JSON values; a policy acts where they are those it was trained for."""

    label_source: str
    """How `grasp` finds its success, such as `lift-height`."""

    @classmethod
    @abc.abstractmethod
    def connect(
        cls, name: str, task: str, seed: int, *, image_size: int, settings: Mapping[str, Any], dry_run: bool = False
    ) -> Self:
        """Makes the robot of a fleet file ready for trials.

        Args:
            name: Name in the fleet file.
            task: Name of what lies in the tray.
            seed: Start of a simulated cell's random choices.
            image_size: Height and width of the images that `observe` gives [pixels].
            settings: The other keys of its table.
            dry_run: Whether nothing must move: `observe`, `pose` and `feasible` work, `begin`, `move` and `grasp` are
                refused. A simulated cell has nothing to protect.

        Raises:
            UsageError: A setting is unknown, missing or wrong.
            RobotError: The robot cannot be reached.
        """

    @abc.abstractmethod
    def begin(self, index: int) -> None:
        """Takes the initial image with the arm out of view, then brings the jaw above the tray.

        Args:
            index: Number of the trial; a simulated cell lays out the scene of that number.
        """

    @property
    @abc.abstractmethod
    def pose(self) -> Floats:
        """Where the fingertips are, in the base frame, (4,)."""

    @property
    def scene(self) -> Scene | None:
        """The objects' true state before the grasp; None on a real robot."""
        return None

    @abc.abstractmethod
    def observe(self) -> Observation:
        """What the camera sees."""

    def recorded(self) -> tuple[bytes, bytes] | None:
        """What `observe` sees now, image and initial image as JPEGs for a log; None where `scene` shows it."""
        if self.scene is not None:
            return None
        image, initial = (simplejpeg.encode_jpeg(np.ascontiguousarray(picture), 95) for picture in self.observe())
        return image, initial

    @abc.abstractmethod
    def feasible(self, actions: Floats) -> NDArray[np.bool_]:
        """Whether the arm can make each of the relative moves `actions` (n, 4) from where it is, (n,)."""

    @abc.abstractmethod
    def move(self, action: Floats) -> None:
        """Makes the relative move `action` (4,) in free space.

        Going down ends at the floor of the free space; the rest of the way is part of `grasp`.
        """

    @abc.abstractmethod
    def grasp(self) -> GraspResult:
        """Goes to the bottom of the tray, closes and lifts (Section V)."""

    def close(self) -> None:  # noqa: B027
        """Frees what the robot holds."""
