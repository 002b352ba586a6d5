"""`graspctl eval --dry-run`: what policies would do for what a robot sees now."""

import contextlib
import math
from pathlib import Path
from typing import Any

import typer

from graspctl.console import print_report
from graspctl.runs import image_size, load_policy

__all__ = ["show_decisions"]


def show_decisions(entry: Any, names: list[str], runs: dict[str, Path], seed: int, *, as_json: bool) -> None:
    """Connects for looking only, has each policy decide once, and prints where it would go.

    Args:
        entry: The robot, a `grasp_tfp.robots.fleet.FleetEntry`.
        names: Of the policies.
        runs: The run for each role that they need.
        seed: Of their random choices.
        as_json: Whether to print the report as JSON.
    """
    import numpy as np

    from grasp_tfp.policies.catalogue import find_policy
    from grasp_tfp.robots.cell import RosbridgeRobot
    from grasp_tfp.robots.deployment import check_fit
    from grasp_tfp.robots.fleet import connect

    bundles = {role: load_policy(run / "bundle", role) for role, run in runs.items()}
    with contextlib.closing(connect(entry, image_size(bundles), dry_run=True)) as robot:
        for bundle in bundles.values():
            check_fit(bundle.manifest, robot)
        decisions = {}
        for name in names:
            policy = find_policy(name).make(bundles, entry.driver == "sim")
            policy.begin(robot)
            decisions[name] = _decision(robot, policy.choose(robot, np.random.default_rng([seed, 0, 1])))
        report = {"robot": entry.name, "pose": _rounded(robot.pose), "decisions": decisions}
        aside = isinstance(robot, RosbridgeRobot) and not robot.envelope.contains(robot.pose)
    if as_json:
        return print_report(report)
    typer.echo(f"{entry.name} stands at {_told(report['pose'])}; nothing moved, and no message that moves it was sent.")
    if aside:
        typer.echo(f"It is outside its workspace, where no move is feasible. Try graspctl robots home {entry.name}.")
    for name, decision in decisions.items():
        typer.echo(f"{name:<14}{_line(decision)}")


def _decision(robot: Any, move: Any) -> dict[str, Any]:
    """One policy's move, where it leads, and what the robot's limits say of it, as JSON values."""
    from grasp_tfp.actions import apply_action
    from grasp_tfp.robots.cell import RosbridgeRobot

    if move is None:
        return {"move": None, "refusal": "none of the moves that it would make is feasible"}
    if not isinstance(robot, RosbridgeRobot):
        refusal = "" if robot.feasible(move[None])[0] else "infeasible"
        return {"move": _rounded(move), "to": _rounded(apply_action(robot.pose, move)), "refusal": refusal}
    envelope, pose = robot.envelope, robot.pose
    target = envelope.reached(pose, move)
    refusal, report = robot.refusals(move[None])[0], {"move": _rounded(move), "to": _rounded(target)}
    if refusal:
        return report | {"refusal": refusal}
    return report | {"refusal": "", "seconds": round(float(envelope.times(envelope.paths(pose, target))[-1]), 2)}


def _line(decision: dict[str, Any]) -> str:
    if decision["move"] is None:
        return f"would not move: {decision['refusal']}"
    where = f"would go by {_told(decision['move'])} to {_told(decision['to'])}"
    if decision["refusal"]:
        return f"{where}: refused, {decision['refusal']}"
    seconds = f", in {decision['seconds']:g} s" if "seconds" in decision else ""
    return f"{where}: within its limits{seconds}"


def _rounded(pose: Any) -> list[float]:
    return [round(float(number), 4) for number in pose]


def _told(pose: list[float]) -> str:
    x, y, z, yaw = pose
    return f"x {x:+.3f}, y {y:+.3f}, z {z:+.3f} m, yaw {math.degrees(yaw):+.0f}°"
