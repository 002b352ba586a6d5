"""Trials as they happen: the camera, the objects, the gripper, an actor's samples as coloured lines, and the outcome.

What is watched is one robot, through a stand-in for it and one for the actor; neither changes a trial.
"""

import abc
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.actions import apply_action
from grasp_tfp.errors import UsageError
from grasp_tfp.robots.robot import GraspResult, Observation, Robot
from grasp_tfp.sim.geometry import JAW
from grasp_tfp.sim.renderer import Renderer
from grasp_tfp.trial import Scene

__all__ = [
    "HOST",
    "Lines",
    "Viewer",
    "WatchedRobot",
    "WatchedSampler",
    "jaw_lines",
    "sample_lines",
]

Floats = NDArray[np.float64]

HOST = "127.0.0.1"
IMAGE_SIZE = 256
"""Height and width of the image of a simulated camera [pixels]."""

FINGER = JAW.finger[2]


class Lines(NamedTuple):
    """Open polygons of one length."""

    points: Floats
    """Corners in the base frame, (n, corners, 3) [m]."""

    colours: Floats
    """Red, green and blue of each, (n, 3), 0 to 1."""


class Viewer(abc.ABC):
    """Where trials are shown.

    Each is made from a file to write, or from None and a port to show trials live.
    """

    @abc.abstractmethod
    def begin(self, index: int, scene: Scene | None) -> None:
        """A trial begins, with the objects if they are known."""

    @abc.abstractmethod
    def look(self, image: NDArray[np.uint8], pose: Floats) -> None:
        """What the camera sees, RGB (S, S, 3), while the gripper is at `pose` (4,)."""

    @abc.abstractmethod
    def propose(self, samples: Lines) -> None:
        """The grasps that an actor samples now, as `sample_lines` draws them."""

    @abc.abstractmethod
    def end(self, index: int, result: GraspResult) -> None:
        """The fingers closed."""

    @abc.abstractmethod
    def close(self) -> None:
        """Completes a file, or lets go of who looks."""


def jaw_lines(poses: Floats, colours: Floats) -> Lines:
    """An open jaw at each of the gripper `poses` (n, 4): a finger down, across the opening, the other finger up."""
    across = np.stack([np.cos(poses[:, 3]), np.sin(poses[:, 3]), np.zeros(len(poses))], axis=1) * JAW.opening / 2
    tips = np.stack([poses[:, :3] - across, poses[:, :3] + across], axis=1)
    above = tips + np.array([0.0, 0.0, FINGER])
    return Lines(np.stack([above[:, 0], tips[:, 0], tips[:, 1], above[:, 1]], axis=1), colours)


def sample_lines(pose: Floats, actions: Floats, log_probs: Floats) -> Lines:
    """Where the jaw would close after each of the `actions` (n, 4) from `pose` (4,), along the line between its tips.

    The colour goes from red for the least probable to green for the most probable one.
    """
    rank = np.argsort(np.argsort(log_probs)) / max(len(log_probs) - 1, 1)
    jaws = jaw_lines(apply_action(pose, actions), np.stack([1 - rank, rank, np.zeros(len(rank))], axis=1))
    return Lines(jaws.points[:, 1:3], jaws.colours)


class WatchedRobot(Robot):
    """A robot whose trials are shown.

    Args:
        robot: The robot.
        viewer: Shows them.
    """

    def __init__(self, robot: Robot, viewer: Viewer) -> None:
        self._robot, self._viewer, self._index = robot, viewer, 0
        self._renderer = None if robot.scene is None else Renderer(IMAGE_SIZE)
        self.name, self.task, self.cell, self.label_source = robot.name, robot.task, robot.cell, robot.label_source

    @classmethod
    def connect(
        cls, name: str, task: str, seed: int, *, image_size: int, settings: Mapping[str, Any], dry_run: bool = False
    ) -> Self:
        """A stand-in is made from a robot, not from a fleet file."""
        raise UsageError(f"Robot {name!r}: 'watched' is no driver of a fleet file. Use --view instead.")

    def begin(self, index: int) -> None:
        """Begins a trial, and shows the scene."""
        self._robot.begin(index)
        self._index = index
        self._viewer.begin(index, self._robot.scene)
        self._render()

    @property
    def pose(self) -> Floats:
        """Where the fingertips are, in the base frame, (4,)."""
        return self._robot.pose

    @property
    def scene(self) -> Scene | None:
        """The objects' true state before the grasp."""
        return self._robot.scene

    def observe(self) -> Observation:
        """What the camera sees; of a real robot it is shown."""
        seen = self._robot.observe()
        if self._renderer is None:
            self._viewer.look(seen.image, self._robot.pose)
        return seen

    def recorded(self) -> tuple[bytes, bytes] | None:
        """What the robot records for a log."""
        return self._robot.recorded()

    def feasible(self, actions: Floats) -> NDArray[np.bool_]:
        """Whether the arm can make each of the relative moves (n, 4), (n,)."""
        return self._robot.feasible(actions)

    def move(self, action: Floats) -> None:
        """Makes the relative move (4,), and shows where it led."""
        self._robot.move(action)
        self._render()

    def grasp(self) -> GraspResult:
        """Grasps, and shows how it went."""
        result = self._robot.grasp()
        self._viewer.end(self._index, result)
        return result

    def close(self) -> None:
        """Frees what the robot holds."""
        self._robot.close()

    def propose(self, actions: Floats, log_probs: Floats) -> None:
        """Shows the samples (n, 4) of an actor that looks from here, and their log-densities (n,)."""
        self._viewer.propose(sample_lines(self.pose, actions, log_probs))

    def _render(self) -> None:
        scene = self._robot.scene
        if self._renderer is not None and scene is not None:
            self._viewer.look(self._renderer.image(scene, self.pose), self.pose)


class WatchedSampler:
    """An actor whose samples for a watched robot are shown; that robot has to be the only one it decides for.

    Args:
        sampler: The actor's bundle.
        robot: The robot.
    """

    def __init__(self, sampler: Any, robot: WatchedRobot) -> None:
        self._sampler, self._robot = sampler, robot

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sampler, name)

    def act(self, image: Any, initial_image: Any, noise: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Actions (1, n, 4) and their log-densities (1, n)."""
        actions, log_probs = self._sampler.act(image, initial_image, noise)
        self._robot.propose(np.asarray(actions[0], np.float64), np.asarray(log_probs[0], np.float64))
        return actions, log_probs
