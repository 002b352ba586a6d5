"""Trials in Foxglove, through its SDK."""

import math
import time
from pathlib import Path
from typing import Any

import foxglove
import numpy as np
import simplejpeg
from foxglove import channels, messages
from numpy.typing import NDArray

from grasp_tfp.errors import UsageError
from grasp_tfp.robots.robot import GraspResult
from grasp_tfp.robots.viewer import HOST, Lines, Viewer, jaw_lines
from grasp_tfp.sim.solids import Solid, solids
from grasp_tfp.trial import Scene

__all__ = ["FoxgloveViewer"]

Floats = NDArray[np.float64]

PORT = 8765
BASE = "base"
"""Foxglove's name of the robot's base frame, as in our logs."""

WHITE = np.ones((1, 3))


class FoxgloveViewer(Viewer):
    """Serves trials to Foxglove over a WebSocket of this machine, or writes them to an .mcap file.

    Args:
        path: File to write; None to show them live.
        port: Where to listen; 0 for any that is free.

    Raises:
        UsageError: Another program listens there.
    """

    def __init__(self, path: Path | None, port: int = PORT) -> None:
        context = self._context = foxglove.Context()  # channels close with it
        self._image = channels.CompressedImageChannel("/camera/image", context=context)
        self._pose = channels.PoseInFrameChannel("/gripper_pose", context=context)
        self._scene = channels.SceneUpdateChannel("/scene", context=context)
        self._outcome = channels.LogChannel("/trial/outcome", context=context)
        self._sink: Any
        if path is not None:
            self._sink = foxglove.open_mcap(path, context=context)
            return
        try:
            self._sink = foxglove.start_server(name="graspctl", host=HOST, port=port, context=context)
        except (OSError, RuntimeError) as error:
            raise UsageError(f"Cannot serve {HOST}:{port}: {error}. End what listens there.") from error
        self.port = self._sink.port

    def begin(self, index: int, scene: Scene | None) -> None:
        """Shows the objects, without the last trial's samples."""
        found = list(solids(scene)) if scene is not None else []
        self._show(
            "objects",
            cubes=[_cube(solid) for solid in found if solid.is_box],
            cylinders=[_cylinder(solid) for solid in found if not solid.is_box],
        )
        self._show("samples")

    def look(self, image: NDArray[np.uint8], pose: Floats) -> None:
        """Shows the image and the gripper."""
        jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(image), 90)
        self._image.log(
            messages.CompressedImage(timestamp=_now(), frame_id="camera", data=jpeg, format="jpeg"),
        )
        self._pose.log(messages.PoseInFrame(timestamp=_now(), frame_id=BASE, pose=_pose(pose[:3], _upright(pose[3]))))
        self._show("gripper", lines=_lines(jaw_lines(pose[None], WHITE), 0.008))

    def propose(self, samples: Lines) -> None:
        """Shows the samples."""
        self._show("samples", lines=_lines(samples, 0.002))

    def end(self, index: int, result: GraspResult) -> None:
        """Shows where the fingers closed, green or red, and says how it went."""
        colour = np.array([[0.0, 1.0, 0.0] if result.success else [1.0, 0.0, 0.0]])
        self._show("gripper", lines=_lines(jaw_lines(result.final_pose[None], colour), 0.008))
        level = messages.LogLevel.Info if result.success else messages.LogLevel.Warning
        text = f"trial {index}: {'held' if result.success else result.failure or 'failed'}"
        self._outcome.log(messages.Log(timestamp=_now(), level=level, message=text, name="graspctl"))

    def close(self) -> None:
        """Completes the file, or stops serving."""
        if isinstance(self._sink, foxglove.WebSocketServer):
            self._sink.stop()
        else:
            self._sink.close()

    def _show(self, name: str, **parts: Any) -> None:
        """Shows an entity in the place of the one that had its name."""
        entity = messages.SceneEntity(timestamp=_now(), frame_id=BASE, id=name, **parts)
        self._scene.log(messages.SceneUpdate(entities=[entity]))


def _lines(lines: Lines, thickness: float) -> list[messages.LinePrimitive]:
    return [
        messages.LinePrimitive(
            type=messages.LinePrimitiveLineType.LineStrip,
            thickness=thickness,
            points=[messages.Point3(x=x, y=y, z=z) for x, y, z in points],
            color=_colour(colour),
        )
        for points, colour in zip(lines.points.tolist(), lines.colours.tolist(), strict=True)
    ]


def _cube(solid: Solid) -> messages.CubePrimitive:
    return messages.CubePrimitive(
        pose=_pose(solid.centre, solid.orientation), size=_vector(solid.size), color=_colour(solid.colour)
    )


def _cylinder(solid: Solid) -> messages.CylinderPrimitive:
    return messages.CylinderPrimitive(
        pose=_pose(solid.centre, solid.orientation),
        size=_vector(solid.size),
        bottom_scale=1.0,
        top_scale=1.0,
        color=_colour(solid.colour),
    )


def _pose(position: Any, orientation: Any) -> messages.Pose:
    x, y, z, w = map(float, orientation)
    return messages.Pose(position=_vector(position), orientation=messages.Quaternion(x=x, y=y, z=z, w=w))


def _upright(yaw: float) -> tuple[float, float, float, float]:
    return 0.0, 0.0, math.sin(yaw / 2), math.cos(yaw / 2)


def _vector(values: Any) -> messages.Vector3:
    x, y, z = map(float, values)
    return messages.Vector3(x=x, y=y, z=z)


def _colour(values: Any) -> messages.Color:
    red, green, blue = map(float, values)
    return messages.Color(r=red, g=green, b=blue, a=1.0)


def _now() -> messages.Timestamp:
    return messages.Timestamp.from_epoch_secs(time.time())
