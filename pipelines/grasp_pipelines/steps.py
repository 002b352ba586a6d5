"""A trial becomes one training example per step (Section V)."""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray

from grasp_datasets import schema
from grasp_tfp.actions import encode_action
from grasp_tfp.errors import GraspError
from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.sim.geometry import WORKSPACE, Workspace
from grasp_tfp.sim.kinematics import feasible
from grasp_tfp.sim.rigid_motion import carried
from grasp_tfp.sim.tasks import find_task, random_pose, task_names
from grasp_tfp.trial import Scene, Trial

__all__ = [
    "LOOKS",
    "ImageSource",
    "TrialImages",
    "UnusableTrial",
    "check_poses",
    "steps_of_trial",
    "with_views",
]

Floats = NDArray[np.float64]

ImageSource = Callable[[Trial], tuple[bytes, Sequence[bytes]]]
"""Gives a trial's initial image and the image of each of its steps, as JPEG."""

UNDRAWABLE = "a gripper pose or an object cannot be drawn"
"""Why a simulated trial is of no use."""

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
            raise UnusableTrial(UNDRAWABLE) from error
        return self._jpeg(initial), [self._jpeg(image) for image in images]

    @functools.cached_property
    def _renderer(self) -> Any:
        from grasp_tfp.sim.renderer import Renderer

        return Renderer(self._size)

    def _jpeg(self, image: Any) -> bytes:
        jpeg: bytes = simplejpeg.encode_jpeg(image, self._quality, colorsubsampling="444")
        return jpeg


def steps_of_trial(trial: Trial, images_of: ImageSource, views: Sequence[Trial] = ()) -> Iterator[dict[str, Any]]:
    """Yields one example per step, labelled with the action from its pose to the final one.

    Args:
        trial: The trial.
        images_of: Where its images come from.
        views: As of `with_views`; their examples follow as steps from `num_steps` on.

    Raises:
        UnusableTrial: The trial has no step, a pose is not finite, or there are no images.
    """
    check_poses(trial)
    seen = itertools.chain.from_iterable(_seen(one, images_of) for one in (trial, *views))
    for step, (initial_image, image, pose, action) in enumerate(seen):
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


def _seen(trial: Trial, images_of: ImageSource) -> Iterator[tuple[bytes, bytes, Floats, Floats]]:
    """Initial image, image, gripper pose and encoded action of each step."""
    with np.errstate(over="ignore", invalid="ignore"):  # poses may be absurd
        initial_image, images = images_of(trial)
        actions = encode_action(trial.actions)
    for image, pose, action in zip(images, trial.gripper_poses, actions, strict=True):
        yield initial_image, image, pose, action


def check_poses(trial: Trial) -> None:
    """Refuses a trial without steps, or with a pose that is no pose.

    Raises:
        UnusableTrial: It is one.
    """
    if trial.num_steps == 0:
        raise UnusableTrial("it has no steps")
    if not (np.isfinite(trial.gripper_poses).all() and np.isfinite(trial.final_pose).all()):
        raise UnusableTrial("a pose is not finite")


def with_views(trial: Trial, number: int, rng: np.random.Generator) -> tuple[Trial, list[Trial]]:
    """A trial as it is to be seen, and more looks at its grasp where there is a scene to draw them from.

    A step's label depends on the objects, its pose and the final pose alone. Each view is a trial of one step: objects
    and grasp carried elsewhere in the tray, seen from any pose of the free space that the arm reaches. Failures get as
    many as successes, or a critic would learn which scenes were drawn.

    A policy looks again from where it went, and it went there because it found the grasp good: in its successes staying
    is always right, whatever the images show, and a network that learns from them learns to stay. Only the first look
    of its trials is kept, and views make up for the others: as many as a random trial has.

    Args:
        trial: The trial.
        number: Views to draw, beside those that make up for looks.
        rng: The random choices.

    Raises:
        UnusableTrial: The scene cannot be drawn.
    """
    if trial.images or (scene := trial.scene) is None:
        return trial, []
    _check_scene(scene)
    if trial.policy != RandomPolicy.name:
        trial = dataclasses.replace(trial, gripper_poses=trial.gripper_poses[:1])
        number += LOOKS - 1
    try:
        return trial, [_view(trial, scene, rng) for _ in range(number)]
    except GraspError as error:
        raise UnusableTrial(UNDRAWABLE) from error


def _view(trial: Trial, scene: Scene, rng: np.random.Generator) -> Trial:
    workspace = _workspace(trial.task)
    there, final_pose = carried(scene, trial.final_pose, workspace, rng)
    while not feasible(pose := random_pose(rng, workspace)):
        pass
    return dataclasses.replace(trial, scene=there, final_pose=final_pose, gripper_poses=pose[None])


@functools.cache
def _workspace(task: str) -> Workspace:
    """Where the gripper may go; as with blocks if the task is unknown here."""
    return find_task(task).workspace if task in task_names() else WORKSPACE


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
