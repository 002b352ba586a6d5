"""The fleet file: which robots there are, and how each is reached."""

import dataclasses
import importlib.resources
import tomllib
from typing import Any

from grasp_tfp.errors import UsageError, unknown_name
from grasp_tfp.robots.robot import Robot
from grasp_tfp.robots.sim import SimRobot

__all__ = ["FleetEntry", "connect", "find_robot", "load_fleet"]


@dataclasses.dataclass(frozen=True)
class FleetEntry:
    """One robot of the fleet."""

    name: str
    driver: str
    """How it is reached: `sim`, the simulated twin."""

    task: str
    """What lies in its tray."""

    seed: int
    """Start of the twin's random choices."""


def load_fleet() -> dict[str, FleetEntry]:
    """The robots of the fleet file that ships with the package, by name."""
    text = importlib.resources.files("grasp_tfp.robots").joinpath("robots.toml").read_text(encoding="utf-8")
    return {name: _entry(name, table) for name, table in tomllib.loads(text).items()}


def find_robot(name: str) -> FleetEntry:
    """The robot of that name.

    Raises:
        UsageError: There is none.
    """
    fleet = load_fleet()
    if name not in fleet:
        raise unknown_name("robot", name, fleet)
    return fleet[name]


def connect(entry: FleetEntry, image_size: int) -> Robot:
    """Makes the robot ready for trials.

    Args:
        entry: The robot.
        image_size: Height and width of the camera images that its policy takes [pixels].

    Raises:
        UsageError: Its driver is unknown.
    """
    if entry.driver != "sim":
        raise unknown_name("driver", entry.driver, ["sim"])
    return SimRobot(entry.name, entry.task, entry.seed, image_size)


def _entry(name: str, table: Any) -> FleetEntry:
    try:
        return FleetEntry(name, **table)
    except TypeError as error:
        known = [field.name for field in dataclasses.fields(FleetEntry)][1:]
        raise UsageError(
            f"Robot {name!r} in robots.toml: expected the keys {', '.join(known)}, received {table}."
        ) from error
