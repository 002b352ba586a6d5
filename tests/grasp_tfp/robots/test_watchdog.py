"""The dead man's switch: its rules, and the scripts for the robot's computer."""

import dataclasses
import json
import sys
import time
import types
from typing import Any

import pytest

from grasp_tfp.robots import watchdog
from grasp_tfp.robots.settings import CellSettings
from grasp_tfp.robots.twin.drill import DRILLS, Drill, run_drills
from grasp_tfp.robots.watchdog import DeadMan
from grasp_tfp.robots.watchdog_script import watchdog_script

LIMIT = 0.6
"""Longest time that a lost arm may go on [s]."""


@pytest.fixture(scope="module")
def drills() -> dict[str, Drill]:
    return run_drills()


@pytest.mark.parametrize("fault", DRILLS)
def test_an_arm_that_is_lost_in_a_move_is_held(fault: str, drills: dict[str, Drill]) -> None:
    found = drills[fault]
    assert found.unfinished, "the arm was in the middle of a move"
    assert found.seconds < LIMIT, "by the arm's own position"
    assert (found.message == "") == (fault == "client killed")
    if found.message:
        assert found.message.startswith("kuka-3: ")
        assert "cannot be seen from here; the watchdog on the robot holds it" in found.message


def test_silence_holds_until_somebody_releases() -> None:
    switch = DeadMan(0.4)
    assert not switch.must_hold(100.0), "nobody is followed"
    switch.hear("beat anna", 0.0)
    assert not switch.must_hold(0.4)
    assert switch.must_hold(0.41)
    switch.hear("beat anna", 0.5)
    assert switch.must_hold(0.5), "a heartbeat that comes back does not start the arm again"
    assert json.loads(switch.status()) == {"state": "stopped", "holder": "anna", "timeout": 0.4}
    switch.hear("release ben", 0.6)
    assert not switch.must_hold(99.0)


def test_silence_at_rest_stops_nothing_and_ends_the_lease_later() -> None:
    switch = DeadMan(0.4)
    switch.hear("beat anna", 0.0)
    switch.hear("rest anna", 0.3)
    assert not switch.must_hold(5.0), "a busy driver of a resting arm"
    switch.hear("beat ben", 5.0)
    assert switch.holder == "anna"
    switch.hear("beat anna", 5.1)
    assert switch.must_hold(5.6)
    switch = DeadMan(0.4)
    switch.hear("rest anna", 0.0)
    assert not switch.must_hold(watchdog.LEASE + 0.1)
    switch.hear("beat ben", watchdog.LEASE + 0.2)
    assert switch.holder == "ben"


def test_only_one_is_followed() -> None:
    switch = DeadMan(0.4)
    switch.hear("beat anna", 0.0)
    switch.hear("beat ben", 0.3)
    assert switch.holder == "anna"
    assert switch.must_hold(0.5), "another one's heartbeat does not count"
    switch = DeadMan(0.4)
    switch.hear("beat anna", 0.0)
    switch.hear("bye ben", 0.1)
    assert switch.state == "following"
    switch.hear("bye anna", 0.2)
    switch.hear("beat ben", 0.3)
    assert (switch.state, switch.holder) == ("following", "ben")


class _Message:
    """Any ROS message: fields appear as they are set."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)
        self.time_from_start = types.SimpleNamespace()


class _Robot:
    """The parts of rospy and rclpy that the scripts use; the heartbeat stops after the second look."""

    def __init__(self, joints: tuple[str, ...]) -> None:
        self.joints, self.looks = joints, 0
        self.listeners: dict[str, Any] = {}
        self.sent: dict[str, list[Any]] = {}

    def look(self, *_: Any, **__: Any) -> None:
        """What happens between two looks of the node at the heartbeat."""
        time.sleep(0.02)
        state = _Message(name=list(self.joints), position=[0.1 * number for number in range(len(self.joints))])
        self.listeners["/lbr/joint_states"](state)
        if self.looks < 2:
            self.listeners[watchdog.HEARTBEAT](_Message(data="beat anna"))
        self.looks += 1

    def listen(self, topic: str, listener: Any) -> None:
        self.listeners[topic] = listener

    def publisher(self, topic: str) -> Any:
        return types.SimpleNamespace(publish=lambda message: self.sent.setdefault(topic, []).append(message))

    def ended(self) -> bool:
        return self.looks > 8

    def modules(self) -> dict[str, Any]:
        def module(**names: Any) -> Any:
            return types.SimpleNamespace(**names)

        node = module(
            create_subscription=lambda kind, topic, listener, depth: self.listen(topic, listener),
            create_publisher=lambda kind, topic, depth: self.publisher(topic),
            create_client=lambda kind, name: module(
                service_is_ready=lambda: True, call_async=lambda _: self.sent.setdefault("cancel", []).append(1)
            ),
            get_logger=lambda: module(error=lambda text: None),
        )
        request = type("CancelGoal", (), {"Request": _Message})
        messages = module(String=_Message, JointState=_Message, GoalID=_Message)
        return {
            "rospy": module(
                init_node=lambda name: None,
                Subscriber=lambda topic, kind, listener, queue_size: self.listen(topic, listener),
                Publisher=lambda topic, kind, queue_size: self.publisher(topic),
                Duration=float,
                logerr=lambda *words: None,
                is_shutdown=self.ended,
            ),
            "rclpy": module(
                init=lambda: None, create_node=lambda name: node, ok=lambda: not self.ended(), spin_once=self.look
            ),
            "actionlib_msgs.msg": messages,
            "action_msgs.srv": module(CancelGoal=request),
            "sensor_msgs.msg": messages,
            "std_msgs.msg": messages,
            "trajectory_msgs.msg": module(JointTrajectory=_Message, JointTrajectoryPoint=_Message),
        }


@pytest.mark.parametrize("dialect", ["ros1", "ros2"])
def test_the_script_holds_the_arm_where_it_is(
    dialect: str, settings: CellSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The node's own code runs with stand-ins for the ROS libraries, which are not on PyPI."""
    limits = dataclasses.replace(settings.limits, watchdog_timeout_s=0.01)
    robot = _Robot(settings.arm.joints)
    for name, module in robot.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    script = watchdog_script(dataclasses.replace(settings, dialect=dialect, limits=limits))
    names: dict[str, Any] = {"__name__": "watchdog"}
    exec(compile(script, "watchdog.py", "exec"), names)
    names["time"] = types.SimpleNamespace(monotonic=time.monotonic, sleep=robot.look)
    names["main"]()
    holds = robot.sent["/lbr/joint_trajectory_controller/joint_trajectory"]
    assert holds[0].points[0].positions == pytest.approx([0.1 * number for number in range(7)])
    assert holds[0].joint_names == list(settings.arm.joints)
    assert len(holds) > 2, "it goes on holding"
    assert json.loads(robot.sent[watchdog.STATUS][-1].data)["state"] == "stopped"
