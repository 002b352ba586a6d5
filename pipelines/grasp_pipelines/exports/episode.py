"""A trial as the episode that other toolkits know, and what writes episodes in one of their formats."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from grasp_pipelines.steps import ImageSource, check_poses
from grasp_tfp.actions import encode_action, relative_action
from grasp_tfp.trial import Trial

__all__ = ["AXES", "MOVE_AXES", "Episode", "EpisodeWriter", "episode_of_trial"]

AXES = ("x", "y", "z", "yaw")
"""Of a gripper pose: fingertips in the robot's base frame [m, m, m, rad]."""

MOVE_AXES = ("dx", "dy", "dz", "sin_dyaw", "cos_dyaw")
"""Of a relative action [m, m, m, 1, 1]."""

Floats = NDArray[np.float32]


@dataclasses.dataclass(frozen=True)
class Episode:
    """One trial: a step for each of its n moves, the last of them the grasp."""

    trial: Trial
    initial_image: bytes
    """JPEG from before the arm came in."""

    images: Sequence[bytes]
    """JPEG of each step, taken before its move."""

    def __len__(self) -> int:
        """How many steps it has, n."""
        return len(self.images)

    @functools.cached_property
    def poses(self) -> Floats:
        """Gripper pose before each move, (n, 4)."""
        return self.trial.gripper_poses.astype(np.float32)

    @functools.cached_property
    def actions(self) -> Floats:
        """Each move, to the next pose or, the last, to the pose where the fingers closed, (n, 5)."""
        following = np.concatenate([self.trial.gripper_poses[1:], self.trial.final_pose[None]])
        return encode_action(relative_action(self.trial.gripper_poses, following)).astype(np.float32)

    @functools.cached_property
    def grasp_actions(self) -> Floats:
        """From each pose to the one where the fingers closed, the label of Section V, (n, 5)."""
        return encode_action(self.trial.actions).astype(np.float32)

    @functools.cached_property
    def last(self) -> NDArray[np.bool_]:
        """Whether the step is the grasp, (n,)."""
        return np.equal(np.arange(len(self)), len(self) - 1)

    @functools.cached_property
    def rewards(self) -> Floats:
        """1 for the grasp of a successful trial, 0 for every other step, (n,)."""
        return (self.last & self.trial.success).astype(np.float32)


class EpisodeWriter(Protocol):
    """Writes episodes into a folder, in the order in which they come."""

    def add(self, episode: Episode, split: str) -> None:
        """Takes one episode.

        Args:
            episode: The trial.
            split: `train` or `validation`, as `graspctl convert` splits it.

        Raises:
            UnusableTrial: It does not go with the episodes before it.
        """

    def close(self) -> None:
        """Completes the files."""

    def discard(self) -> None:
        """Closes what is open after a failure."""


def episode_of_trial(trial: Trial, images_of: ImageSource) -> Episode:
    """A trial with its images, those of the log or rendered.

    Raises:
        UnusableTrial: It has no step, a pose is not finite, or there are no images.
    """
    check_poses(trial)
    return Episode(trial, *images_of(trial))
