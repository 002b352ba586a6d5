"""`graspctl deploy`: make a trained policy the one that a robot uses."""

from pathlib import Path
from typing import Annotated, Any

import typer

from grasp_tfp.errors import UsageError
from graspctl import completion
from graspctl.console import print_report, summary
from graspctl.options import AsJson
from graspctl.runs import find_run, load_policy

__all__ = ["deploy"]

DEPLOYED = Path("deployed")


def deploy(
    robot: Annotated[
        str, typer.Option("--robot", metavar="NAME", autocompletion=completion.robots, help="Robot of the fleet file.")
    ],
    run: Annotated[
        Path | None,
        typer.Argument(metavar="[RUN]", autocompletion=completion.runs, help="Run to deploy; the latest if unset."),
    ] = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="[HOST:]PATH", help="Where the robots' folders stand; deployed.")
    ] = None,
    sign: Annotated[
        Path | None, typer.Option("--sign", envvar="GRASPCTL_SIGN_KEY", metavar="PEM", help="Private Ed25519 key.")
    ] = None,
    require: Annotated[
        Path | None,
        typer.Option(
            "--require", envvar="GRASPCTL_REQUIRE_KEY", metavar="PEM", help="Public key that must have signed."
        ),
    ] = None,
    rollback: Annotated[bool, typer.Option("--rollback", help="Go back to what was active before.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Show what is deployed.")] = False,
    verify: Annotated[
        Path | None, typer.Option("--verify", metavar="BUNDLE", help="Only verify a deployed bundle.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Example: graspctl deploy --robot kuka-3

    Verifies a policy bundle, checks that it fits the robot, lets it choose a move for what the robot sees, copies it,
    verifies the copy where it is and activates it. The robot does not move. What does not verify is refused, and what
    was active stays so.
    """
    if sum([rollback, show, verify is not None, run is not None]) > 1:
        raise UsageError("Expected one of RUN, --rollback, --list and --verify. Leave the others out.")
    if verify is not None:
        report = _verify(verify, require)
    elif rollback:
        report = _roll_back(robot, to, require)
    elif show:
        report = _list(robot, to)
    else:
        report = _deploy(robot, find_run(run), to, sign, require)
    if as_json:
        return print_report({key: value for key, value in report.items() if key not in ("wrote", "lines", "next")})
    if "wrote" in report:
        return summary(report["wrote"], report["lines"], report["next"])
    for line in report["lines"]:
        typer.echo(line)


def _deploy(robot: str, run: Path, to: str | None, sign: Path | None, require: Path | None) -> dict[str, Any]:
    from grasp_tfp.robots import deployment
    from grasp_tfp.robots.fleet import connect, find_robot
    from grasp_tfp.robots.remote import Target, send
    from grasp_tfp.robots.sealing import check_key, check_seal, seal

    entry = find_robot(robot)
    if sign:
        check_key(sign)
    if require and not sign:
        check_seal(run / "bundle", require)
    policy = load_policy(run / "bundle")
    cell = connect(entry, policy.image_size, dry_run=True)
    deployment.check_fit(policy.manifest, cell)
    move = [round(float(number), 4) for number in deployment.dry_run(cell, policy)]
    cell.close()
    target = Target.parse(to) if to else None
    home = (DEPLOYED if target or not to else Path(to)) / robot
    copy = deployment.install(run / "bundle", home, policy.digest)
    load_policy(copy)
    seal(copy, sign)
    check_seal(copy, require)
    dx, dy, dz, dyaw = move
    lines = [
        f"bundle {policy.digest[:12]} of {run}: every file matches its SHA-256, and it answers as recorded",
        f"dry run: it chose dx {dx:+.3f}, dy {dy:+.3f}, dz {dz:+.3f} m, dyaw {dyaw:+.2f} rad; nothing moved",
    ]
    report = {"robot": robot, "run": str(run), "bundle": str(copy), "digest": policy.digest, "move": move}
    if target:
        replayed = send(copy, target, robot)
        there = "and it answers as recorded there" if replayed else "graspctl is not installed there to replay it"
        lines.append(f"{target.host}: every file arrived with its SHA-256, {there}")
        wrote, report["replayed_on_target"] = f"{to}/{robot}/{copy.name}/, which active now points to", replayed
    else:
        wrote = f"{copy}/, which {deployment.activate(copy)} now points to"
    return report | {"wrote": wrote, "lines": lines, "next": f"graspctl eval --robot {robot}"}


def _roll_back(robot: str, to: str | None, require: Path | None) -> dict[str, Any]:
    from grasp_tfp.robots import deployment
    from grasp_tfp.robots.remote import Target, roll_back_on
    from grasp_tfp.robots.sealing import check_seal

    target = Target.parse(to) if to else None
    if target:
        name = roll_back_on(target, robot)
    else:
        home = Path(to or DEPLOYED) / robot
        if (home / "previous").is_dir():
            check_seal(home / "previous", require)
            load_policy(home / "previous")
        name = deployment.roll_back(home).name
    return {"robot": robot, "active": name, "lines": [f"{robot} uses {name} again. Undo: the same line."]}


def _list(robot: str, to: str | None) -> dict[str, Any]:
    from grasp_tfp.robots.deployment import installed
    from grasp_tfp.robots.remote import Target

    if to and Target.parse(to):
        raise UsageError(f"Expected --list of a folder here, received --to {to}. Run it on that machine.")
    found = installed(Path(to or DEPLOYED) / robot)
    lines = [f"{name}  {state}".rstrip() for name, state in found]
    return {"robot": robot, "bundles": dict(found), "lines": lines or [f"Nothing is deployed for {robot}."]}


def _verify(bundle: Path, require: Path | None) -> dict[str, Any]:
    from grasp_tfp.robots.sealing import check_seal

    check_seal(bundle, require)
    digest = load_policy(bundle).digest
    return {"bundle": str(bundle), "digest": digest, "lines": [f"{bundle}: whole, and it answers as recorded"]}
