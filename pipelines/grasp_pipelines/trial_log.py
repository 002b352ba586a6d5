"""Logs of grasp trials: MCAP files, one chunk with its own checksum per trial.

MCAP is the robotics community's container and opens in Foxglove. Each trial is flushed as it ends,
so a killed process loses at most the trial it was writing; a file without its footer is read to where
it ends. Timestamps count up from the trial's index, so that a file's bytes depend on its trials alone.
"""

import base64
import dataclasses
import json
import pathlib
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import IO, Any

import numpy as np
from mcap.exceptions import EndOfFile, McapError
from mcap.records import Channel, Chunk, DataEnd, Header, Message
from mcap.stream_reader import MAGIC_SIZE, StreamReader, breakup_chunk
from mcap.writer import MCAP0_MAGIC, CompressionType, Writer
from numpy.typing import NDArray

from grasp_pipelines.log_schema import END, IMAGE, INITIAL_IMAGE, POSE, PROFILE, SCHEMAS, START, software_versions
from grasp_tfp.errors import GraspError, UsageError
from grasp_tfp.sim.geometry import CAMERA
from grasp_tfp.trial import Scene, Trial

__all__ = ["MalformedLog", "TrialWriter", "is_finished", "log_files", "read_trials"]

SECOND = 1_000_000_000
TRIAL_PERIOD = 20 * SECOND
"""Time between the starts of two trials on the logs' own clock, one second per message [ns]."""

WHOLE_TRIAL = 2**31
"""Larger than any trial, so that only the end of a trial ends a chunk [bytes]."""


class MalformedLog(GraspError):
    """A log is damaged, or it is no log of ours."""

    def __init__(self, path: pathlib.Path, reason: str) -> None:
        self.reason = reason
        expected = "Expected an .mcap log of `graspctl collect`; move it away."
        super().__init__(f"Malformed log {str(path)!r}: {reason}. {expected}")


class TrialWriter:
    """Writes trials to a new log, each on disk as soon as `write` returns.

    Args:
        path: The file to create, named `*.mcap`.

    Raises:
        UsageError: The file exists.
    """

    def __init__(self, path: pathlib.Path) -> None:
        try:
            self._stream = open(path, "xb")
        except FileExistsError:
            raise UsageError(f"Log {str(path)!r} exists. Expected a new name; logs are never overwritten.") from None
        self._writer = Writer(self._stream, chunk_size=WHOLE_TRIAL, compression=CompressionType.NONE)
        self._writer.start(PROFILE, f"graspctl {software_versions()['graspctl']}")
        self._channels: dict[str, int] = {}
        for topic, (name, schema) in SCHEMAS.items():
            schema_id = self._writer.register_schema(name, "jsonschema", schema)
            self._channels[topic] = self._writer.register_channel(topic, "json", schema_id)

    def __enter__(self) -> "TrialWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, trial: Trial) -> None:
        """Appends one trial and hands it to the operating system."""
        for topic, time, message in list(_messages(trial)):
            self._writer.add_message(self._channels[topic], time, message, time)
        self._writer.flush()

    def close(self) -> None:
        """Completes the file; closing twice does nothing."""
        if not self._stream.closed:
            self._writer.finish()
            self._stream.close()


def read_trials(path: pathlib.Path) -> Iterator[Trial]:
    """Yields the complete trials of a log, up to where it was cut off.

    Raises:
        MalformedLog: The file is no log of ours, or damaged in the middle.
    """
    with open(path, "rb") as stream:
        parts: dict[str, list[Any]] = {}
        for topic, message in _decoded(path, _Bounded(stream)):
            if topic == START:
                parts = {}
            parts.setdefault(topic, []).append(message)
            if topic == END:
                yield _assemble(path, parts)
                parts = {}


