"""Collection into a folder on any of Beam's file systems: logs are written here and copied there when complete."""

import contextlib
import dataclasses
import os
import pathlib
import shutil
from collections.abc import Iterator

from grasp_pipelines import storage
from grasp_pipelines.collect_shard import LOG_NAME, UNFINISHED, Counter, Shard, collect_shard
from grasp_tfp.errors import GraspError, UsageError

__all__ = ["claimed_remotely", "collect_remote_shard"]


@contextlib.contextmanager
def claimed_remotely(out: str, prefix: str) -> Iterator[pathlib.Path]:
    """Refuses foreign files in a remote folder, and removes what an interrupted collection left in it.

    A remote folder cannot be locked: two collections of the same trials write the same bytes twice.

    Args:
        out: The folder's URL.
        prefix: Beginning of the names of the logs that are to be continued.

    Yields:
        A temporary folder of this machine with copies of the first and the last of these logs.

    Raises:
        UsageError: The folder holds something else than logs.
    """
    notes, names = f"{out}/{UNFINISHED}", [file.name for file in storage.list_files(out)]
    left = [name for name in names if name.endswith(storage.PART) and LOG_NAME.fullmatch(name.rsplit(".", 2)[0])]
    if foreign := [name for name in names if name not in left and not LOG_NAME.fullmatch(name)]:
        raise UsageError(f"Cannot collect into {out!r}: expected a new folder or one with logs only, "
                         f"found {foreign[0]!r}. Use --out NEW.")  # fmt: skip
    storage.delete([f"{out}/{name}" for name in left])
    _empty(notes)
    own = [name for name in names if name.startswith(prefix) and name not in left]
    try:
        with storage.scratch(out) as folder, _remotely_named(folder, out):
            for name in dict.fromkeys((*own[:1], *own[-1:])):
                _fetch(f"{out}/{name}", folder / name)
            yield folder
    finally:
        _empty(notes)


def collect_remote_shard(shard: Shard, out: str, count: Counter) -> None:
    """Makes the log of a shard complete in a remote folder, where it appears under its name when it is.

    A log that is there is fetched, so that its trials are checked and counted; it is not written again if it is
    complete.

    Args:
        shard: What to collect; its own folder does not matter.
        out: The remote folder's URL.
        count: Called after each trial.

    Raises:
        GraspError: The log cannot be read or written, is damaged, or has other trials.
    """
    url = f"{out}/{shard.path.name}"
    with storage.scratch(out) as folder, _remotely_named(folder, out):
        local = dataclasses.replace(shard, out=folder)
        fetched = _fetch(url, local.path).st_ino if storage.exists(url) else None
        collect_shard(local, count, visible=False)
        if local.path.stat().st_ino != fetched:
            storage.publish(local.path, url)


def _fetch(url: str, path: pathlib.Path) -> os.stat_result:
    with storage.fetched(url, path.parent) as copy:
        shutil.move(copy, path)
    return path.stat()


def _empty(folder: str) -> None:
    storage.delete([file.path for file in storage.list_files(folder)])


@contextlib.contextmanager
def _remotely_named(folder: pathlib.Path, out: str) -> Iterator[None]:
    """Lets errors name a file by its place in the remote folder."""
    try:
        yield
    except GraspError as error:
        raise type(error)(str(error).replace(str(folder), out)) from error
