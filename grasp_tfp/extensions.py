"""What installed packages add to this one, as entry points."""

import functools
from importlib.metadata import entry_points
from typing import Any

from grasp_tfp.errors import UsageError

__all__ = ["installed"]


@functools.cache
def installed(group: str, name: str) -> Any:
    """What an installed package offers under that name, None if there is nothing.

    Args:
        group: Group of entry points, such as `graspctl.tasks`.
        name: Name of the entry point.

    Raises:
        UsageError: It cannot be loaded.
    """
    point = next(iter(entry_points(group=group, name=name)), None)
    try:
        return None if point is None else point.load()
    except (ImportError, AttributeError) as error:
        raise UsageError(f"Cannot load {name!r} of {group}: {error}. Install its package again.") from error
