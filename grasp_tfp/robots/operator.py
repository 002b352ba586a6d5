"""What only a person at the terminal can decide."""

import sys

from grasp_tfp.errors import RobotError
from grasp_tfp.robots.lease import YES_MOVE

__all__ = ["ask_operator", "ask_outcome"]


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


def ask_outcome(name: str, why: str) -> bool:
    """Asks whether an object was held, until the answer is clear.

    Args:
        name: The robot's.
        why: What the pictures leave open; empty where no pictures decide.

    Raises:
        RobotError: The operator declares the trial void, or nobody can be asked.
    """
    told = f"{name}: {why}. " if why else f"{name}: "
    if not sys.stdin.isatty():
        raise RobotError(f"{told}Expected somebody at a terminal to say whether an object was held.")
    while True:
        try:
            answer, _, reason = input(f"{told}Was an object held? [y]es, [n]o, [v]oid REASON: ").strip().partition(" ")
        except EOFError:
            raise RobotError(f"{told}Nobody said whether an object was held.") from None
        if answer.lower() in ("y", "yes", "n", "no"):
            return answer.lower().startswith("y")
        if answer.lower() in ("v", "void"):
            raise RobotError(f"{name}: declared void by the operator{reason and f': {reason}'}.")
