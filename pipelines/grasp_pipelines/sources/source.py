"""The contract of a source of trials, and how a folder's source is found."""

import abc
import os
import pathlib
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar

from grasp_pipelines import storage
from grasp_pipelines.log_chunks import Report
from grasp_pipelines.storage import StoredFile
from grasp_tfp.errors import UsageError, unknown_name
from grasp_tfp.trial import Trial

__all__ = ["GROUP", "Source", "find_source", "subfolders"]

GROUP = "graspctl.sources"
"""Entry points under which installed packages offer sources of their own."""

HERE = "grasp_pipelines.sources"
BUILT_IN = (
    EntryPoint("logs", f"{HERE}.mcap_logs:McapLogs", GROUP),
    EntryPoint("kuka", f"{HERE}.kuka:Kuka", GROUP),
)
"""Looked at first, in this order; they work without being installed."""


class Source(abc.ABC):
    """Trials in the files of a folder.

    It is made once and sent to the workers, so what it keeps can be pickled; paths may be URLs of any of Beam's file
    systems.

    Args:
        folder: Where the files are.

    Raises:
        UsageError: The folder does not hold what this source reads.
    """

    name: ClassVar[str]
    """What `--source` calls it; the name of its entry point."""

    image_size: int | None = None
    """The shorter side of recorded images [pixels]; None where images are rendered at the size asked for."""

    def __init__(self, folder: str) -> None:
        self.folder = folder

    @classmethod
    @abc.abstractmethod
    def recognises(cls, folder: str) -> bool:
        """Whether the folder holds files of this kind."""

    @abc.abstractmethod
    def files(self) -> list[StoredFile]:
        """The files to read; each is read by one worker, from beginning to end.

        Raises:
            UsageError: There are none, or some are missing.
        """

    @abc.abstractmethod
    def trials(self, file: pathlib.Path, name: str, report: Report) -> Iterator[Trial]:
        """Yields the trials of a file, one at a time, each under an id of its own across all files.

        Args:
            file: A local file, or a copy of a remote one.
            name: What the file is called where it comes from.
            report: Told of each damage, and of each trial that cannot be used; reading goes on behind it.
        """

    @abc.abstractmethod
    def describe(self) -> dict[str, str]:
        """What the metadata says of where the trials come from: its `name`, and what was derived or assumed."""

    def cell(self, tasks: Iterable[str]) -> dict[str, Any]:
        """Camera, jaw, tray and workspace of the trials of these tasks; empty where they are not known."""
        return {}


def find_source(folder: str, name: str | None = None) -> Source:
    """Opens what is to be converted.

    Args:
        folder: Path or URL of a folder.
        name: The source to use; by default the first that recognises the folder.

    Raises:
        UsageError: The name is unknown, or the folder does not hold what the source reads.
    """
    entries = _entries()
    if name is not None:
        if name not in entries:
            raise unknown_name("source", name, entries)
        return _loaded(entries[name])(folder)
    for entry in entries.values():
        source = _loaded(entry)
        if source.recognises(folder):
            return source(folder)
    if any(storage.read(f"{home}/dataset_info.json") for home in (folder, *subfolders(folder))):
        raise UsageError(
            f"No source recognises the dataset in {folder!r}. Expected one for {', '.join(sorted(entries))}. "
            "Name one with --source, or write an adapter: docs/sources.md."
        )
    return _loaded(entries["logs"])(folder)


def subfolders(folder: str) -> list[str]:
    """The folders in a local folder."""
    if not os.path.isdir(folder):
        return []
    with os.scandir(folder) as entries:
        return sorted(f"{folder}/{entry.name}" for entry in entries if entry.is_dir())


def _entries() -> dict[str, EntryPoint]:
    built_in = {entry.name: entry for entry in BUILT_IN}
    return built_in | {entry.name: entry for entry in entry_points(group=GROUP) if entry.name not in built_in}


def _loaded(entry: EntryPoint) -> type[Source]:
    try:
        source = entry.load()
    except (ImportError, AttributeError) as error:
        raise UsageError(f"Cannot load the source {entry.name!r}: {error}. Install its package again.") from error
    if not (isinstance(source, type) and issubclass(source, Source)):
        raise UsageError(f"Cannot load the source {entry.name!r}: expected {entry.value} to be a subclass of Source.")
    return source
