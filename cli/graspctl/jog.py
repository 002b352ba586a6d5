"""`graspctl robots jog`: a robot by hand."""

import json
from typing import Annotated, Any

import typer

from grasp_tfp.errors import RobotError, UsageError
from graspctl.connected import Name, connected

__all__ = ["home", "jog"]


def jog(
    name: Name,
    steps: Annotated[list[str], typer.Argument(metavar="x=METRES …", help="x, y, z in metres, yaw in degrees.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only check the move.")] = False,
) -> None:
    """Example: graspctl robots jog kuka-3 x=0.02 yaw=-10

    Makes one relative move of the fingertips in the base frame, and says how far they really went: the test of signs,
    units and tool length for a new robot. The operator types the robot's name first.
    """
    import numpy as np

    from grasp_tfp.actions import relative_action
    from grasp_tfp.robots.cell import RosbridgeRobot

    action = np.array(_move(steps))
    with connected(name, dry_run=dry_run) as robot:
        before = robot.pose
        reason = robot.refusals(action[None])[0] if isinstance(robot, RosbridgeRobot) else ""
        if reason or not robot.feasible(action[None])[0]:
            raise RobotError(
                f"{name}: refused to move by {' '.join(steps)}: {reason or 'infeasible'}. It has not moved."
            )
        if dry_run:
            typer.echo(f"{name} would go from {_told(before)} by {_told(action)}. Nothing has moved.")
            return
        robot.move(action)
        after = robot.pose
    typer.echo(f"{name} went from {_told(before)} to {_told(after)}, by {_told(relative_action(before, after))}.")


def home(name: Name) -> None:
    """Example: graspctl robots home kuka-3

    Brings the arm above the tray, from aside or from over the tray: straight up first. The operator types the robot's
    name first.
    """
    from grasp_tfp.robots.cell import RosbridgeRobot

    with connected(name, dry_run=False) as robot:
        if not isinstance(robot, RosbridgeRobot):
            raise UsageError(f"{name} is simulated: it begins each trial where the trial says. Name a real robot.")
        robot.come_home()
        where = robot.pose
    typer.echo(f"{name} stands at {_told(where)}.")


def _move(steps: list[str]) -> list[float]:
    """`x=0.02 yaw=-10` as a relative move (4,) [m, rad]."""
    import math

    move = dict.fromkeys(("x", "y", "z", "yaw"), 0.0)
    for step in steps:
        axis, _, amount = step.partition("=")
        try:
            move[axis] = float(amount) if axis in move else math.nan
        except ValueError:
            move[axis] = math.nan
        if not math.isfinite(move[axis]):
            raise UsageError(f"Expected moves such as x=0.02, z=-0.05 [m] or yaw=10 [degrees], received {step!r}.")
    return [move["x"], move["y"], move["z"], math.radians(move["yaw"])]


def _told(pose: Any) -> str:
    from math import degrees

    x, y, z, yaw = (float(number) for number in pose)
    return json.dumps({"x": round(x, 4), "y": round(y, 4), "z": round(z, 4), "yaw_deg": round(degrees(yaw), 2)})
