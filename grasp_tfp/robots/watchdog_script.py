"""Writes the dead man's switch of `grasp_tfp.robots.watchdog` as one script for the robot's computer."""

import importlib.resources

from grasp_tfp.robots.messages import Dialect
from grasp_tfp.robots.settings import CellSettings

__all__ = ["watchdog_script"]

PERIOD = 0.02
"""Time between two looks at the heartbeat [s]."""


def watchdog_script(settings: CellSettings) -> str:
    """A Python script with rospy or rclpy that needs nothing of graspctl.

    Args:
        settings: Of the robot; its names, topics and longest silence are written into the script.
    """
    files = importlib.resources.files("grasp_tfp.robots")
    switch = files.joinpath("watchdog.py").read_text(encoding="utf-8")
    node = files.joinpath(f"watchdog_{Dialect(settings.dialect).name}.txt").read_text(encoding="utf-8")
    arm = settings.arm
    own = {
        "TIMEOUT": settings.limits.watchdog_timeout_s,
        "PERIOD": PERIOD,
        "JOINTS": arm.joints,
        "JOINT_STATES": arm.joint_states,
        "TRAJECTORY": arm.trajectory,
        "ACTION": arm.action,
    }
    values = "\n".join(f"{name} = {value!r}" for name, value in own.items())
    return f"#!/usr/bin/env python3\n{switch}\n\nimport time\n\n{values}\n{node}"
