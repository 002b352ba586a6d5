"""The grippers that rosbridge reaches, each kind with messages of its own."""

from typing import Any

from grasp_tfp.errors import unknown_name
from grasp_tfp.robots.messages import Dialect
from grasp_tfp.robots.rosbridge import Rosbridge
from grasp_tfp.robots.settings import GripperSettings
from grasp_tfp.robots.supervision import Supervision

__all__ = ["grip"]

KINDS = ("gripper_command", "parallel_gripper_command", "trajectory", "service")

SECONDS = 5.0
"""Longest time that a gripper takes, by half."""


async def grip(supervision: Supervision, motion: Rosbridge, position: float) -> bool:
    """Moves the gripper to a position in its own unit; returns whether it met something, as far as it can tell.

    Raises:
        SafetyStop: The arm was held meanwhile.
        RobotError: The gripper refuses.
        UsageError: There is no such kind of gripper.
    """
    gripper = supervision.link.settings.gripper
    async with supervision.lease.followed():
        if gripper.kind == "service":
            await motion.call(gripper.endpoint, {"width": position, "speed": gripper.effort})
            return False
        kind, body = _goal(gripper, supervision.link.dialect, position, supervision.link.name)
        end = await supervision.run(motion, gripper.endpoint, kind, body, SECONDS)
    return bool(end.result.get("stalled", False))


def _goal(gripper: GripperSettings, dialect: Dialect, position: float, name: str) -> tuple[str, dict[str, Any]]:
    """Type and goal of the gripper's action."""
    if gripper.kind == "gripper_command":
        command = {"position": position, "max_effort": gripper.effort}
        return "control_msgs/GripperCommand", {"command": command}
    if gripper.kind == "parallel_gripper_command":
        state = dialect.joint_state([gripper.joint], [position], [0.0], 0.0) | {"effort": [gripper.effort]}
        return "control_msgs/ParallelGripperCommand", {"command": state}
    if gripper.kind == "trajectory":
        path = dialect.trajectory([gripper.joint], [position], [0.5])
        return "control_msgs/FollowJointTrajectory", dialect.trajectory_goal(path, 1.0)
    raise unknown_name(f"gripper kind of {name}", gripper.kind, KINDS)
