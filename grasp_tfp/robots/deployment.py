"""Making a policy bundle the one that a robot uses.

deployed/kuka-3/<digest>/    every bundle that was ever deployed there
deployed/kuka-3/active       a link to the one that acts
deployed/kuka-3/previous     a link to the one that did before
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.errors import BundleRejected, RobotError, UsageError
from grasp_tfp.policies.actor import ActorPolicy, Sampler
from grasp_tfp.robots.robot import Robot
from grasp_tfp.robots.sealing import check_seal

__all__ = ["activate", "check_fit", "dry_run", "install", "installed", "roll_back"]


def check_fit(manifest: dict[str, Any], robot: Robot) -> None:
    """Compares the cell that a policy was trained for with the robot's.

    Args:
        manifest: Of the bundle.
        robot: Where the policy shall act.

    Raises:
        BundleRejected: They differ.
    """
    trained: dict[str, Any] = manifest.get("cell", {})
    for name, part in robot.cell.items():
        if trained.get(name) != part:
            raise BundleRejected(
                f"The bundle does not fit {robot.name!r}: expected a policy trained for its {name} {part}, "
                f"received one for {trained.get(name)}. Train on data of this cell."
            )


def dry_run(robot: Robot, sampler: Sampler, seed: int = 0) -> NDArray[np.float64]:
    """The move (4,) that the policy chooses for what the robot sees now, without making it.

    Raises:
        RobotError: It has no feasible one.
    """
    move = ActorPolicy(sampler).choose(robot, np.random.default_rng(seed))
    if move is None:
        raise RobotError(
            f"The dry run on {robot.name!r} failed: expected a feasible move, received none. Train longer."
        )
    return move


def install(bundle: Path, home: Path, digest: str) -> Path:
    """Copies a bundle into a robot's folder, where it appears in one piece; a copy that is there already stays.

    Args:
        bundle: Folder of the bundle.
        home: Folder of the robot.
        digest: What identifies the bundle.

    Returns:
        The copy.
    """
    copy = home / digest[:12]
    home.mkdir(parents=True, exist_ok=True)
    if not copy.exists():
        with tempfile.TemporaryDirectory(prefix=".copy-", dir=home) as aside:
            os.replace(shutil.copytree(bundle, Path(aside) / "bundle"), copy)
    return copy


def activate(copy: Path) -> Path:
    """Points the robot's link `active` at an installed bundle, in one step; returns the link."""
    active = copy.parent / "active"
    if active.is_symlink() and os.readlink(active) != copy.name:
        _point(copy.parent / "previous", os.readlink(active))
    _point(active, copy.name)
    return active


def roll_back(home: Path) -> Path:
    """Makes the bundle active again that was so before, after checking its files; doing it twice undoes it.

    Args:
        home: Folder of the robot.

    Returns:
        The bundle that is active now.

    Raises:
        UsageError: There is none.
        BundleRejected: It was altered; what was active still is.
    """
    previous = home / "previous"
    if not previous.is_symlink() or not previous.is_dir():
        raise UsageError(f"No earlier bundle in {str(home)!r}: expected two that were active. Deploy another run.")
    copy = home / os.readlink(previous)
    check_seal(copy)
    activate(copy)
    return copy


def installed(home: Path) -> list[tuple[str, str]]:
    """The bundles of a robot, the latest first, each with `active`, `previous` or nothing."""
    links = {os.readlink(home / name): name for name in ("previous", "active") if (home / name).is_symlink()}
    copies = [path for path in home.glob("*/manifest.json") if not path.parent.is_symlink()]
    latest = sorted(copies, key=lambda path: path.parent.stat().st_mtime, reverse=True)
    return [(path.parent.name, links.get(path.parent.name, "")) for path in latest]


def _point(link: Path, name: str) -> None:
    aside = link.with_name(f".{link.name}-{os.getpid()}")
    aside.unlink(missing_ok=True)
    aside.symlink_to(name)
    os.replace(aside, link)
