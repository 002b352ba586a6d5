"""The fleet file: which robots there are, and how each is reached.

A robot is reached through its driver, a subclass of `Robot`. `sim` and `rosbridge` come with the package; installed
packages offer others as entry points of the group `graspctl.robots`.
"""

import dataclasses
import importlib.resources
import os
import tomllib
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from grasp_tfp.errors import UsageError, unknown_name
from grasp_tfp.robots.robot import Robot

__all__ = ["FLEET", "GROUP", "FleetEntry", "connect", "find_robot", "fleet_file", "load_fleet"]

FLEET = "GRASPCTL_FLEET"
"""Environment variable that names a lab's fleet file."""

GROUP = "graspctl.robots"
"""Entry points under which installed packages offer drivers of their own."""

BUILT_IN = (
    EntryPoint("sim", "grasp_tfp.robots.sim:SimRobot", GROUP),
    EntryPoint("rosbridge", "grasp_tfp.robots.cell:RosbridgeRobot", GROUP),
)


@dataclasses.dataclass(frozen=True)
class FleetEntry:
    """One robot of the fleet."""

    name: str
    driver: str
    """How it is reached: `sim`, the simulated twin, `rosbridge`, or the name of an entry point."""

    task: str
    """What lies in its tray."""

    seed: int = 0
    """Start of the twin's random choices."""

    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Whatever else its table says; the driver's own."""


def fleet_file() -> Path | None:
    """The lab's fleet file, None for the one that ships with the package."""
    return Path(os.environ[FLEET]).expanduser() if os.environ.get(FLEET) else None


def load_fleet() -> dict[str, FleetEntry]:
    """The robots of the fleet file, by name.

    Raises:
        UsageError: The file cannot be read, or a robot in it lacks its driver or task.
    """
    path = fleet_file()
    shipped = importlib.resources.files("grasp_tfp.robots").joinpath("robots.toml")
    try:
        tables = tomllib.loads((path or shipped).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"Cannot read the fleet file {str(path)!r}: {error}. Check {FLEET} or --robots.") from error
    defaults = tables.pop("defaults", {})
    return {name: _entry(name, _merged(defaults, table)) for name, table in tables.items()}


def find_robot(name: str) -> FleetEntry:
    """The robot of that name.

    Raises:
        UsageError: There is none.
    """
    fleet = load_fleet()
    if name not in fleet:
        raise unknown_name("robot", name, fleet)
    return fleet[name]


def connect(entry: FleetEntry, image_size: int, *, dry_run: bool = False) -> Robot:
    """Makes the robot ready for trials.

    Args:
        entry: The robot.
        image_size: Height and width of the camera images that its policy takes [pixels].
        dry_run: Whether nothing must move.

    Raises:
        UsageError: Its driver is unknown, or cannot read its table.
        RobotError: It cannot be reached.
    """
    drivers = {point.name: point for point in [*entry_points(group=GROUP), *BUILT_IN]}
    if entry.driver not in drivers:
        raise unknown_name("driver", entry.driver, drivers)
    try:
        driver = drivers[entry.driver].load()
    except (ImportError, AttributeError) as error:
        raise UsageError(f"Cannot load the driver {entry.driver!r}: {error}. Install its package again.") from error
    if not (isinstance(driver, type) and issubclass(driver, Robot)):
        raise UsageError(f"Cannot load the driver {entry.driver!r}: expected a subclass of Robot, received {driver}.")
    return driver.connect(
        entry.name, entry.task, entry.seed, image_size=image_size, settings=entry.settings, dry_run=dry_run
    )


def _entry(name: str, table: Any) -> FleetEntry:
    own = {"driver": str, "task": str, "seed": int}
    if not isinstance(table, dict) or not {"driver", "task"} <= table.keys():
        raise UsageError(f"Robot {name!r} in the fleet file: expected the keys {', '.join(own)}, received {table}.")
    wrong = {key: table[key] for key, kind in own.items() if key in table and not isinstance(table[key], kind)}
    if wrong:
        raise UsageError(f"Robot {name!r} in the fleet file: expected names, and a whole number as seed: {wrong}.")
    settings = {key: value for key, value in table.items() if key not in own}
    return FleetEntry(name, **{key: table[key] for key in own if key in table}, settings=settings)


def _merged(defaults: Any, table: Any) -> Any:
    """A robot's table on top of the `defaults` table, section by section."""
    if not (isinstance(defaults, dict) and isinstance(table, dict)):
        return table
    return defaults | {key: _merged(defaults.get(key), value) for key, value in table.items()}
