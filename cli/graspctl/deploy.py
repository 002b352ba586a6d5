"""`graspctl deploy`: make a trained policy the one that a robot uses."""

from pathlib import Path
from typing import Annotated

import typer

from graspctl.console import print_report, summary
from graspctl.runs import find_run, load_policy

__all__ = ["deploy"]

DEPLOYED = Path("deployed")


def deploy(
    robot: Annotated[str, typer.Option("--robot", metavar="NAME", help="Robot of the fleet file.")],
    run: Annotated[Path | None, typer.Argument(metavar="[RUN]", help="Run to deploy; the latest if unset.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON and nothing else.")] = False,
) -> None:
    """Example: graspctl deploy --robot kuka-3

    Verifies a policy bundle, checks that it fits the robot, lets it choose a move for what the robot sees, copies it
    and activates the copy. The robot does not move.
    """
    from grasp_tfp.robots import deployment
    from grasp_tfp.robots.fleet import connect, find_robot

    entry, found = find_robot(robot), find_run(run)
    policy = load_policy(found / "bundle")
    cell = connect(entry, policy.image_size, dry_run=True)
    deployment.check_fit(policy.manifest, cell)
    move = [round(float(number), 4) for number in deployment.dry_run(cell, policy)]
    cell.close()
    copy = deployment.install(found / "bundle", DEPLOYED / robot, policy.digest)
    load_policy(copy)
    active = deployment.activate(copy)
    if as_json:
        report = {"robot": robot, "run": str(found), "bundle": str(copy), "digest": policy.digest, "move": move}
        return print_report(report)
    dx, dy, dz, dyaw = move
    summary(
        f"{copy}/, which {active} now points to",
        [
            f"bundle {policy.digest[:12]} of {found}: every file matches its SHA-256, and it answers as recorded",
            f"dry run: it chose dx {dx:+.3f}, dy {dy:+.3f}, dz {dz:+.3f} m, dyaw {dyaw:+.2f} rad; nothing moved",
        ],
        f"graspctl eval --robot {robot}",
    )
