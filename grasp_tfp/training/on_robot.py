"""An evaluation by the protocol on one robot, from its entry in the fleet file and the folders of the bundles."""

import contextlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from grasp_tfp.models.loading import load_tensorflow
from grasp_tfp.policies.catalogue import find_policy
from grasp_tfp.robots.deployment import check_fit
from grasp_tfp.robots.fleet import FleetEntry, connect
from grasp_tfp.training.protocol import Protocol, Row, run_protocol
from grasp_tfp.trial import Trial

__all__ = ["OpenLog", "evaluate_robot"]

OpenLog = Callable[[str], AbstractContextManager[Callable[[Trial], None]]]
"""Opens a log for the trials of the robot of that name; gives what takes each of them."""

AT_ONCE = 64
"""Trials of a simulated robot that run at the same time, at most."""

IMAGE_SIZE = 64
"""Of what a robot shows to policies that do not look [px]."""


def evaluate_robot(
    entry: FleetEntry,
    bundles: Mapping[str, Path],
    protocol: Protocol,
    path: Path,
    progress: Callable[[int, str], None] | None = None,
    log: OpenLog | None = None,
) -> list[Row]:
    """Runs the protocol on one robot; a simulated one makes the trials of a method in a run at the same time.

    Args:
        entry: The robot.
        bundles: Folder of the bundle for each role that the methods need.
        protocol: What to do.
        path: Log of the trials, which is continued if it is there.
        progress: Called with the trials done and the method at work.
        log: Where the trials of a real robot go; those of a simulated one can be made again.

    Raises:
        BundleRejected: A bundle is damaged or does not fit the robot.
    """
    loaded = _load(bundles)
    simulated = entry.driver == "sim"
    size = next((own.image_size for own in loaded.values()), IMAGE_SIZE)
    cells = [connect(entry, size) for _ in range(min(AT_ONCE, protocol.trials) if simulated else 1)]
    try:
        for own in loaded.values():
            check_fit(own.manifest, cells[0])
        policies = {name: find_policy(name).make(loaded, simulated) for name in protocol.methods}
        with contextlib.nullcontext() if simulated or log is None else log(entry.name) as keep:
            return run_protocol(cells, policies, protocol, path, progress=progress, keep=keep)
    finally:
        for cell in cells:
            cell.close()


def _load(bundles: Mapping[str, Path]) -> dict[str, Any]:
    """The bundle for each role; TensorFlow is imported only where there is one, and without its lines on stderr."""
    if not bundles:
        return {}
    load_tensorflow()
    from grasp_tfp.models import bundle

    return {role: bundle.load(path, role) for role, path in bundles.items()}
