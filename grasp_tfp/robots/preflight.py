"""What has to be right before a robot moves, looked at without moving it."""

import time
from typing import NamedTuple

import numpy as np

from grasp_tfp.errors import RobotError
from grasp_tfp.robots.cell import RosbridgeRobot

__all__ = ["Check", "preflight"]

LISTEN = 0.5
"""How long joint states are counted [s]."""

MIN_RATE = 20.0
"""Of joint states [1/s]."""


class Check(NamedTuple):
    """One thing that was looked at."""

    name: str
    passed: bool
    detail: str
    """What was found."""

    fix: str
    """What to do where it is not right."""


def preflight(robot: RosbridgeRobot) -> list[Check]:
    """Looks at a robot that has just been connected, which its certificate and joint names have already passed."""
    return [_rate(robot), _posture(robot), _camera(robot), _watchdog(robot), _labels(robot)]


def _rate(robot: RosbridgeRobot) -> Check:
    stamp, seen, end = robot.arm.joints().stamp, 0, time.monotonic() + LISTEN
    while time.monotonic() < end:
        stamp, seen = robot.arm.joints(newer_than=stamp).stamp, seen + 1
    fix = f"Expected at least {MIN_RATE:g}/s; check the network and the rate of joint_state_broadcaster."
    return Check("joint states", seen / LISTEN >= MIN_RATE, f"{seen / LISTEN:.0f}/s", fix)


def _posture(robot: RosbridgeRobot) -> Check:
    known = robot.knows_the_way()
    degrees = np.round(np.degrees(robot.arm.joints().position), 1).tolist()
    return Check("posture", known, f"{degrees}°", "Bring the arm home (arm.home_deg) with its own pendant.")


def _camera(robot: RosbridgeRobot) -> Check:
    fix = "Check camera.topic, camera.crop and the camera's driver."
    try:
        size = robot.observe().image.shape
    except RobotError as error:
        return Check("camera", False, str(error), fix)
    return Check("camera", True, f"{size[1]}×{size[0]} pixels after cropping", fix)


def _watchdog(robot: RosbridgeRobot) -> Check:
    fix = f"Run what `graspctl robots watchdog {robot.name}` writes on the robot's computer."
    status = robot.arm.watchdog_status()
    if status is None:
        return Check("watchdog", False, "silent", fix)
    state, timeout = status["state"], status["timeout"]
    ok = state == "idle" and timeout <= robot.arm.settings.limits.watchdog_timeout_s
    holder = f" {status['holder']}" if status["holder"] else ""
    return Check("watchdog", ok, f"{state}{holder}, waits {timeout:g} s", fix)


def _labels(robot: RosbridgeRobot) -> Check:
    return Check("labels", True, robot.label_source, "")
