"""Logs and datasets on file systems of Beam's: a file system in memory stands for gs://, s3:// and hdfs://."""

import contextlib
import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from apache_beam.io.filesystem import CompressionTypes, FileMetadata, FileSystem

from grasp_pipelines import collect as collection
from grasp_pipelines import storage
from grasp_pipelines.collect import collect
from grasp_pipelines.convert import convert
from grasp_pipelines.trial_log import TrialWriter, read_trials
from grasp_tfp.errors import GraspError, UsageError
from grasp_tfp.trial import Scene, Trial

FILES: dict[str, bytes] = {}
"""What the file system holds, by URL."""


class _Written(io.BytesIO):
    """A file that appears when it is closed, as in an object store."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def close(self) -> None:
        if not self.closed:
            FILES[self._path] = self.getvalue()
        super().close()


class MemoryFileSystem(FileSystem):
    """Files in memory, without folders and without renaming onto what exists."""

    @classmethod
    def scheme(cls) -> str:
        return "memory"

    def join(self, basepath: str, *paths: str) -> str:
        return "/".join([basepath, *paths])

    def split(self, path: str) -> tuple[str, str]:
        head, _, tail = path.rpartition("/")
        return head, tail

    def mkdirs(self, path: str) -> None:
        raise NotImplementedError

    def has_dirs(self) -> bool:
        return False

    def _list(self, dir_or_prefix: str) -> Iterator[FileMetadata]:
        found = list(FILES.items())  # a worker may write meanwhile
        yield from (FileMetadata(path, len(data), 1.0) for path, data in found if path.startswith(dir_or_prefix))

    def create(self, path: str, mime_type: str = "", compression_type: str = CompressionTypes.AUTO) -> Any:
        return _Written(path)

    def open(self, path: str, mime_type: str = "", compression_type: str = CompressionTypes.AUTO) -> Any:
        return io.BytesIO(FILES[path])

    def copy(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
        raise NotImplementedError

    def rename(self, source_file_names: list[str], destination_file_names: list[str]) -> None:
        for source, destination in zip(source_file_names, destination_file_names, strict=True):
            if destination in FILES:
                raise FileExistsError(destination)
            FILES[destination] = FILES.pop(source)

    def exists(self, path: str) -> bool:
        return path in FILES

    def size(self, path: str) -> int:
        return len(FILES[path])

    def last_updated(self, path: str) -> float:
        return 1.0

    def checksum(self, path: str) -> str:
        return ""

    def metadata(self, path: str) -> FileMetadata:
        return FileMetadata(path, len(FILES[path]), 1.0)

    def delete(self, paths: list[str]) -> None:
        for path in paths:
            del FILES[path]


@pytest.fixture(autouse=True)
def _empty(monkeypatch: pytest.MonkeyPatch) -> None:
    FILES.clear()
    monkeypatch.setattr("grasp_pipelines.shards.SHARD_BYTES", 1)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stored") / "logs"
    folder.mkdir()
    scene = Scene(("block",), np.array([[0.55, 0.0, 0.02, 0.0, 0.0, 0.0, 1.0]]))
    for number in range(3):
        with TrialWriter(folder / f"{number}.mcap") as writer:
            for index in range(10 * number, 10 * number + 10):
                poses = np.random.default_rng(index).uniform([0.5, -0.08, 0.1, -1.5], [0.6, 0.08, 0.2, 1.5], (3, 4))
                name = f"trial-{index}"
                writer.write(Trial(name, "blocks", 0, index, "random", "", poses[:2], poses[2], True, "", "", scene))
    return folder


def upload(logs: Path, folder: str) -> None:
    FILES.update({f"{folder}/{path.name}": path.read_bytes() for path in logs.iterdir()})


def digests(files: dict[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def stored(folder: str) -> dict[str, bytes]:
    return {path.removeprefix(f"{folder}/"): data for path, data in FILES.items() if path.startswith(f"{folder}/")}


def test_the_same_bytes_from_and_to_a_remote_folder(logs: Path, tmp_path: Path) -> None:
    upload(logs, "memory://bucket/logs")
    FILES["memory://bucket/logs/deeper/other.mcap"] = b"not in this folder"
    convert(logs, tmp_path / "out", image_size=16, workers=1)
    local = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    report = convert("memory://bucket/logs/", "memory://bucket/out/", image_size=16, workers=1)
    assert digests(stored("memory://bucket/out")) == digests(local)
    assert report.bytes == sum(map(len, local.values()))
    assert {path.split("/")[3] for path in FILES} == {"logs", "out"}
    convert("memory://bucket/logs", tmp_path / "fetched", image_size=16, workers=1)
    assert digests({path.name: path.read_bytes() for path in (tmp_path / "fetched").iterdir()}) == digests(local)


def test_a_remote_conversion_goes_on_where_it_was_interrupted(logs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    convert(logs, "memory://bucket/whole", image_size=16, workers=1)
    moved = storage.move
    calls: list[str] = []

    def interrupted(source: str, target: str, names: list[tuple[str, str]]) -> None:
        calls.append(target)
        moved(source, target, names[: len(names) // 2] if target.endswith("/out") else names)
        if target.endswith("/out"):
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(storage, "move", interrupted)
        with pytest.raises(KeyboardInterrupt):
            convert(logs, "memory://bucket/out", image_size=16, workers=1)
    half = stored("memory://bucket/out")
    assert half and "graspctl.json" not in half
    convert(logs, "memory://bucket/out", image_size=16, workers=1)
    assert digests(stored("memory://bucket/out")) == digests(stored("memory://bucket/whole"))
    assert not stored("memory://bucket/out.partial")


def test_a_remote_dataset_is_replaced_only_when_asked(logs: Path) -> None:
    convert(logs, "memory://bucket/out", image_size=16, workers=1)
    FILES["memory://bucket/out/grasp_steps-train.tfrecord-00099-of-00100"] = b"old"
    with pytest.raises(UsageError, match=r"found a dataset\. Use --overwrite"):
        convert(logs, "memory://bucket/out", image_size=24, workers=1)
    convert(logs, "memory://bucket/out", image_size=24, workers=1, overwrite=True)
    assert "grasp_steps-train.tfrecord-00099-of-00100" not in stored("memory://bucket/out")
    FILES["memory://bucket/mine/notes"] = b""
    with pytest.raises(UsageError, match="found a folder with files in it"):
        convert(logs, "memory://bucket/mine", image_size=16, overwrite=True)


def test_files_appear_complete(tmp_path: Path) -> None:
    (tmp_path / "new").write_bytes(b"new")
    FILES["memory://bucket/file"] = b"old"
    storage.publish(tmp_path / "new", "memory://bucket/file")
    assert FILES == {"memory://bucket/file": b"new"}
    storage.write("memory://bucket/other", b"more")
    assert storage.read("memory://bucket/other") == b"more"
    assert storage.read("memory://bucket/none") is None
    storage.delete(["memory://bucket/other", "memory://bucket/none"])
    assert [file.name for file in storage.list_files("memory://bucket")] == ["file"]


def test_files_that_vanish_while_they_are_listed_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("kept", "renamed"):
        (tmp_path / name).write_bytes(b"1234")
    scandir = os.scandir

    @contextlib.contextmanager
    def listed_then_renamed(folder: str) -> Iterator[list[os.DirEntry[str]]]:
        with scandir(folder) as entries:
            found = list(entries)
        (tmp_path / "renamed").rename(tmp_path / "new")
        yield found

    monkeypatch.setattr(os, "scandir", listed_then_renamed)
    assert [(file.name, file.size) for file in storage.list_files(str(tmp_path))] == [("kept", 4)]
    monkeypatch.undo()
    assert [file.name for file in storage.list_files(str(tmp_path))] == ["kept", "new"]
    assert storage.list_files(str(tmp_path / "none")) == storage.list_files(str(tmp_path / "kept")) == []


@pytest.mark.parametrize(
    ("url", "phrase"),
    [
        ("gs://bucket/logs", r"pip install 'graspctl\[gcp\]'"),
        ("s3://bucket/logs", r"pip install 'graspctl\[aws\]'"),
        ("hdfs://bucket/logs", r"pip install 'graspctl\[hdfs\]'"),
        ("ftp://bucket/logs", "Expected gs, s3, hdfs or none"),
    ],
)
def test_a_file_system_that_is_not_there_is_named(url: str, phrase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FileSystem, "get_all_subclasses", classmethod(lambda cls: [MemoryFileSystem]))
    with pytest.raises(UsageError, match=phrase):
        convert(url, "memory://bucket/out")


REMOTE_LOGS = "memory://bucket/collected"
LOOPBACK = ("--runner=PortableRunner", "--job_endpoint=embed", "--environment_type=LOOPBACK")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The logs of 25 trials with seed 5, ten to a log, on this machine."""
    folder = tmp_path_factory.mktemp("collected")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collection, "SHARD_TRIALS", 10)
        collect(folder, trials=25, seed=5, workers=1)
    return folder


