"""Logs of grasp trials: MCAP files, one chunk with its own checksum per trial.

MCAP is the robotics community's container and opens in Foxglove. Each trial is flushed as it ends,
so a killed process loses at most the trial it was writing; a file without its footer is read to where
it ends. Timestamps count up from the trial's index, so that a file's bytes depend on its trials alone.
"""

import json
import os
import pathlib
from collections.abc import Iterator
from types import TracebackType

from mcap.writer import MCAP0_MAGIC, CompressionType, Writer

from grasp_pipelines import storage
from grasp_pipelines.log_chunks import CUT_OFF, EMPTY, Damage, Report, read_chunks
from grasp_pipelines.log_messages import UNFIT, messages_of_trial, trial_of_messages
from grasp_pipelines.log_schema import END, PROFILE, SCHEMAS, START, software_versions
from grasp_pipelines.storage import StoredFile
from grasp_tfp.errors import GraspError, UsageError
from grasp_tfp.trial import Trial

__all__ = ["MalformedLog", "TrialWriter", "find_logs", "is_finished", "log_files", "read_trials"]

WHOLE_TRIAL = 2**31
"""Larger than any trial, so that only the end of a trial ends a chunk [bytes]."""


NO_END = "its end record is missing"
"""Why a trial is void that began."""


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
        for topic, time, message in list(messages_of_trial(trial)):
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
                    trial = trial_of_messages(parts)
                except UNFIT as error:
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


def _name(parts: dict[str, list[bytes]]) -> str:
    """The id of a trial that is not complete."""
    try:
        return str(json.loads(parts[START][0])["trial_id"])[:100]
    except UNFIT:
        return "without a name"


def _line(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())[:100] or type(error).__name__
