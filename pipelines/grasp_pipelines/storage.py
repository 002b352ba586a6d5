"""Files on this machine, or on any of Beam's file systems under a URL such as `gs://bucket/logs`.

Files appear complete or not at all: they are written under another name and renamed.
"""

import contextlib
import os
import pathlib
import shutil
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from grasp_tfp.errors import GraspError, UsageError

__all__ = [
    "StoredFile",
    "absolute",
    "delete",
    "exists",
    "fetched",
    "is_remote",
    "list_files",
    "move",
    "publish",
    "read",
    "scratch",
    "use_options",
    "write",
]

EXTRAS = {"gs": "gcp", "s3": "aws", "hdfs": "hdfs"}
"""Which extra of this package brings the file system of a scheme."""

PART = ".part"
"""Ends the names of files that are being written."""


class StoredFile(NamedTuple):
    """What a folder says about one of its files."""

    path: str
    size: int
    """[bytes]"""

    changed: float
    """When it was written last [s since 1970]."""

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]


def is_remote(path: str) -> bool:
    """Whether a path names something on one of Beam's other file systems."""
    return "://" in path


def absolute(path: str | os.PathLike[str]) -> str:
    """The same place whatever the working folder is, without a slash at its end."""
    text = os.fspath(path)
    return text.rstrip("/") if is_remote(text) else os.path.abspath(text)


def use_options(options: Any) -> None:
    """Lets Beam's file systems know its options, such as `--hdfs_host`."""
    from apache_beam.io.filesystems import FileSystems

    FileSystems.set_options(options)  # type: ignore[no-untyped-call]


def list_files(folder: str) -> list[StoredFile]:
    """The files of a folder, sorted by name; none if there is no such folder, and none that vanish meanwhile."""
    if is_remote(folder):
        with _reported(folder) as systems:
            (found,) = systems.match([f"{folder}/*"])
        files = [StoredFile(m.path, m.size_in_bytes, m.last_updated_in_seconds or 0.0) for m in found.metadata_list]
        return sorted(file for file in files if file.path == f"{folder}/{file.name}")
    files = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):  # renamed or deleted since it was listed
                if entry.is_file():
                    files.append(StoredFile(f"{folder}/{entry.name}", entry.stat().st_size, entry.stat().st_mtime))
    return sorted(files)


@contextlib.contextmanager
def scratch(folder: str) -> Iterator[pathlib.Path]:
    """Yields a local folder for files on their way into `folder`: inside it, or a temporary one if it is remote."""
    where = None if is_remote(folder) else folder
    with tempfile.TemporaryDirectory(prefix=".scratch-", dir=where, ignore_cleanup_errors=True) as path:
        yield pathlib.Path(path)


@contextlib.contextmanager
def fetched(path: str, folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a local file with the content of `path`: itself, or a copy in `folder` that vanishes."""
    if not is_remote(path):
        yield pathlib.Path(path)
        return
    copy = folder / uuid.uuid4().hex
    try:
        with _reported(path) as systems, systems.open(path, compression_type="uncompressed") as source:
            with open(copy, "wb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def exists(path: str) -> bool:
    """Whether there is such a file."""
    if not is_remote(path):
        return os.path.isfile(path)
    with _reported(path) as systems:
        return bool(systems.exists(path))


def read(path: str) -> bytes | None:
    """The content of a small file, None if there is none."""
    if is_remote(path):
        with _reported(path) as systems:
            if not systems.exists(path):
                return None
            with systems.open(path, compression_type="uncompressed") as source:
                content: bytes = source.read()
                return content
    try:
        return pathlib.Path(path).read_bytes()
    except FileNotFoundError:
        return None


def write(path: str, data: bytes) -> None:
    """Writes a small file."""
    with scratch(path.rpartition("/")[0]) as folder:
        (folder / "data").write_bytes(data)
        publish(folder / "data", path)


def publish(file: pathlib.Path, path: str) -> None:
    """Moves a file out of `scratch` to its place, replacing what is there."""
    if not is_remote(path):
        file.replace(path)
        return
    aside = f"{path}.{uuid.uuid4().hex}{PART}"
    with _reported(path) as systems:
        with open(file, "rb") as source, systems.create(aside, compression_type="uncompressed") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        if systems.exists(path):
            systems.delete([path])
        systems.rename([aside], [path])


def move(source: str, target: str, names: Sequence[tuple[str, str]]) -> None:
    """Moves files from one folder to another of the same file system, replacing what is there.

    Files that are not there were moved before.

    Args:
        source: The folder they are in.
        target: The folder they go to.
        names: What each is called before and after.
    """
    there = {file.name for file in list_files(source)}
    pairs = [(f"{source}/{before}", f"{target}/{after}") for before, after in names if before in there]
    if not is_remote(source):
        for before, after in pairs:
            os.replace(before, after)
    elif pairs:
        taken = {file.path for file in list_files(target)}
        delete([after for _, after in pairs if after in taken])  # which not every file system replaces
        with _reported(target) as systems:
            systems.rename([before for before, _ in pairs], [after for _, after in pairs])


def delete(paths: Sequence[str]) -> None:
    """Deletes files and local folders; missing ones are ignored."""
    for path in paths:
        if is_remote(path):
            with _reported(path) as systems:
                if systems.exists(path):
                    systems.delete([path])
        elif os.path.isdir(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            pathlib.Path(path).unlink(missing_ok=True)


@contextlib.contextmanager
def _reported(path: str) -> Iterator[Any]:
    """Yields Beam's file systems; whatever they or their clients raise becomes one line."""
    from apache_beam.io.filesystems import FileSystems

    scheme = path.partition("://")[0]
    known = f"pip install 'graspctl[{EXTRAS[scheme]}]'" if scheme in EXTRAS else f"Expected {', '.join(EXTRAS)} or none"
    try:
        FileSystems.get_filesystem(path)
    except ValueError as error:
        raise UsageError(f"No file system for {path!r}: {known}.") from error
    try:
        yield FileSystems
    except GraspError:
        raise
    except Exception as error:  # each file system's client has exceptions of its own
        reason = " ".join(str(error).split()) or type(error).__name__
        extra = EXTRAS.get(path.partition("://")[0])
        hint = f" If its client is missing: pip install 'graspctl[{extra}]'." if extra else ""
        raise GraspError(f"Cannot reach {path!r}: {reason}.{hint}") from error
