"""The viewers that `--view` names: Rerun's and Foxglove's, live or as files."""

from pathlib import Path

from grasp_tfp.errors import UsageError
from grasp_tfp.extras import require
from grasp_tfp.robots.viewer import HOST, Viewer

__all__ = ["LIVE", "check_view", "open_viewer"]

LIVE = {"rerun": f"rerun+http://{HOST}:9876/proxy", "foxglove": f"ws://{HOST}:8765"}
"""The address at which each live view is found: Rerun's viewer listens there, Foxglove's app connects to it."""

FILES = {".rrd": "rerun", ".mcap": "foxglove"}
"""Files for them to open later, by their suffix."""


def check_view(where: str) -> None:
    """Refuses what cannot be shown to, before any work is done.

    Raises:
        UsageError: It is no view, its package is not installed, or its file cannot be made.
    """
    path = Path(where)
    if where not in LIVE and path.suffix not in FILES:
        raise UsageError(f"Unknown view {where!r}. Expected one of: {', '.join(LIVE)}, FILE{', FILE'.join(FILES)}.")
    package = where if where in LIVE else FILES[path.suffix]
    require(package, "view", f"show trials with --view {where}")
    if where not in LIVE and (path.exists() or not path.parent.is_dir()):
        raise UsageError(f"Cannot write {where!r}: expected a new file in a folder that exists. Name another.")


def open_viewer(where: str) -> Viewer:
    """The viewer that `--view` names.

    Args:
        where: A key of `LIVE`, or a file with a suffix of `FILES`.

    Raises:
        UsageError: As `check_view`; or Rerun's viewer does not listen, or Foxglove's port is taken.
    """
    check_view(where)
    path = None if where in LIVE else Path(where)
    if (where if path is None else FILES[path.suffix]) == "rerun":
        from grasp_tfp.robots.view_rerun import RerunViewer

        return RerunViewer(path)
    from grasp_tfp.robots.view_foxglove import FoxgloveViewer

    return FoxgloveViewer(path)
