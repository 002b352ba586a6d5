"""Everything that graspctl reports as one line instead of a traceback.

GraspError                  exit code 1
├── UsageError              2   an option, a name or a configuration key is wrong
├── RobotError              3   a robot is unreachable or failed its preflight
├── BundleRejected          4   a policy bundle is incomplete, altered or does not fit
└── SafetyStop              5   a robot was stopped to keep it safe
"""

import difflib
from collections.abc import Iterable

__all__ = ["BundleRejected", "GraspError", "RobotError", "SafetyStop", "UsageError", "unknown_name"]


class GraspError(Exception):
    """A failure that the user can act upon; its message is the whole report."""

    exit_code = 1


class UsageError(GraspError):
    """The command was asked for something that does not exist or does not fit."""

    exit_code = 2


class RobotError(GraspError):
    """A robot is unreachable or not ready."""

    exit_code = 3


class BundleRejected(GraspError):
    """A policy bundle is incomplete, altered, or does not fit the robot."""

    exit_code = 4


class SafetyStop(GraspError):
    """A robot was stopped to keep it safe."""

    exit_code = 5


def unknown_name(kind: str, name: str, choices: Iterable[str]) -> UsageError:
    """The error for a name that is not among its choices; it offers the nearest one.

    Args:
        kind: What the name should be, such as `robot`.
        name: The name received.
        choices: The valid names.
    """
    known = sorted(choices)
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return UsageError(f"Unknown {kind} {name!r}. Expected one of: {', '.join(known)}.{hint}")
