"""The option `--view`: trials as they happen, in Rerun or Foxglove."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

__all__ = ["View", "announce", "watched"]

View = Annotated[
    str | None,
    typer.Option("--view", metavar="VIEW", help="Show trials in rerun or foxglove, or in a file *.rrd or *.mcap."),
]
"""What `grasp_tfp.robots.views.open_viewer` takes."""


def announce(view: str) -> None:
    """Says where trials are shown.

    Raises:
        UsageError: They cannot be shown there.
    """
    from grasp_tfp.robots.views import LIVE, check_view

    check_view(view)
    typer.echo(f"Viewing in {LIVE.get(view, view)}", err=True)


@contextlib.contextmanager
def watched(
    cells: Sequence[Any], bundles: Mapping[str, Any], view: str | None
) -> Iterator[tuple[Sequence[Any], Mapping[str, Any]]]:
    """Cells and bundles as policies are to use them: with a view a single cell, whose trials are shown whole."""
    if view is None:
        yield cells, bundles
        return
    from grasp_tfp.robots.viewer import WatchedRobot, WatchedSampler
    from grasp_tfp.robots.views import open_viewer

    with contextlib.closing(open_viewer(view)) as viewer:
        robot = WatchedRobot(cells[0], viewer)
        actor = {"actor": WatchedSampler(bundles["actor"], robot)} if "actor" in bundles else {}
        yield [robot], {**bundles, **actor}