@pytest.fixture
def _ten_to_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, "SHARD_TRIALS", 10)


@pytest.mark.usefixtures("_ten_to_a_log")
@pytest.mark.parametrize("beam_args", [(), ("--runner=FnApiRunner",), LOOPBACK], ids=["default", "named", "LOOPBACK"])
def test_the_same_logs_in_a_remote_folder(collected: Path, beam_args: tuple[str, ...]) -> None:
    report = collect(f"{REMOTE_LOGS}/", trials=25, seed=5, workers=1, beam_args=beam_args)
    logs = {path.name: path.read_bytes() for path in collected.iterdir()}
    assert digests(stored(REMOTE_LOGS)) == digests(logs)
    assert (report.trials, report.new, report.files, report.bytes) == (25, 25, 3, sum(map(len, logs.values())))
    assert report.successes == sum(trial.success for path in collected.iterdir() for trial in read_trials(path))


@pytest.mark.usefixtures("_ten_to_a_log")
def test_a_remote_collection_goes_on_and_writes_no_finished_log_again(
    collected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third = sorted(path.name for path in collected.iterdir())
    FILES[f"{REMOTE_LOGS}/{first}"] = (collected / first).read_bytes()
    FILES[f"{REMOTE_LOGS}/{third}.{'0' * 32}.part"] = b"left by a kill"
    FILES[f"{REMOTE_LOGS}/.unfinished/{second}.json"] = b"[99, 99, 99, 9]"
    published, publish = list[str](), storage.publish

    def noted(file: Path, path: str) -> None:
        published.append(path.rpartition("/")[2])
        publish(file, path)

    monkeypatch.setattr(storage, "publish", noted)
    reports = [collect(REMOTE_LOGS, trials=trials, seed=5, workers=1) for trials in (22, 25, 25)]
    assert [(report.trials, report.new) for report in reports] == [(22, 12), (25, 3), (25, 0)]
    assert [name for name in published if name.endswith(".mcap")] == [second, third, third]
    assert digests(stored(REMOTE_LOGS)) == digests({path.name: path.read_bytes() for path in collected.iterdir()})
    assert reports[2].successes == sum(trial.success for path in collected.iterdir() for trial in read_trials(path))


@pytest.mark.usefixtures("_ten_to_a_log")
@pytest.mark.parametrize(
    ("name", "options", "phrase"),
    [
        ("notes.txt", {}, "found 'notes.txt'"),
        ("blocks-5-000000020.mcap", {"trials": 20}, "'memory://bucket/collected' holds more trials than 20"),
        ("blocks-5-000000020.mcap", {"trials": 22}, "'memory://bucket/collected' holds more trials than 22"),
        ("blocks-5-000000000.mcap", {"images": 16}, "with images of 16 pixels, found trial"),
    ],
)
def test_what_does_not_belong_in_a_remote_folder_stays(
    collected: Path, name: str, options: dict[str, Any], phrase: str
) -> None:
    data = collected / name if name.endswith(".mcap") else collected / "blocks-5-000000000.mcap"
    FILES[f"{REMOTE_LOGS}/{name}"] = data.read_bytes()
    before = dict(FILES)
    with pytest.raises(UsageError, match=phrase):
        collect(REMOTE_LOGS, **({"trials": 25, "seed": 5, "workers": 1} | options))
    assert before == FILES


def test_a_file_system_that_fails_is_one_line() -> None:
    with pytest.raises(GraspError, match="Cannot reach 'memory://bucket/gone'") as error:
        with storage.fetched("memory://bucket/gone", Path("/nowhere")):
            pass
    assert "\n" not in str(error.value)
