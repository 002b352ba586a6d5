"""A trial as the messages of a log, and back to the last bit.

Gripper, scene and images are Foxglove's own messages, so that a log shows in its 3D and image panels as it is. What a
trial is made of stands beside them in `/trial/start` and `/trial/end`.
"""

import base64
import dataclasses
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grasp_pipelines.log_schema import END, IMAGE, INITIAL_IMAGE, POSE, SCENE, START, software_versions
from grasp_tfp.sim.geometry import CAMERA
from grasp_tfp.sim.solids import Solid, solids
from grasp_tfp.trial import Scene, Trial

__all__ = ["UNFIT", "messages_of_trial", "trial_of_messages"]

Floats = NDArray[np.float64]
Message = dict[str, Any]

SECOND = 1_000_000_000
TRIAL_PERIOD = 20 * SECOND
"""Time between the starts of two trials on the logs' own clock, one second per message [ns]."""

UNFIT = (KeyError, IndexError, TypeError, ValueError, OverflowError, RecursionError)
"""What goes wrong with messages that are JSON, or not even that, but no trial."""

BASE = "base"
"""Foxglove's name of the robot's base frame."""

PARTS = ("metadata", "arrows", "cubes", "spheres", "cylinders", "lines", "triangles", "texts", "models")
"""What an entity of a scene is made of."""


def messages_of_trial(trial: Trial) -> Iterator[tuple[str, int, bytes]]:
    """Yields topic, time [ns] and JSON of each message, from the trial's start to its end."""
    time = trial.index * TRIAL_PERIOD
    yield START, time, _encode(_start(trial))
    if trial.scene is not None:
        yield SCENE, time, _encode(_scene_update(trial.scene, time))
    if trial.initial_image is not None:
        yield INITIAL_IMAGE, time, _encode(_image(trial.initial_image, time))
    for step, pose in enumerate(trial.gripper_poses):
        time += SECOND
        yield POSE, time, _encode(_pose_in_frame(pose, time))
        if trial.images:
            yield IMAGE, time, _encode(_image(trial.images[step], time))
    end = {
        "final_pose": dict(zip(("x", "y", "z", "yaw"), trial.final_pose.tolist(), strict=True)),
        "success": trial.success,
        "label_source": trial.label_source,
        "stop_reason": trial.stop_reason,
        "num_steps": trial.num_steps,
    }
    yield END, time + SECOND, _encode(end)


def trial_of_messages(messages: Mapping[str, Sequence[bytes]]) -> Trial:
    """The trial whose messages these are.

    Args:
        messages: JSON of the messages on each topic, in their order.

    Raises:
        ValueError: They do not fit the schema; so do the other exceptions of `UNFIT`.
    """
    (start,), (end,) = ([json.loads(message) for message in messages[topic]] for topic in (START, END))
    poses = [json.loads(message) for message in messages.get(POSE, [])]
    initial, images = ([_jpeg(message) for message in messages.get(topic, [])] for topic in (INITIAL_IMAGE, IMAGE))
    if len(poses) != end["num_steps"] or (images and len(images) != len(poses)):
        raise ValueError(f"{len(poses)} poses and {len(images)} images for {end['num_steps']} steps")
    scene = start["scene"]
    return Trial(
        **_typed(start, trial_id=str, task=str, seed=int, index=int, policy=str, policy_digest=str),
        gripper_poses=np.array([_pose(pose["pose"]["position"], pose["yaw"]) for pose in poses]).reshape(-1, 4),
        final_pose=_pose(end["final_pose"], end["final_pose"]["yaw"]),
        **_typed(end, success=bool, label_source=str, stop_reason=str),
        scene=scene and Scene(tuple(map(str, scene["objects"])), _numbers(scene["poses"]).reshape(-1, 7)),
        initial_image=initial[0] if initial else None,
        images=tuple(images),
    )


def _start(trial: Trial) -> Message:
    scene = None if trial.scene is None else {"objects": trial.scene.objects, "poses": trial.scene.poses.tolist()}
    return {
        "trial_id": trial.trial_id,
        "task": trial.task,
        "seed": trial.seed,
        "index": trial.index,
        "policy": trial.policy,
        "policy_digest": trial.policy_digest,
        "scene": scene,
        "camera": None if scene is None else dataclasses.asdict(CAMERA),
        "versions": software_versions(),
    }


def _pose_in_frame(gripper_pose: Floats, time: int) -> Message:
    """Foxglove's pose with the yaw itself beside it, which the quaternion gives back only rounded."""
    x, y, z, yaw = gripper_pose.tolist()
    half = yaw / 2 if math.isfinite(yaw) else math.nan
    pose = _placed((x, y, z), (0.0, 0.0, math.sin(half), math.cos(half)))
    return {"timestamp": _timestamp(time), "frame_id": BASE, "pose": pose, "yaw": yaw}


def _scene_update(scene: Scene, time: int) -> Message:
    """The objects as one entity, which takes the place of the last trial's."""
    shapes: Message = {part: [] for part in PARTS}
    for solid in solids(scene):
        kind, shape = _shape(solid)
        shapes[kind].append(shape)
    entity = {"timestamp": _timestamp(time), "frame_id": BASE, "id": "objects", "lifetime": _timestamp(0)}
    return {"deletions": [], "entities": [{**entity, "frame_locked": False, **shapes}]}


def _shape(solid: Solid) -> tuple[str, Message]:
    """Kind and message of what stands for an object."""
    return "cubes" if solid.is_box else "cylinders", {
        "pose": _placed(solid.centre.tolist(), solid.orientation.tolist()),
        "size": dict(zip("xyz", solid.size.tolist(), strict=True)),
        **({} if solid.is_box else {"bottom_scale": 1.0, "top_scale": 1.0}),
        "color": dict(zip("rgba", (*solid.colour, 1.0), strict=True)),
    }


def _image(jpeg: bytes, time: int) -> Message:
    data = base64.b64encode(jpeg).decode()
    return {"timestamp": _timestamp(time), "frame_id": "camera", "data": data, "format": "jpeg"}


def _placed(position: Sequence[float], orientation: Sequence[float]) -> Message:
    return {
        "position": dict(zip("xyz", position, strict=True)),
        "orientation": dict(zip("xyzw", orientation, strict=True)),
    }


def _timestamp(time: int) -> Message:
    return {"sec": time // SECOND, "nsec": time % SECOND}


def _encode(message: Message) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def _typed(message: Message, **kinds: type) -> Message:
    for name, kind in kinds.items():
        if type(message[name]) is not kind:
            raise ValueError(f"{name} is {message[name]!r:.40}, not of type {kind.__name__}")
    return {name: message[name] for name in kinds}


def _jpeg(message: bytes) -> bytes:
    return base64.b64decode(json.loads(message)["data"])


def _pose(position: Message, yaw: float) -> Floats:
    return _numbers([*(position[name] for name in "xyz"), yaw])


def _numbers(values: list[Any]) -> Floats:
    return np.array(values, dtype=np.float64)
