"""Logs of grasp trials: MCAP files, one chunk with its own checksum per trial.

MCAP is the robotics community's container and opens in Foxglove. Each trial is flushed as it ends,
so a killed process loses at most the trial it was writing; a file without its footer is read to where
it ends. Timestamps count up from the trial's index, so that a file's bytes depend on its trials alone.
"""

import base64
import dataclasses
import json
import os
import pathlib
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import numpy as np
from mcap.writer import MCAP0_MAGIC, CompressionType, Writer
from numpy.typing import NDArray

from grasp_pipelines import storage
from grasp_pipelines.log_chunks import CUT_OFF, EMPTY, Damage, Report, read_chunks
from grasp_pipelines.log_schema import END, IMAGE, INITIAL_IMAGE, POSE, PROFILE, SCHEMAS, START, software_versions
from grasp_pipelines.storage import StoredFile
from grasp_tfp.errors import GraspError, UsageError
from grasp_tfp.sim.geometry import CAMERA
from grasp_tfp.trial import Scene, Trial

__all__ = ["MalformedLog", "TrialWriter", "find_logs", "is_finished", "log_files", "read_trials"]

SECOND = 1_000_000_000
TRIAL_PERIOD = 20 * SECOND
"""Time between the starts of two trials on the logs' own clock, one second per message [ns]."""

WHOLE_TRIAL = 2**31
"""Larger than any trial, so that only the end of a trial ends a chunk [bytes]."""


NO_END = "its end record is missing"
"""Why a trial is void that began."""

_UNFIT = (KeyError, IndexError, TypeError, ValueError, OverflowError, RecursionError)
"""What goes wrong with messages that are JSON, or not even that, but no trial."""


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


def read_trials(path: pathlib.Path, report: Report | None = None) -> Iterator[Trial]:
    """Yields the complete trials of a log.

    Args:
        path: The log.
        report: Told of each damage, and of each trial that is not complete; reading goes on behind it. Without it
            a log that is empty or cut off is read up to there, and anything else raises.

    Raises:
        MalformedLog: The file is no log of ours, or damaged in the middle, and there is no `report`.
    """
    parts: dict[str, list[bytes]] = {}

    def lost(damage: Damage) -> None:
        parts.clear()
        if report is not None:
            report(damage)
        elif damage.reason not in (CUT_OFF, EMPTY):
            raise MalformedLog(path, damage.reason)

    for offset, messages in read_chunks(path, lost):
        for topic, message in messages:
            if topic == START and parts:
                lost(Damage(offset, NO_END, _name(parts)))
            if topic == START or parts:
                parts.setdefault(topic, []).append(message)
            if topic == END and parts:
                try:
                    trial = _assemble(parts)
                except _UNFIT as error:
                    lost(Damage(offset, f"it does not fit the schema ({_line(error)})", _name(parts)))
                    continue
                parts.clear()
                yield trial
    if parts:
        lost(Damage(path.stat().st_size, NO_END, _name(parts)))


def is_finished(path: pathlib.Path) -> bool:
    """Whether the log was closed by its writer."""
    with open(path, "rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - len(MCAP0_MAGIC)))
        return size > len(MCAP0_MAGIC) and stream.read() == MCAP0_MAGIC


def log_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """The logs of a local folder, sorted by name.

    Raises:
        UsageError: The folder is missing or holds no log.
    """
    return [pathlib.Path(file.path) for file in find_logs(str(folder))]


def find_logs(folder: str) -> list[StoredFile]:
    """The logs of a folder on any of Beam's file systems, sorted by name.

    Raises:
        UsageError: The folder is missing or holds no log.
    """
    files = [file for file in storage.list_files(folder) if file.name.endswith(".mcap")]
    if not files:
        exists, is_folder = os.path.exists(folder), os.path.isdir(folder) or storage.is_remote(folder)
        found = "a folder without any" if is_folder else "a file" if exists else "nothing"
        expected = f"No logs in {folder!r}. Expected a folder of .mcap logs, found {found}."
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


def _assemble(parts: dict[str, list[bytes]]) -> Trial:
    """A trial from its messages.

    Raises:
        ValueError: They do not fit the schema; so do the other exceptions of `_UNFIT`.
    """
    (start,), (end,) = ([json.loads(message) for message in parts[topic]] for topic in (START, END))
    poses = [json.loads(message) for message in parts.get(POSE, [])]
    initial, images = ([_jpeg(message) for message in parts.get(topic, [])] for topic in (INITIAL_IMAGE, IMAGE))
    if len(poses) != end["num_steps"] or (images and len(images) != len(poses)):
        raise ValueError(f"{len(poses)} poses and {len(images)} images for {end['num_steps']} steps")
    scene = start["scene"]
    return Trial(
        **_typed(start, trial_id=str, task=str, seed=int, index=int, policy=str, policy_digest=str),
        gripper_poses=np.array([_pose(message) for message in poses]).reshape(-1, 4),
        final_pose=_pose(end["final_pose"]),
        **_typed(end, success=bool, label_source=str, stop_reason=str),
        scene=scene and Scene(tuple(map(str, scene["objects"])), _numbers(scene["poses"]).reshape(-1, 7)),
        initial_image=initial[0] if initial else None,
        images=tuple(images),
    )


def _name(parts: dict[str, list[bytes]]) -> str:
    """The id of a trial that is not complete."""
    try:
        return str(json.loads(parts[START][0])["trial_id"])[:100]
    except _UNFIT:
        return "without a name"


def _line(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())[:100] or type(error).__name__


def _typed(message: dict[str, Any], **kinds: type) -> dict[str, Any]:
    for name, kind in kinds.items():
        if type(message[name]) is not kind:
            raise ValueError(f"{name} is {message[name]!r:.40}, not of type {kind.__name__}")
    return {name: message[name] for name in kinds}


def _jpeg(message: bytes) -> bytes:
    return base64.b64decode(json.loads(message)["data"])


def _pose(message: dict[str, float]) -> NDArray[np.float64]:
    return _numbers([message[name] for name in ("x", "y", "z", "yaw")])


def _numbers(values: list[Any]) -> NDArray[np.float64]:
    return np.array(values, dtype=np.float64)
