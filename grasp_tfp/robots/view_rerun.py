"""Trials in Rerun, through its SDK."""

import socket
from pathlib import Path

import numpy as np
import rerun
import simplejpeg
from numpy.typing import NDArray

from grasp_tfp.errors import UsageError
from grasp_tfp.robots.robot import GraspResult
from grasp_tfp.robots.viewer import HOST, Lines, Viewer, jaw_lines
from grasp_tfp.sim.solids import solids
from grasp_tfp.trial import Scene

__all__ = ["RerunViewer"]

Floats = NDArray[np.float64]

PORT = 9876
"""Where Rerun's viewer listens; it is not started from here, as it would listen to the whole network."""

WHITE = np.ones((1, 3))


class RerunViewer(Viewer):
    """Sends trials to a Rerun viewer on this machine, or writes them to an .rrd file.

    Args:
        path: File to write; None to show them live.
        port: Where the viewer listens.

    Raises:
        UsageError: No viewer listens.
    """

    def __init__(self, path: Path | None, port: int = PORT) -> None:
        self._recording = rerun.RecordingStream("graspctl")
        if path is not None:
            self._recording.save(path)
            return
        try:
            socket.create_connection((HOST, port), timeout=2).close()
        except OSError:
            raise UsageError(
                f"No Rerun viewer listens at {HOST}:{port}. Run rerun --bind {HOST} in another terminal first."
            ) from None
        self._recording.connect_grpc(f"rerun+http://{HOST}:{port}/proxy")

    def begin(self, index: int, scene: Scene | None) -> None:
        """Sets the time line `trial`, and shows the objects."""
        self._recording.set_time("trial", sequence=index)
        self._recording.log("samples", rerun.Clear(recursive=True))
        found = list(solids(scene)) if scene is not None else []
        for kind, own in (("boxes", [s for s in found if s.is_box]), ("cylinders", [s for s in found if not s.is_box])):
            place = {
                "centers": [solid.centre for solid in own],
                "quaternions": [solid.orientation for solid in own],
                "colors": [solid.colour for solid in own],
            }
            shown = (
                rerun.Boxes3D(sizes=[solid.size for solid in own], fill_mode="solid", **place)
                if kind == "boxes"
                else rerun.Cylinders3D(
                    radii=[solid.size[0] / 2 for solid in own], lengths=[solid.size[2] for solid in own],
                    fill_mode="solid", **place,
                )
            )  # fmt: skip
            self._recording.log(f"scene/{kind}", shown)

    def look(self, image: NDArray[np.uint8], pose: Floats) -> None:
        """Shows the image and the gripper."""
        jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(image), 90)
        self._recording.log("camera/image", rerun.EncodedImage(contents=jpeg, media_type="image/jpeg"))
        self._recording.log("gripper", _strips(jaw_lines(pose[None], WHITE), 0.004))

    def propose(self, samples: Lines) -> None:
        """Shows the samples."""
        self._recording.log("samples", _strips(samples, 0.001))

    def end(self, index: int, result: GraspResult) -> None:
        """Shows where the fingers closed, green or red, and adds to the curve and the log."""
        colour = np.array([[0.0, 1.0, 0.0] if result.success else [1.0, 0.0, 0.0]])
        self._recording.log("gripper", _strips(jaw_lines(result.final_pose[None], colour), 0.004))
        self._recording.log("success", rerun.Scalars(float(result.success)))
        text = f"trial {index}: {'held' if result.success else result.failure or 'failed'}"
        self._recording.log("outcome", rerun.TextLog(text, level="INFO" if result.success else "WARN"))

    def close(self) -> None:
        """Sends what is left."""
        self._recording.flush()
        self._recording.disconnect()


def _strips(lines: Lines, radius: float) -> rerun.LineStrips3D:
    return rerun.LineStrips3D(lines.points, colors=np.round(255 * lines.colours).astype(np.uint8), radii=radius)
