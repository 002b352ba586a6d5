"""`graspctl robots`: the fleet, and a robot by hand."""

import dataclasses
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from grasp_tfp.errors import RobotError, UsageError
from grasp_tfp.files import in_one_piece
from graspctl.connected import Name, connected
from graspctl.console import print_report, summary
from graspctl.jog import home, jog
from graspctl.labels import labels
from graspctl.options import AsJson

__all__ = ["check", "list_robots", "pin_camera", "robots", "select_fleet", "show", "simulate", "watchdog"]

PINNED = Path("pinned")
"""Where the pinned views of the cameras are, one folder for each robot."""

robots = typer.Typer(no_args_is_help=True)


@robots.callback()
def select_fleet(
    fleet: Annotated[Path | None, typer.Option("--robots", metavar="FLEET.toml", help="A lab's fleet file.")] = None,
) -> None:
    """Example: graspctl robots list

    Looks at the robots of the fleet file: --robots, else the one that GRASPCTL_FLEET names, else seven simulated ones.
    """
    from grasp_tfp.robots.fleet import FLEET

    if fleet is not None:
        os.environ[FLEET] = str(fleet)


@robots.command("list", short_help="The robots of the fleet file.")
def list_robots(as_json: AsJson = False) -> None:
    """Example: graspctl robots list"""
    from grasp_tfp.robots.fleet import load_fleet

    fleet = load_fleet()
    if as_json:
        return print_report({name: dataclasses.asdict(entry) for name, entry in fleet.items()})
    typer.echo(f"{'robot':<12}{'driver':<12}{'task':<18}address")
    for name, entry in fleet.items():
        typer.echo(f"{name:<12}{entry.driver:<12}{entry.task:<18}{entry.settings.get('url', '')}".rstrip())


@robots.command(short_help="What the fleet file says of a robot.")
def show(name: Name) -> None:
    """Example: graspctl robots show kuka-3

    Prints what the fleet file says of a robot, the defaults filled in, as JSON. Nothing is sent.
    """
    from grasp_tfp.robots.fleet import find_robot
    from grasp_tfp.robots.settings import CellSettings, parse

    entry = find_robot(name)
    table = dataclasses.asdict(entry)
    if entry.driver == "rosbridge":
        table["settings"] = dataclasses.asdict(parse(CellSettings, entry.settings, name))
    print_report(table)


@robots.command(short_help="What has to be right before a robot moves.")
def check(name: Name, as_json: AsJson = False) -> None:
    """Example: graspctl robots check kuka-3

    Connects and looks at everything that has to be right before the robot moves. It does not move.
    """
    from grasp_tfp.robots.cell import RosbridgeRobot
    from grasp_tfp.robots.pinned import MAX_SHIFT, compare_view
    from grasp_tfp.robots.preflight import Check, preflight

    with connected(name, dry_run=True) as robot:
        if not isinstance(robot, RosbridgeRobot):
            checks = [Check("cell", True, f"simulated, {robot.task}", "")]
        else:
            checks = preflight(robot)
            if (PINNED / name).is_dir():
                shift = compare_view(PINNED / name, robot.observe().image, robot.arm.joints().position)
                fix = "Move the camera back, or take new data and pin it again."
                checks.append(Check("camera view", shift <= MAX_SHIFT, f"shifted by {shift:.1f} pixels", fix))
    failed = [one.name for one in checks if not one.passed]
    if as_json:
        print_report({"robot": name, "passed": not failed, "checks": [one._asdict() for one in checks]})
    else:
        for one in checks:
            mark, fix = ("ok", "") if one.passed else ("FAILED", f". {one.fix}")
            typer.echo(f"{mark:<8}{one.name:<16}{one.detail}{fix}")
    if failed:
        raise RobotError(f"{name} is not ready: {', '.join(failed)}. Nothing has moved.")


robots.command("home", short_help="Bring the arm above the tray.")(home)
robots.command("jog", short_help="Make one small move.")(jog)


