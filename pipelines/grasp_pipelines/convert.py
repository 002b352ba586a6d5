"""Logs in, a TFDS dataset of per-step examples out: one linear Beam pipeline with one element per output shard.

No image crosses Beam, so memory is one shard per worker whatever the size of the logs, and the pipeline
runs on any Beam runner. The same logs give the same bytes for any runner and number of workers.
"""

import contextlib
import dataclasses
import os
import pathlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from grasp_pipelines.beam_map import run_map
from grasp_pipelines.metadata import write_metadata
from grasp_pipelines.shards import (
    Settings,
    ShardResult,
    added,
    convert_shard,
    count_results,
    plan_shards,
    take_results,
)
from grasp_pipelines.trial_log import log_files
from grasp_tfp.errors import GraspError, UsageError

__all__ = ["ConversionReport", "convert"]

Progress = Callable[[int, int], None]


@dataclasses.dataclass(frozen=True)
class ConversionReport:
    """What a conversion did."""

    logs: int
    trials: int
    """Usable trials found."""

    successes: int
    examples: dict[str, int]
    """Records in each split."""

    files: int
    """Record files written."""

    bytes: int
    """Size of the dataset."""

    seconds: float
    skipped: dict[str, int]
    """Trials that no example could be made of, by reason."""

    damaged: tuple[str, ...]
    """Name and reason of each log that could not be read to its end; the trials before that are in."""


def convert(
    logs: pathlib.Path,
    out: pathlib.Path,
    *,
    image_size: int = 64,
    seed: int = 0,
    failures: float = 1.0,
    workers: int | None = None,
    beam_args: Sequence[str] = (),
    progress: Progress | None = None,
) -> ConversionReport:
    """Converts a folder of logs; afterwards `out` is complete, or as it was.

    Args:
        logs: Folder with `.mcap` logs.
        out: Folder for the dataset, missing or empty.
        image_size: Height and width of the images rendered for trials without any [pixels].
        seed: Of the order of the records inside each shard.
        failures: Share of the failed trials to keep; chosen by a hash of the trial's id.
        workers: Processes; one per core by default.
        beam_args: Options for Beam, such as `--runner=...`.
        progress: Called with the shards done and the shards in all.

    Raises:
        UsageError: There are no logs, or `out` is in use.
        GraspError: No trial is usable, or Beam stopped.
    """
    started = time.perf_counter()
    shards = plan_shards([path.absolute() for path in log_files(logs)])
    _refuse_used(out)
    with _built_aside(out.absolute()) as folder:
        settings = Settings(folder, image_size, seed, failures)
        with _watched(folder, len(shards), progress):
            run_map(
                "Convert",
                convert_shard,
                shards,
                settings,
                workers=workers,
                beam_args=beam_args,
                printed=folder / "workers.part",
                failed="The conversion stopped and left nothing behind",
            )
        results = take_results(folder)
        _refuse_empty(logs, results)
        write_metadata(settings, results)
    return _report(out, results, time.perf_counter() - started)


def _refuse_used(out: pathlib.Path) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        found = "a folder with files in it" if out.is_dir() else "a file"
        expected = f"Cannot convert into {str(out)!r}: expected a new or empty folder, found {found}."
        raise UsageError(f"{expected} Remove it or name another.")


def _refuse_empty(logs: pathlib.Path, results: list[ShardResult]) -> None:
    if not added(results, "examples"):
        reasons = [f"{reason} ({count} trials)" for reason, count in added(results, "skipped").items()]
        reasons += [line for result in results for line in result.damaged]
        raise GraspError(
            f"No examples in {str(logs)!r}: expected complete trials in its {sum(len(r.logs) for r in results)} logs, "
            f"found {'; '.join(reasons) or 'none'}. Run `graspctl collect --sim` into a new folder."
        )


@contextlib.contextmanager
def _built_aside(out: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yields a new folder beside `out` that takes its name at the end, or vanishes if anything fails."""
    folder = out.with_name(f"{out.name}.partial-{os.getpid()}")
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise UsageError(
            f"Cannot create {str(folder)!r}: {error.strerror}. Name a folder that can be written."
        ) from error
    try:
        yield folder
        folder.replace(out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _watched(folder: pathlib.Path, total: int, progress: Progress | None) -> Iterator[None]:
    """Tells `progress` how many shards are finished, which Beam itself hides."""
    if progress is None:
        yield
        return
    finished = threading.Event()

    def watch() -> None:
        while not finished.wait(0.25):
            progress(count_results(folder), total)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
    progress(count_results(folder), total)


def _report(out: pathlib.Path, results: list[ShardResult], seconds: float) -> ConversionReport:
    sizes = {path.name: path.stat().st_size for path in out.iterdir()}
    return ConversionReport(
        logs=sum(len(result.logs) for result in results),
        trials=sum(result.trials for result in results),
        successes=sum(result.successes for result in results),
        examples=added(results, "examples"),
        files=sum(".tfrecord-" in name for name in sizes),
        bytes=sum(sizes.values()),
        seconds=seconds,
        skipped=added(results, "skipped"),
        damaged=tuple(line for result in results for line in result.damaged),
    )
