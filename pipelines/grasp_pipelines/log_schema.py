"""Topics and JSON schemas of the messages in a log, and their software versions."""

import functools
import importlib.metadata
import json
from typing import Any

from grasp_tfp import __version__

__all__ = ["END", "IMAGE", "INITIAL_IMAGE", "POSE", "PROFILE", "SCHEMAS", "START", "software_versions"]

PROFILE = "graspctl"
"""Names the meaning of the topics in the header of each log."""

START = "/trial/start"
INITIAL_IMAGE = "/camera/initial_image"
POSE = "/gripper_pose"
IMAGE = "/camera/image"
END = "/trial/end"

NUMBER = {"type": "number"}
INTEGER = {"type": "integer"}
STRING = {"type": "string"}


def _schema(
    title: str, description: str, properties: dict[str, Any], required: list[str] | None = None
) -> tuple[str, bytes]:
    text = {
        "title": title,
        "description": description,
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
    }
    return title, json.dumps(text, separators=(",", ":")).encode()


POSE_PROPERTIES = {"x": NUMBER, "y": NUMBER, "z": NUMBER, "yaw": NUMBER}

COMPRESSED_IMAGE = _schema(
    "foxglove.CompressedImage",
    "A compressed image",
    {
        "timestamp": {
            "type": "object",
            "title": "time",
            "properties": {
                "sec": {"type": "integer", "minimum": 0},
                "nsec": {"type": "integer", "minimum": 0, "maximum": 999999999},
            },
            "description": "Timestamp of image",
        },
        "frame_id": STRING | {"description": "Frame of reference for the image"},
        "data": {"type": "string", "contentEncoding": "base64", "description": "Compressed image data"},
        "format": STRING | {"description": "Image format"},
    },
    required=[],
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
    INITIAL_IMAGE: COMPRESSED_IMAGE,
    POSE: _schema("graspctl.GripperPose", "Pose of the fingertips in the base frame [m, rad]", POSE_PROPERTIES),
    IMAGE: COMPRESSED_IMAGE,
    END: _schema(
        "graspctl.TrialEnd",
        "The fingers closed at the final pose; a trial without this message is void",
        {
            "final_pose": {"type": "object", "properties": POSE_PROPERTIES},
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