@robots.command("pin-camera", short_help="Keep what the camera sees.")
def pin_camera(name: Name) -> None:
    """Example: graspctl robots pin-camera kuka-3

    Keeps what the camera sees now, and where the arm stands, in pinned/; graspctl robots check compares with it.
    """
    from grasp_tfp.robots.cell import RosbridgeRobot
    from grasp_tfp.robots.pinned import pin_view

    with connected(name, dry_run=True) as robot:
        if not isinstance(robot, RosbridgeRobot):
            raise UsageError(f"{name} is simulated: its camera cannot be moved. Pin the camera of a real robot.")
        path = pin_view(PINNED / name, robot.observe().image, robot.arm.joints().position)
    summary(str(path), [f"the view of {name}; the arm did not move"], f"graspctl robots check {name}")


robots.command("labels", short_help="Learn to label grasps from pictures.")(labels)


@robots.command(short_help="Serve a simulated arm through rosbridge.")
def simulate(
    name: Name,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 for any that is free.")] = 9090,
    host: Annotated[str, typer.Option("--host", help="Address to listen at.")] = "127.0.0.1",
    dialect: Annotated[str, typer.Option("--dialect", help="ros1 or ros2.")] = "ros2",
    fault: Annotated[
        str,
        typer.Option(
            "--fault",
            help="freeze, drop, stale-image, repeated-image, black-image, rejected-goal, slow, blocking.",
        ),
    ] = "",
    fault_in: Annotated[
        int | None, typer.Option("--fault-in", metavar="TRIAL", min=0, help="The camera's fault in this trial only.")
    ] = None,
    speed: Annotated[float, typer.Option("--speed", min=0.1, help="Times as fast as a real arm.")] = 1.0,
    fleet: Annotated[Path, typer.Option("--fleet", help="Fleet file to write, which reaches it.")] = Path("twin.toml"),
    trace: Annotated[Path | None, typer.Option("--trace", help="Where to write the arm's own positions.")] = None,
) -> None:
    """Example: graspctl robots simulate kuka-3 --port 9090

    Serves a simulated arm, its jaw and its camera through rosbridge v2, until Ctrl-C.
    """
    import asyncio

    from grasp_tfp.robots.fleet import FLEET, find_robot
    from grasp_tfp.robots.twin.simulate import fleet_text, twin_table
    from grasp_tfp.robots.twin.simulate import simulate as serve

    entry = find_robot(name)
    table = twin_table(entry, "", dialect)

    def started(found: int, bridge: int) -> None:
        """Writes the fleet file, which can name the port only now."""
        url = f"ws://{host}:{found}"
        with in_one_piece(fleet) as partial:
            partial.write_text(fleet_text(name, table | {"url": url}), encoding="utf-8")
        typer.echo(f"Serving   {url} ({dialect}), bridge process {bridge}, arm process {os.getpid()}; Ctrl-C ends it")
        typer.echo(f"Next      {FLEET}={fleet} graspctl eval --robot {name} -n 20")

    options: dict[str, Any] = {"speed": speed, "fault": fault, "fault_in": fault_in, "trace": trace}
    asyncio.run(serve(entry, table, host=host, port=port, started=started, **options))


@robots.command(short_help="Print the dead man's switch of an arm.")
def watchdog(name: Name) -> None:
    """Example: graspctl robots watchdog kuka-3 > watchdog.py

    Prints the dead man's switch for the robot's computer: a script for rospy or rclpy that needs nothing of graspctl.
    """
    from grasp_tfp.robots.fleet import find_robot
    from grasp_tfp.robots.settings import CellSettings, parse
    from grasp_tfp.robots.watchdog_script import watchdog_script

    entry = find_robot(name)
    if entry.driver != "rosbridge":
        raise UsageError(f"{name} is driven by {entry.driver!r}: only a robot behind rosbridge has a watchdog of ours.")
    typer.echo(watchdog_script(parse(CellSettings, entry.settings, name)), nl=False)
