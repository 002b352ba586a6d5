"""Topics and JSON schemas of the messages in a log, and their software versions."""

import functools
import importlib.metadata
import json
from typing import Any

from grasp_tfp import __version__

__all__ = ["END", "IMAGE", "INITIAL_IMAGE", "POSE", "PROFILE", "SCENE", "SCHEMAS", "START", "software_versions"]

PROFILE = "graspctl"
"""Names the meaning of the topics in the header of each log."""

START = "/trial/start"
SCENE = "/scene"
INITIAL_IMAGE = "/camera/initial_image"
POSE = "/gripper_pose"
IMAGE = "/camera/image"
END = "/trial/end"

NUMBER = {"type": "number"}
INTEGER = {"type": "integer"}
STRING = {"type": "string"}


def _schema(title: str, description: str, properties: dict[str, Any]) -> tuple[str, bytes]:
    text = {"description": description, **_message(title, **properties)}
    return title, json.dumps(text, separators=(",", ":")).encode()


def _message(title: str, **properties: Any) -> dict[str, Any]:
    return {"title": title, "type": "object", "properties": properties, "required": list(properties)}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


NANOSECONDS = INTEGER | {"minimum": 0, "maximum": 999_999_999}
TIME = _message("time", sec=INTEGER | {"minimum": 0}, nsec=NANOSECONDS)
DURATION = _message("duration", sec=INTEGER, nsec=NANOSECONDS)
VECTOR = _message("foxglove.Vector3", x=NUMBER, y=NUMBER, z=NUMBER)
QUATERNION = _message("foxglove.Quaternion", x=NUMBER, y=NUMBER, z=NUMBER, w=NUMBER)
PLACED = _message("foxglove.Pose", position=VECTOR, orientation=QUATERNION)
COLOUR = _message("foxglove.Color", r=NUMBER, g=NUMBER, b=NUMBER, a=NUMBER)
CUBE = _message("foxglove.CubePrimitive", pose=PLACED, size=VECTOR, color=COLOUR)
CYLINDER = _message(
    "foxglove.CylinderPrimitive", pose=PLACED, size=VECTOR, bottom_scale=NUMBER, top_scale=NUMBER, color=COLOUR
)
UNUSED = _list({"type": "object"})
ENTITY = _message(
    "foxglove.SceneEntity",
    timestamp=TIME,
    frame_id=STRING,
    id=STRING,
    lifetime=DURATION,
    frame_locked={"type": "boolean"},
    metadata=UNUSED,
    arrows=UNUSED,
    cubes=_list(CUBE),
    spheres=UNUSED,
    cylinders=_list(CYLINDER),
    lines=UNUSED,
    triangles=UNUSED,
    texts=UNUSED,
    models=UNUSED,
)
FINAL_POSE = {name: NUMBER for name in ("x", "y", "z", "yaw")}

COMPRESSED_IMAGE = _schema(
    "foxglove.CompressedImage",
    "A compressed image",
    {"timestamp": TIME, "frame_id": STRING, "data": STRING | {"contentEncoding": "base64"}, "format": STRING},
)

SCHEMAS: dict[str, tuple[str, bytes]] = {
    START: _schema(
        "graspctl.TrialStart",
        "A grasp trial begins; the scene and its camera are there when it is simulated",
        {
            "trial_id": STRING,
            "task": STRING,
            "seed": INTEGER,
            "index": INTEGER,
            "policy": STRING,
            "policy_digest": STRING,
            "scene": {"type": ["object", "null"]},
            "camera": {"type": ["object", "null"]},
            "versions": {"type": "object"},
        },
    ),
    SCENE: _schema(
        "foxglove.SceneUpdate",
        "What lay in the tray when the trial began",
        {"deletions": UNUSED, "entities": _list(ENTITY)},
    ),
    INITIAL_IMAGE: COMPRESSED_IMAGE,
    POSE: _schema(
        "foxglove.PoseInFrame",
        "Pose of the fingertips [m], with its yaw to the last bit [rad]",
        {"timestamp": TIME, "frame_id": STRING, "pose": PLACED, "yaw": NUMBER},
    ),
    IMAGE: COMPRESSED_IMAGE,
    END: _schema(
        "graspctl.TrialEnd",
        "The fingers closed at the final pose; a trial without this message is void",
        {
            "final_pose": {"type": "object", "properties": FINAL_POSE},
            "success": {"type": "boolean"},
            "label_source": STRING,
            "stop_reason": STRING,
            "num_steps": INTEGER,
        },
    ),
}
"""Name and JSON schema of the messages on each topic, in the order of their channels."""


@functools.cache
def software_versions() -> dict[str, str]:
    """The versions that a recorded trial can depend on."""
    return {"graspctl": __version__} | {name: importlib.metadata.version(name) for name in ("numpy", "pybullet")}
