"""The folder that a conversion builds in, and the one that it becomes: absent or complete, never half.

Shards are built in `OUT.partial`. It stays when a conversion is interrupted, and only the same conversion goes
on with what it holds.
"""

import contextlib
import fcntl
import os
import uuid
from collections.abc import Callable, Iterator, Sequence

from grasp_datasets import schema
from grasp_pipelines import storage
from grasp_pipelines.shard_results import count_results
from grasp_tfp.errors import UsageError

__all__ = ["claimed", "discard", "give_name", "refuse_used"]

PLAN = "plan.json"
"""What the shards in a folder are made from and with."""


def refuse_used(out: str, folder: str, plan: bytes, overwrite: bool) -> None:
    """Refuses an output that is in use, unless it is a dataset to overwrite.

    Args:
        out: Where the dataset is to be.
        folder: Where its shards are built.
        plan: What they are made from and with.
        overwrite: Whether a dataset may be replaced.

    Raises:
        UsageError: It is in use.
    """
    files = set(os.listdir(out)) if os.path.isdir(out) else {file.name for file in storage.list_files(out)}
    if not files and not os.path.isfile(out):
        return
    is_dataset = schema.METADATA_FILE in files
    moving = storage.is_remote(out) and not is_dataset and storage.read(f"{folder}/{PLAN}") == plan
    if (is_dataset and overwrite) or moving:
        return
    found = "a dataset" if is_dataset else "a folder with files in it" if files else "a file"
    remedy = f"{'Use --overwrite' if is_dataset else 'Remove it'} or name another."
    raise UsageError(f"Cannot convert into {out!r}: expected a new or empty folder, found {found}. {remedy}")


@contextlib.contextmanager
def claimed(folder: str, plan: bytes) -> Iterator[None]:
    """Makes the folder for the shards, empty unless the same conversion left it, and holds it.

    What fails before the first shard is finished leaves no folder.

    Raises:
        UsageError: It cannot be made, or another conversion is building in it.
    """
    with contextlib.ExitStack() as stack:
        if not storage.is_remote(folder):
            stack.enter_context(_locked(folder))
        if storage.read(f"{folder}/{PLAN}") == plan:
            _clear(folder, lambda name: name.startswith(".") or name.endswith(storage.PART))
        else:
            _clear(folder, lambda name: True)
            storage.write(f"{folder}/{PLAN}", plan)
        try:
            yield
        except BaseException:
            if not count_results(folder):
                discard(folder)
            raise


def discard(folder: str) -> None:
    """Deletes a folder of shards."""
    _clear(folder, lambda name: True)
    storage.delete([folder])


def give_name(folder: str, out: str, names: Sequence[str]) -> None:
    """Turns the folder with the shards into the dataset, in one step unless it is remote.

    Args:
        folder: Where the dataset was built.
        out: Its name from now on; a dataset that is there is replaced.
        names: Its files. In a remote folder the last of them arrives last.
    """
    if storage.is_remote(out):
        old = [file.path for file in storage.list_files(out) if file.name not in names]
        storage.delete([f"{out}/{names[-1]}", *old])
        for batch in (names[:-1], names[-1:]):
            storage.move(folder, out, [(name, name) for name in batch])
        _clear(folder, lambda name: True)
        return
    _clear(folder, lambda name: name not in names)
    if os.path.isdir(out) and os.listdir(out):
        aside = f"{out}.replaced-{uuid.uuid4().hex}"
        os.replace(out, aside)
        os.replace(folder, out)
        storage.delete([aside])
    else:
        os.replace(folder, out)


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[None]:
    """Makes a local folder and keeps other conversions out of it until the end."""
    try:
        os.makedirs(folder, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise UsageError(f"Cannot create {folder!r}: {error.strerror}. Name a folder that can be written.") from error
    try:
        with contextlib.suppress(OSError):  # a network file system may have no locks
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                out = folder.removesuffix(".partial")
                raise UsageError(
                    f"Another conversion is writing {out!r}. Wait for it to end, or name another."
                ) from None
        yield
    finally:
        os.close(handle)


def _clear(folder: str, unwanted: Callable[[str], bool]) -> None:
    """Deletes some of the files in a folder, and of a local one its folders too."""
    local = not storage.is_remote(folder)
    names = (
        (os.listdir(folder) if os.path.isdir(folder) else []) if local else [f.name for f in storage.list_files(folder)]
    )
    storage.delete([f"{folder}/{name}" for name in sorted(names) if unwanted(name)])
