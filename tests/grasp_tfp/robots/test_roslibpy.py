"""The simulated arm, driven by an independent client of rosbridge."""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import roslibpy
from roslibpy.ros1 import actionlib

from grasp_tfp.robots.messages import Dialect

ACTION = "/lbr/joint_trajectory_controller/follow_joint_trajectory"
JOINTS = [f"lbr_A{number}" for number in range(1, 8)]
HOME = np.radians([0.0, 39.2, 0.0, -91.3, 0.0, 49.5, 0.0])


@pytest.fixture(scope="module")
def arms(serve: Callable[..., Any]) -> Iterator[dict[str, roslibpy.Ros]]:
    """A connection to an arm of each dialect; roslibpy's event loop can only be ended once in a process."""
    with serve("ros1", speed=2.0) as first, serve("ros2", speed=2.0) as second:
        found = {}
        for dialect, arm in (("ros1", first), ("ros2", second)):
            host, port = arm.url.removeprefix("ws://").split(":")
            found[dialect] = ros = roslibpy.Ros(host, int(port))
            ros.run(5)
        yield found
        for ros in found.values():
            ros.close()


def goal(dialect: str, turn: float, seconds: float) -> dict[str, Any]:
    """A goal that turns the first joint away from home [rad]."""
    ours = Dialect(dialect)
    target = HOME + [turn, 0, 0, 0, 0, 0, 0]
    return ours.trajectory_goal(ours.trajectory(JOINTS, [target], [seconds]), 1.0)


def joint(ros: roslibpy.Ros, dialect: str) -> float:
    """The first joint's angle now [rad]."""
    topic = roslibpy.Topic(ros, "/lbr/joint_states", Dialect(dialect).type("sensor_msgs/JointState"))
    states: queue.Queue[Any] = queue.Queue()
    topic.subscribe(states.put)
    state = states.get(timeout=5)
    topic.unsubscribe()
    return float(state["position"][state["name"].index("lbr_A1")])


def test_goal_feedback_result_and_cancel_in_ros2(arms: dict[str, roslibpy.Ros]) -> None:
    ros = arms["ros2"]
    client = roslibpy.ActionClient(ros, ACTION, "control_msgs/action/FollowJointTrajectory")
    results: queue.Queue[Any] = queue.Queue()
    feedback: list[Any] = []
    begun = threading.Event()

    def seen(message: Any) -> None:
        feedback.append(message)
        begun.set()

    client.send_goal(roslibpy.Goal(goal("ros2", 0.1, 0.4)), results.put, seen, results.put)
    result = results.get(timeout=5)
    assert (result["status"].value, result["values"]["error_code"]) == (4, 0)
    assert len(feedback) > 3
    assert joint(ros, "ros2") == pytest.approx(0.1)

    begun.clear()
    number = client.send_goal(roslibpy.Goal(goal("ros2", 1.0, 8.0)), results.put, seen, results.put)
    assert begun.wait(5)
    client.cancel_goal(number)
    assert results.get(timeout=5)["status"].value == 5
    assert joint(ros, "ros2") < 0.5


def test_goal_feedback_result_and_cancel_in_ros1(arms: dict[str, roslibpy.Ros]) -> None:
    ros = arms["ros1"]
    client = actionlib.ActionClient(ros, ACTION, "control_msgs/FollowJointTrajectoryAction")
    first = actionlib.Goal(client, goal("ros1", 0.1, 0.4))
    first.send()
    assert first.wait(5)["error_code"] == 0
    assert first.feedback is not None
    assert joint(ros, "ros1") == pytest.approx(0.1)

    second = actionlib.Goal(client, goal("ros1", 1.0, 8.0))
    second.send()
    second.cancel()
    assert second.wait(5)["error_string"] == "canceled"
    assert joint(ros, "ros1") < 0.5
    client.dispose()


def test_an_unknown_service_fails(arms: dict[str, roslibpy.Ros]) -> None:
    service = roslibpy.Service(arms["ros2"], "/nothing", "std_srvs/Trigger")
    with pytest.raises(Exception, match="no such service"):
        service.call(roslibpy.ServiceRequest({}), timeout=5)
