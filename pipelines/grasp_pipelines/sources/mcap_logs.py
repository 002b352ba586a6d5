"""Our own logs, of states and of images, as they come."""

import pathlib
from collections.abc import Iterable, Iterator
from typing import Any

from grasp_pipelines import storage
from grasp_pipelines.log_chunks import Report
from grasp_pipelines.sources.source import Source
from grasp_pipelines.storage import StoredFile
from grasp_pipelines.trial_log import find_logs, read_trials
from grasp_tfp.sim.tasks import describe_cell_of
from grasp_tfp.trial import Trial

__all__ = ["McapLogs"]


class McapLogs(Source):
    """The logs of `graspctl collect`; a folder may mix trials with images and trials without."""

    name = "logs"

    @classmethod
    def recognises(cls, folder: str) -> bool:
        """Whether there is an `.mcap` file."""
        return any(file.name.endswith(".mcap") for file in storage.list_files(folder))

    def files(self) -> list[StoredFile]:
        """The folder's logs."""
        return find_logs(self.folder)

    def trials(self, file: pathlib.Path, name: str, report: Report) -> Iterator[Trial]:
        """Yields the complete trials of a log."""
        return read_trials(file, report)

    def describe(self) -> dict[str, str]:
        """Nothing is derived or assumed."""
        return {"name": self.name, "initial_image": "taken or rendered before the arm came in"}

    def cell(self, tasks: Iterable[str]) -> dict[str, Any]:
        """The simulated cell, which our arms are set up to match."""
        return describe_cell_of(tasks)
