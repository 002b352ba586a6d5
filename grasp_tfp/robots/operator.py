"""What only a person at the terminal can decide."""

import sys

from grasp_tfp.errors import RobotError
from grasp_tfp.robots.lease import YES_MOVE

__all__ = ["ask_operator"]


def ask_operator(name: str, question: str) -> None:
    """Has the operator type the robot's name.

    Raises:
        RobotError: Another name was typed, or nobody can be asked.
    """
    if not sys.stdin.isatty():
        raise RobotError(
            f"{question} Nothing has moved. Expected somebody at a terminal to type {name!r}; a script sets "
            f"{YES_MOVE}={name}, which does not release a stopped robot."
        )
    typed = input(f"{question}\nType {name} to go on: ").strip()
    if typed != name:
        raise RobotError(f"Nothing has moved: expected {name!r}, received {typed!r}.")
