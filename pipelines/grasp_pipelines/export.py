"""Whole trials out of logs into another toolkit's format; the folder appears complete or not at all."""

import dataclasses
import functools
import hashlib
import os
import pathlib
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator

from grasp_datasets import schema
from grasp_pipelines import storage
from grasp_pipelines.exports.episode import EpisodeWriter, episode_of_trial
from grasp_pipelines.log_chunks import Damage
from grasp_pipelines.output_folder import claimed, give_name
from grasp_pipelines.shards import REPEATED, is_kept, split_of
from grasp_pipelines.sources.source import Source, find_source
from grasp_pipelines.steps import TrialImages, UnusableTrial
from grasp_pipelines.storage import StoredFile
from grasp_tfp.errors import GraspError, UsageError, unknown_name
from grasp_tfp.extras import require
from grasp_tfp.trial import Trial

__all__ = ["FORMATS", "ExportReport", "export"]

FORMATS = ("lerobot", "rlds")

Progress = Callable[[int, int, str], None]


@dataclasses.dataclass
class ExportReport:
    """What an export did."""

    trials: int = 0
    """Episodes written."""

    successes: int = 0
    steps: int = 0
    files: int = 0
    bytes: int = 0
    seconds: float = 0.0
    skipped: dict[str, int] = dataclasses.field(default_factory=Counter)
    """Trials that no episode could be made of, by reason."""

    damaged: dict[str, str] = dataclasses.field(default_factory=dict)
    """What cannot be read of a log."""


def export(
    logs: str | os.PathLike[str],
    out: str | os.PathLike[str],
    format: str,
    *,
    image_size: int = 64,
    failures: float = 1.0,
    source: str | None = None,
    progress: Progress | None = None,
) -> ExportReport:
    """Writes the trials of a folder of logs as episodes; the same logs give the same bytes.

    Args:
        logs: Folder with `.mcap` logs, or a dataset that a source recognises, as `convert` takes it.
        out: Folder to make, missing or empty.
        format: One of `FORMATS`.
        image_size: Height and width of the images rendered for trials without any [pixels].
        failures: Share of the failed trials to keep; the same trials as `convert` keeps.
        source: Name of what reads `logs`; by default the first source that recognises it.
        progress: Called with the logs done, the logs in all, and what is written.

    Raises:
        UsageError: There are no logs, `out` is in use, or the format needs what is not installed.
        GraspError: No trial is usable, or `out` cannot be written.
    """
    started = time.perf_counter()
    logs, out = storage.absolute(logs), storage.absolute(out)
    _check_folders(logs, out)
    make = _writer(format)
    opened = find_source(logs, source)
    report = ExportReport()
    with claimed(f"{out}.partial", uuid.uuid4().bytes):
        folder = pathlib.Path(f"{out}.partial")
        writer = make(folder)
        try:
            trials = _trials(opened, folder, report, progress)
            _write(trials, writer, TrialImages(opened.image_size or image_size), failures, report)
            writer.close()
        except OSError as error:
            reason = f"{error.strerror or error}. Make room or name another folder."
            raise GraspError(f"Cannot write {out!r}: {reason}") from error
        finally:
            writer.discard()
        give_name(str(folder), out, [path.name for path in folder.iterdir() if path.name != "plan.json"])
    written = [path for path in pathlib.Path(out).rglob("*") if path.is_file()]
    report.files, report.bytes = len(written), sum(path.stat().st_size for path in written)
    report.seconds = time.perf_counter() - started
    return report


def _check_folders(logs: str, out: str) -> None:
    if storage.is_remote(out):
        raise UsageError(f"Cannot export to {out!r}: expected a folder of this machine. Copy it there afterwards.")
    if os.path.exists(out) and (not os.path.isdir(out) or os.listdir(out)):
        found = "a folder with files in it" if os.path.isdir(out) else "a file"
        raise UsageError(f"Cannot export to {out!r}: expected a new or empty folder, found {found}. Name another.")
    if storage.exists(f"{logs}/{schema.METADATA_FILE}"):
        raise UsageError(
            f"Cannot export {logs!r}: a dataset of convert holds steps in mixed order, and whole trials are expected. "
            "Name the logs that it was made from."
        )


def _writer(format: str) -> Callable[[pathlib.Path], EpisodeWriter]:
    if format == "rlds":
        from grasp_pipelines.exports.rlds import RldsWriter

        return RldsWriter
    if format == "lerobot":
        for package in ("av", "pyarrow"):
            require(package, "lerobot", "write MP4 and Parquet")
        from grasp_pipelines.exports.lerobot import LeRobotWriter

        return LeRobotWriter
    raise unknown_name("format", format, FORMATS)


def _trials(source: Source, folder: pathlib.Path, report: ExportReport, progress: Progress | None) -> Iterator[Trial]:
    """The sound trials of all logs, each once."""
    files, seen = source.files(), set[bytes]()
    for done, file in enumerate(files):
        with storage.scratch(str(folder)) as room, storage.fetched(file.path, room) as local:
            for trial in source.trials(local, file.name, functools.partial(_note, report, file)):
                name = hashlib.blake2b(trial.trial_id.encode(), digest_size=8).digest()
                if name in seen:
                    report.skipped[REPEATED] += 1
                    continue
                seen.add(name)
                yield trial
        if progress is not None:
            progress(done + 1, len(files), f"{report.trials} trials")


def _note(report: ExportReport, file: StoredFile, damage: Damage) -> None:
    if damage.trial is None:
        report.damaged.setdefault(file.name, f"byte {damage.offset}: {damage.reason}")
    else:
        report.skipped[damage.reason] += 1


def _write(
    trials: Iterator[Trial], writer: EpisodeWriter, images: TrialImages, failures: float, report: ExportReport
) -> None:
    for trial in trials:
        if not is_kept(trial, failures):
            continue
        try:
            episode = episode_of_trial(trial, images)
            writer.add(episode, split_of(trial))
        except UnusableTrial as reason:
            report.skipped[str(reason)] += 1
            continue
        report.trials += 1
        report.successes += trial.success
        report.steps += len(episode)
    if not report.trials:
        reasons = [f"{count} {reason}" for reason, count in report.skipped.items()]
        found = "; ".join([*reasons, *report.damaged.values()]) or "none"
        raise GraspError(f"No trials to export: expected complete trials in the logs, found {found}. Collect more.")
