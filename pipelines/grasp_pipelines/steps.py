"""A trial becomes one training example per step (Section V)."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from grasp_datasets import schema
from grasp_tfp.actions import encode_action
from grasp_tfp.errors import GraspError
from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.sim.geometry import WORKSPACE
from grasp_tfp.sim.kinematics import feasible
from grasp_tfp.sim.tasks import TASKS, random_pose
from grasp_tfp.trial import Scene, Trial

__all__ = [
    "LOOKS",
    "NO_VIEWS",
    "ImageSource",
    "TrialImages",
    "UnusableTrial",
    "check_poses",
    "draw_views",
    "redraw_looks",
    "steps_of_trial",
]

Floats = NDArray[np.float64]

ImageSource = Callable[[Trial], tuple[bytes, Sequence[bytes]]]
"""Gives a trial's initial image and the image of each of its steps, as JPEG."""

NO_VIEWS: Floats = np.empty((0, 4))
"""No gripper poses but those that were recorded."""

LARGEST_IMAGE = 4096
"""Height and width beyond which an image is not decoded; no camera of a cell has more [pixels]."""

LOOKS = 6
"""Looks of a policy's trial: as many as a random trial has steps on average, so that their successes count alike."""

REACH = 10.0
"""Farthest that an object may lie from the robot and be drawn [m]."""


class UnusableTrial(GraspError):
    """A trial that no example can be made of; the message is the reason, without the trial's name."""


class TrialImages:
    """The images of trials: those of the log as they are, else rendered from the logged scene.

    Args:
        size: Height and width of rendered images [pixels].
        quality: JPEG quality of rendered images.
    """

    def __init__(self, size: int, quality: int = 95) -> None:
        self._size = size
        self._quality = quality

    def __call__(self, trial: Trial) -> tuple[bytes, Sequence[bytes]]:
        """The trial's initial image and the image of each step.

        Raises:
            UnusableTrial: There are none, one does not decode, or none can be rendered.
        """
        if trial.images and trial.initial_image is not None:
            for jpeg in {trial.initial_image, *trial.images}:
                _check_image(jpeg)
            return trial.initial_image, trial.images
        if trial.scene is None:
            raise UnusableTrial("images are missing and there is no scene to render them from")
        _check_scene(trial.scene)
        try:
            initial = self._renderer.initial_image(trial.scene)
            images = [self._renderer.image(trial.scene, pose) for pose in trial.gripper_poses]
        except GraspError as error:
            raise UnusableTrial("a gripper pose or an object cannot be drawn") from error
        return self._jpeg(initial), [self._jpeg(image) for image in images]

    @functools.cached_property
    def _renderer(self) -> Any:
        from grasp_tfp.sim.renderer import Renderer

        return Renderer(self._size)

    def _jpeg(self, image: Any) -> bytes:
        jpeg: bytes = simplejpeg.encode_jpeg(image, self._quality, colorsubsampling="444")
        return jpeg


def steps_of_trial(trial: Trial, images_of: ImageSource, views: Floats = NO_VIEWS) -> Iterator[dict[str, Any]]:
    """Yields one example per step, labelled with the action from its pose to the final one.

    Args:
        trial: The trial.
        images_of: Where its images come from.
        views: More gripper poses (n, 4), whose examples follow as steps from `num_steps` on.

    Raises:
        UnusableTrial: The trial has no step, a pose is not finite, or there are no images.
    """
    check_poses(trial)
    seen = dataclasses.replace(trial, gripper_poses=np.concatenate([trial.gripper_poses, views]))
    with np.errstate(over="ignore", invalid="ignore"):  # poses may be absurd
        initial_image, images = images_of(seen)
        actions = encode_action(seen.actions)
    for step, (image, pose, action) in enumerate(zip(images, seen.gripper_poses, actions, strict=True)):
        yield {
            schema.IMAGE: image,
            schema.INITIAL_IMAGE: initial_image,
            schema.GRIPPER_POSE: pose.astype(np.float32),
            schema.ACTION: action.astype(np.float32),
            schema.SUCCESS: trial.success,
            schema.TRIAL_ID: trial.trial_id,
            schema.STEP: step,
            schema.NUM_STEPS: trial.num_steps,
            schema.TASK: trial.task,
        }


def check_poses(trial: Trial) -> None:
    """Refuses a trial without steps, or with a pose that is no pose.

    Raises:
        UnusableTrial: It is one.
    """
    if trial.num_steps == 0:
        raise UnusableTrial("it has no steps")
    if not (np.isfinite(trial.gripper_poses).all() and np.isfinite(trial.final_pose).all()):
        raise UnusableTrial("a pose is not finite")


def draw_views(trial: Trial, number: int, rng: np.random.Generator) -> Floats:
    """More gripper poses to look at a successful grasp from, (number, 4).

    A step's label depends on its pose and the final pose alone, so any pose of the free space that the arm
    reaches makes a step. Trials with recorded images, and failures, get none.
    """
    if not number or not trial.success or trial.images or trial.scene is None:
        return NO_VIEWS
    return _free_poses(trial, number, rng)


def redraw_looks(trial: Trial, rng: np.random.Generator) -> Trial:
    """A trial of a policy with `LOOKS` looks, all but the first from poses drawn anew, where it can be rendered.

    A policy looks again from where it went, and it went there because it found the grasp good: in its successes staying
    is always right, whatever the images show, and a network that learns from them learns to stay. Gripper poses that
    are drawn know nothing of the grasp, as those of random trials.
    """
    if trial.policy == RandomPolicy.name or trial.images or trial.scene is None:
        return trial
    drawn = _free_poses(trial, LOOKS - 1, rng)
    return dataclasses.replace(trial, gripper_poses=np.concatenate([trial.gripper_poses[:1], drawn]))


def _free_poses(trial: Trial, number: int, rng: np.random.Generator) -> Floats:
    """Gripper poses of the task's free space that the arm reaches, (number, 4)."""
    workspace = TASKS[trial.task].workspace if trial.task in TASKS else WORKSPACE
    poses: list[Floats] = []
    while len(poses) < number:
        if feasible(pose := random_pose(rng, workspace)):
            poses.append(pose)
    return np.reshape(poses, (-1, 4))


def _check_image(jpeg: bytes) -> None:
    """Refuses what training could not decode; an eighth of the size shows as much as the whole."""
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(jpeg)
        if max(height, width) > LARGEST_IMAGE:
            raise UnusableTrial(f"an image is larger than {LARGEST_IMAGE} pixels")
        simplejpeg.decode_jpeg(jpeg, "GRAY", fastdct=True, min_height=1, min_width=1, min_factor=8)
    except ValueError as error:
        raise UnusableTrial("an image does not decode") from error


def _check_scene(scene: Scene) -> None:
    """Refuses numbers that the renderer cannot work with."""
    places, turns = scene.poses[:, :3], scene.poses[:, 3:]
    if len(scene.objects) != len(scene.poses):
        raise UnusableTrial("its scene has not one pose for each object")
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.linalg.norm(turns, axis=1)
    if not (np.all(np.abs(places) <= REACH) and np.all(np.abs(lengths - 1) < 0.01)):
        raise UnusableTrial("an object of its scene is nowhere near the robot or has no orientation")