def is_finished(path: pathlib.Path) -> bool:
    """Whether the log was closed by its writer."""
    with open(path, "rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - MAGIC_SIZE))
        return size > MAGIC_SIZE and stream.read() == MCAP0_MAGIC


def log_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """The logs of a folder, sorted by name.

    Raises:
        UsageError: The folder is missing or holds no log.
    """
    files = sorted(path for path in folder.glob("*.mcap") if path.is_file())
    if not files:
        found = "a folder without any" if folder.is_dir() else "a file" if folder.exists() else "nothing"
        expected = f"No logs in {str(folder)!r}. Expected a folder of .mcap logs, found {found}."
        raise UsageError(f"{expected} Run `graspctl collect --sim` first.")
    return files


def _messages(trial: Trial) -> Iterator[tuple[str, int, bytes]]:
    time = trial.index * TRIAL_PERIOD
    scene = None if trial.scene is None else {"objects": trial.scene.objects, "poses": trial.scene.poses.tolist()}
    start = {
        "trial_id": trial.trial_id,
        "task": trial.task,
        "seed": trial.seed,
        "index": trial.index,
        "policy": trial.policy,
        "policy_digest": trial.policy_digest,
        "scene": scene,
        "camera": None if scene is None else dataclasses.asdict(CAMERA),
        "versions": software_versions(),
    }
    yield START, time, _encode(start)
    if trial.initial_image is not None:
        yield INITIAL_IMAGE, time, _encode(_image_message(trial.initial_image, time))
    for step, pose in enumerate(trial.gripper_poses):
        time += SECOND
        yield POSE, time, _encode(_pose_message(pose))
        if trial.images:
            yield IMAGE, time, _encode(_image_message(trial.images[step], time))
    end = {
        "final_pose": _pose_message(trial.final_pose),
        "success": trial.success,
        "label_source": trial.label_source,
        "stop_reason": trial.stop_reason,
        "num_steps": trial.num_steps,
    }
    yield END, time + SECOND, _encode(end)


def _encode(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def _pose_message(pose: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(("x", "y", "z", "yaw"), pose.tolist(), strict=True))


def _image_message(jpeg: bytes, time: int) -> dict[str, Any]:
    timestamp = {"sec": time // SECOND, "nsec": time % SECOND}
    return {"timestamp": timestamp, "frame_id": "camera", "data": base64.b64encode(jpeg).decode(), "format": "jpeg"}


class _Bounded:
    """A stream that never returns fewer bytes than asked, nor allocates more than the file has."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._left = stream.seek(0, 2)
        stream.seek(max(self._left - MAGIC_SIZE, 0))
        self.finished = stream.read() == MCAP0_MAGIC and self._left > MAGIC_SIZE
        """Whether the writer completed the file."""
        stream.seek(0)

    def read(self, length: int) -> bytes:
        if length > self._left:
            raise EndOfFile
        self._left -= length
        return self._stream.read(length)


def _decoded(path: pathlib.Path, stream: _Bounded) -> Iterator[tuple[str, Any]]:
    topics: dict[int, str] = {}
    try:
        for record in StreamReader(stream, emit_chunks=True, record_size_limit=None).records:  # type: ignore[arg-type]
            if isinstance(record, DataEnd):
                return
            if isinstance(record, Header) and record.profile != PROFILE:
                raise MalformedLog(path, f"its profile is {record.profile!r}, not {PROFILE!r}")
            for part in breakup_chunk(record, validate_crc=True) if isinstance(record, Chunk) else ():
                if isinstance(part, Channel):
                    topics[part.id] = part.topic
                elif isinstance(part, Message) and part.channel_id in topics:
                    yield topics[part.channel_id], json.loads(part.data)
    except EndOfFile:
        if stream.finished:
            raise MalformedLog(path, "a record claims to be longer than the file") from None
    except (McapError, ValueError, struct.error) as error:
        raise MalformedLog(path, str(error)) from error


def _assemble(path: pathlib.Path, parts: dict[str, list[Any]]) -> Trial:
    try:
        (start,), (end,), poses = parts[START], parts[END], parts.get(POSE, [])
        images = tuple(base64.b64decode(message["data"]) for message in parts.get(IMAGE, []))
        initial = [base64.b64decode(message["data"]) for message in parts.get(INITIAL_IMAGE, [])]
        if len(poses) != end["num_steps"] or (images and len(images) != len(poses)):
            raise ValueError(f"{len(poses)} poses and {len(images)} images for {end['num_steps']} steps")
        scene = start["scene"]
        return Trial(
            **{name: start[name] for name in ("trial_id", "task", "seed", "index", "policy", "policy_digest")},
            gripper_poses=np.array([_pose(message) for message in poses]).reshape(-1, 4),
            final_pose=_pose(end["final_pose"]),
            **{name: end[name] for name in ("success", "label_source", "stop_reason")},
            scene=scene and Scene(tuple(scene["objects"]), np.array(scene["poses"], dtype=np.float64).reshape(-1, 7)),
            initial_image=initial[0] if initial else None,
            images=images,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedLog(path, f"a trial does not fit the schema ({error})") from error


def _pose(message: dict[str, float]) -> NDArray[np.float64]:
    return np.array([message["x"], message["y"], message["z"], message["yaw"]], dtype=np.float64)
