"""The messages of both dialects, against the definitions of ROS as rosbags has them."""

import base64
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from rosbags.interfaces import Nodetype
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from grasp_tfp.errors import RobotError, UsageError
from grasp_tfp.robots.messages import Dialect, image_bytes

STORES = {"ros1": Stores.ROS1_NOETIC, "ros2": Stores.ROS2_HUMBLE}
NAMES = ["a", "b"]

JOINT_TOLERANCE = "string name\nfloat64 position\nfloat64 velocity\nfloat64 acceleration"
GOAL = """trajectory_msgs/JointTrajectory trajectory
control_msgs/JointTolerance[] path_tolerance
control_msgs/JointTolerance[] goal_tolerance
{duration} goal_time_tolerance"""
"""`control_msgs` is not among rosbags' definitions; this is its action's goal."""


@pytest.fixture(scope="module", params=["ros1", "ros2"])
def dialect(request: pytest.FixtureRequest) -> Dialect:
    return Dialect(request.param)


@pytest.fixture(scope="module")
def store(dialect: Dialect) -> Typestore:
    found = get_typestore(STORES[dialect.name])
    duration = "duration" if dialect.name == "ros1" else "builtin_interfaces/Duration"
    found.register(get_types_from_msg(JOINT_TOLERANCE, "control_msgs/msg/JointTolerance"))
    found.register(get_types_from_msg(GOAL.format(duration=duration), "control_msgs/msg/FollowJointTrajectoryGoal"))
    return found


def differences(store: Typestore, kind: str, message: Any, where: str = "") -> Iterable[str]:
    """Where a message's fields are not those of its definition."""
    if kind in ("builtin_interfaces/msg/Time", "builtin_interfaces/msg/Duration"):
        parts = {"secs", "nsecs"} if store.fielddefs["std_msgs/msg/Header"][1][0][0] == "seq" else {"sec", "nanosec"}
        if message.keys() != parts:
            yield f"{where}: {message}"
        return
    fields = dict(store.fielddefs[kind][1])
    if message.keys() != fields.keys():
        yield f"{where or kind}: {sorted(message.keys() ^ fields.keys())}"
        return
    for name, (node, inner) in fields.items():
        if node == Nodetype.NAME:
            yield from differences(store, str(inner), message[name], f"{where}.{name}")
        elif node in (Nodetype.SEQUENCE, Nodetype.ARRAY) and inner[0][0] == Nodetype.NAME:
            for item in message[name]:
                yield from differences(store, str(inner[0][1]), item, f"{where}.{name}[]")


def test_messages_have_the_fields_of_their_definitions(dialect: Dialect, store: Typestore) -> None:
    trajectory = dialect.trajectory(NAMES, [[0.1, 0.2], [0.3, 0.4]], [0.5, 1.0])
    built = {
        "sensor_msgs/msg/JointState": dialect.joint_state(NAMES, [0.0, 1.0], [0.0, 0.0], 12.5),
        "sensor_msgs/msg/CompressedImage": dialect.compressed_image("jpeg", b"x", 1.0),
        "trajectory_msgs/msg/JointTrajectory": trajectory,
        "control_msgs/msg/FollowJointTrajectoryGoal": dialect.trajectory_goal(trajectory, 1.0),
    }
    assert [line for kind, message in built.items() for line in differences(store, kind, message)] == []


def test_the_check_finds_the_other_dialect(dialect: Dialect, store: Typestore) -> None:
    other = Dialect("ros1" if dialect.name == "ros2" else "ros2")
    found = list(differences(store, "sensor_msgs/msg/JointState", other.joint_state(NAMES, [0, 1], [0, 0], 1)))
    assert found != []


@pytest.mark.parametrize("seconds", [0.0, 0.5, 1.999999999, 1e9 + 0.25])
def test_times_come_back(dialect: Dialect, seconds: float) -> None:
    assert dialect.seconds(dialect.time(seconds)) == pytest.approx(seconds, abs=1e-6)


def test_a_trajectory_ends_at_rest() -> None:
    path = np.linspace(0, 1, 5)[:, None] ** 2
    points = Dialect("ros2").trajectory(["a"], path, [1, 2, 3, 4, 5])["points"]
    assert points[-1]["velocities"] == [0.0]
    assert points[1]["velocities"] == [pytest.approx((path[2, 0] - path[0, 0]) / 2)]


def test_names_of_types() -> None:
    assert Dialect("ros1").type("sensor_msgs/JointState") == "sensor_msgs/JointState"
    assert Dialect("ros2").type("sensor_msgs/JointState") == "sensor_msgs/msg/JointState"
    assert Dialect("ros1").action("control_msgs/GripperCommand") == "control_msgs/GripperCommandAction"
    assert Dialect("ros2").action("control_msgs/GripperCommand") == "control_msgs/action/GripperCommand"
    with pytest.raises(UsageError, match="Unknown dialect 'ros3'"):
        Dialect("ros3")


def test_images_come_as_text_or_as_bytes() -> None:
    assert image_bytes({"data": base64.b64encode(b"jpeg").decode()}) == image_bytes({"data": b"jpeg"}) == b"jpeg"
    with pytest.raises(RobotError, match="expected base64"):
        image_bytes({"data": [1, 2, 3]})
