"""Where `graspctl eval` grasps: a robot of the fleet file, or a simulated cell that is not in it."""

from collections.abc import Mapping
from typing import Any

from grasp_tfp.errors import UsageError

__all__ = ["DEFAULT_TASK", "find_cell", "in_simulation", "outside_fleet", "recorded_cell"]

DEFAULT_TASK = "blocks"
"""What the simulator grasps unless told otherwise, and the twins of the fleet file that comes with the package."""

SIM_SEED = 1_000_000
"""Of scenes that are in no collection and in no robot of the fleet file."""


def find_cell(robot: str | None, task: str | None) -> Any:
    """A `grasp_tfp.robots.fleet.FleetEntry`.

    Args:
        robot: Name in the fleet file; None for the cell that is not in it.
        task: What lies in the tray of that cell; blocks by default.

    Raises:
        UsageError: There is no such robot or task, or there are both.
    """
    from grasp_tfp.robots.fleet import FleetEntry, find_robot
    from grasp_tfp.sim.tasks import find_task

    if robot is None:
        return FleetEntry(f"sim-{task}" if task else "sim", "sim", find_task(task or DEFAULT_TASK).name, SIM_SEED)
    if task is not None:
        raise UsageError(
            f"Expected --task with --sim only, received {task!r}: the fleet file says what {robot} grasps."
        )
    return find_robot(robot)


def recorded_cell(report: Mapping[str, Any]) -> Any:
    """The cell of an evaluation that was written before, a `grasp_tfp.robots.fleet.FleetEntry`."""
    name, task = report["robot"], report["task"]
    if outside_fleet(name, task):
        return find_cell(None, None if name == "sim" else task)
    return find_cell(name, None)


def in_simulation(task: str) -> str:
    """What makes `graspctl eval` grasp a task in the cell that is not in the fleet file."""
    return "--sim" if task == DEFAULT_TASK else f"--sim --task {task}"


def outside_fleet(name: str, task: str) -> bool:
    """Whether this is the simulated cell that is not in the fleet file."""
    return name in ("sim", f"sim-{task}")
