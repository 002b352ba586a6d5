"""The ROS messages that an arm, its gripper and its camera need, as the JSON values of rosbridge, in both dialects.

ROS 1 and ROS 2 differ in the names of types and of the parts of a time, in the header's `seq`, and in how an action
is spoken: ROS 1 has five topics, ROS 2 has operations of rosbridge.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from grasp_tfp.errors import RobotError, unknown_name

__all__ = ["DIALECTS", "OUTCOMES", "Dialect", "image_bytes"]

Message = dict[str, Any]

OUTCOMES = {
    "ros1": {2: "canceled", 3: "succeeded", 4: "aborted", 5: "rejected", 8: "canceled"},
    "ros2": {4: "succeeded", 5: "canceled", 6: "aborted"},
}
"""What the status of an action's result means: `actionlib_msgs/GoalStatus`, `action_msgs/msg/GoalStatus`."""

DIALECTS = tuple(OUTCOMES)

NANO = 1_000_000_000


class Dialect:
    """Messages as ROS 1 or ROS 2 wants them.

    Args:
        name: `ros1` or `ros2`.

    Raises:
        UsageError: It is neither.
    """

    def __init__(self, name: str) -> None:
        if name not in DIALECTS:
            raise unknown_name("dialect", name, DIALECTS)
        self.name = name
        self._second = name == "ros2"

    def type(self, name: str) -> str:
        """The full name of a message type such as `sensor_msgs/JointState`."""
        return name.replace("/", "/msg/") if self._second else name

    def action(self, name: str) -> str:
        """The full name of an action type such as `control_msgs/FollowJointTrajectory`."""
        return name.replace("/", "/action/") if self._second else f"{name}Action"

    def time(self, seconds: float) -> Message:
        """A time or a duration [s]."""
        whole, rest = divmod(round(seconds * NANO), NANO)
        return {"sec": whole, "nanosec": rest} if self._second else {"secs": whole, "nsecs": rest}

    def seconds(self, time: Mapping[str, Any]) -> float:
        """A time or a duration of a message [s]."""
        whole, rest = ("sec", "nanosec") if self._second else ("secs", "nsecs")
        return float(time[whole]) + float(time[rest]) / NANO

    def header(self, stamp: float = 0.0, frame: str = "") -> Message:
        """A header; a stamp of zero means `now` to a controller, whose clock may differ from ours."""
        header = {"stamp": self.time(stamp), "frame_id": frame}
        return header if self._second else {"seq": 0, **header}

    def joint_state(self, names: Sequence[str], position: ArrayLike, velocity: ArrayLike, stamp: float) -> Message:
        """`sensor_msgs/JointState`."""
        return {
            "header": self.header(stamp),
            "name": list(names),
            "position": np.asarray(position, np.float64).tolist(),
            "velocity": np.asarray(velocity, np.float64).tolist(),
            "effort": [],
        }

    def trajectory(self, names: Sequence[str], positions: ArrayLike, times: Sequence[float]) -> Message:
        """`trajectory_msgs/JointTrajectory` through `positions` (k, n) [rad] at `times` [s] after its start.

        It ends at rest, as controllers ask for; the velocities between are those of the path.
        """
        path = np.atleast_2d(np.asarray(positions, np.float64))
        points = [
            {
                "positions": place.tolist(),
                "velocities": velocity.tolist(),
                "accelerations": [],
                "effort": [],
                "time_from_start": self.time(time),
            }
            for place, velocity, time in zip(path, _velocities(path, np.asarray(times)), times, strict=True)
        ]
        return {"header": self.header(), "joint_names": list(names), "points": points}

    def trajectory_goal(self, trajectory: Message, goal_time: float) -> Message:
        """The goal of `control_msgs/FollowJointTrajectory`, which may end `goal_time` late [s]."""
        return {
            "trajectory": trajectory,
            "path_tolerance": [],
            "goal_tolerance": [],
            "goal_time_tolerance": self.time(goal_time),
        }

    def compressed_image(self, encoding: str, data: bytes, stamp: float) -> Message:
        """`sensor_msgs/CompressedImage`, its bytes as base64."""
        text = base64.b64encode(data).decode("ascii")
        return {"header": self.header(stamp, "camera"), "format": encoding, "data": text}


def image_bytes(message: Mapping[str, Any]) -> bytes:
    """The file inside a `sensor_msgs/CompressedImage` that came as JSON (base64) or as CBOR (bytes).

    Raises:
        RobotError: It is neither.
    """
    data = message["data"]
    data = getattr(data, "value", data)
    try:
        return data if isinstance(data, bytes) else base64.b64decode(data, validate=True)
    except (ValueError, TypeError) as error:
        raise RobotError(
            f"The camera's image cannot be read: expected base64 or bytes, received {type(data).__name__}. "
            "Check that the topic is a sensor_msgs/CompressedImage."
        ) from error


def _velocities(path: NDArray[np.float64], times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Central differences, and rest at the end."""
    velocities = np.zeros_like(path)
    if len(path) > 2:
        velocities[1:-1] = (path[2:] - path[:-2]) / (times[2:] - times[:-2])[:, None]
    return velocities
