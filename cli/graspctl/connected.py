"""A robot of the fleet file, connected while a command needs it."""

import contextlib
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from graspctl import completion

__all__ = ["IMAGE_SIZE", "Name", "connected"]

IMAGE_SIZE = 472
"""Of what the commands under `graspctl robots` see [pixels]."""

Name = Annotated[str, typer.Argument(metavar="NAME", autocompletion=completion.robots, help="Robot of the fleet file.")]


@contextlib.contextmanager
def connected(name: str, *, dry_run: bool) -> Iterator[Any]:
    """A `grasp_tfp.robots.robot.Robot`, which is closed at the end.

    Args:
        name: In the fleet file.
        dry_run: Whether nothing must move.
    """
    from grasp_tfp.robots.fleet import connect, find_robot

    with contextlib.closing(connect(find_robot(name), IMAGE_SIZE, dry_run=dry_run)) as robot:
        yield robot
