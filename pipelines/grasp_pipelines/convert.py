"""Logs in, a TFDS dataset of per-step examples out: one linear Beam pipeline with one element per output shard.

No image crosses Beam, so memory is one trial and an index per worker whatever the size of the logs, and the
pipeline runs on any Beam runner. The same logs give the same bytes for any runner and number of workers.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence

from grasp_datasets import schema
from grasp_pipelines import storage
from grasp_pipelines.beam_map import polled, run_map
from grasp_pipelines.beam_options import beam_options
from grasp_pipelines.log_schema import software_versions
from grasp_pipelines.metadata import write_metadata
from grasp_pipelines.output_folder import claimed, discard, give_name, refuse_used
from grasp_pipelines.shard_results import (
    Problem,
    ShardResult,
    added,
    count_results,
    problems,
    read_results,
    result_file,
)
from grasp_pipelines.shards import SPLIT_BY, Settings, Shard, convert_shard, plan_shards
from grasp_pipelines.sources.source import find_source
from grasp_pipelines.storage import StoredFile
from grasp_tfp.errors import GraspError

__all__ = ["ConversionReport", "convert"]

POLL, REMOTE_POLL = 0.25, 10.0
"""Time between two looks at what is finished, in a local folder and in a remote one [s]."""

AGAIN = "Run the same command again to go on with the finished shards."

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

    problems: tuple[Problem, ...]
    """Everything of the logs that is not in the dataset, in their order."""

    @property
    def damaged(self) -> int:
        """How many logs are damaged."""
        return len({problem.log for problem in self.problems if problem.damage})


def convert(
    logs: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    image_size: int = 64,
    seed: int = 0,
    failures: float = 1.0,
    views: int = 0,
    split_by: str = SPLIT_BY[0],
    source: str | None = None,
    overwrite: bool = False,
    workers: int | None = None,
    beam_args: Sequence[str] = (),
    progress: Progress | None = None,
) -> ConversionReport:
    """Converts a folder of logs; afterwards `out` is complete, or as it was.

    Shards are built beside it, in `OUT.partial`. If the conversion is interrupted, the same call again goes on
    with the finished ones.

    Args:
        logs: Folder with `.mcap` logs, or a dataset that a source recognises; local or on any of Beam's file systems,
            such as `gs://bucket/logs`.
        out: Folder for the dataset, missing or empty; likewise.
        image_size: Height and width of the images rendered for trials without any [pixels].
        seed: Of the order of the records inside each shard, and of the views.
        failures: Share of the failed trials to keep; chosen by a hash of the trial's id.
        views: How often to see each simulated training grasp again, elsewhere and from another gripper pose.
        split_by: What is kept in one split as a whole: `trial` or `session`, see `shards.SPLIT_BY`.
        source: Name of what reads `logs`; by default the first source that recognises it.
        overwrite: Whether to replace a dataset in `out`.
        workers: Processes; one per core by default.
        beam_args: Options for Beam, such as `--runner=...`.
        progress: Called with the shards done and the shards in all.

    Raises:
        UsageError: There are no logs, `out` is in use, or Beam does not know an option.
        GraspError: No trial is usable, or Beam stopped.
    """
    started = time.perf_counter()
    logs, out = storage.absolute(logs), storage.absolute(out)
    if any(map(storage.is_remote, (logs, out))):
        storage.use_options(beam_options(beam_args))
    opened = find_source(logs, source)
    found = opened.files()
    shards = plan_shards(found, split_by)
    size = opened.image_size or image_size
    settings = Settings(f"{out}.partial", opened, size, seed, failures, views, split_by)
    plan = _plan(settings, found)
    refuse_used(out, settings.folder, plan, overwrite)
    with claimed(settings.folder, plan):
        with _watched(settings.folder, len(shards), progress):
            results = _converted(shards, settings, workers, beam_args)
        if not added(results, "examples"):
            discard(settings.folder)
            raise GraspError(_nothing_found(logs, results))
        names = write_metadata(settings, results)
        give_name(settings.folder, out, names)
    sizes = [file.size for file in storage.list_files(out)]
    return ConversionReport(
        logs=len(found),
        trials=sum(result.trials for result in results),
        successes=sum(result.successes for result in results),
        examples=added(results, "examples"),
        files=sum(".tfrecord-" in name for name in names),
        bytes=sum(sizes),
        seconds=time.perf_counter() - started,
        skipped=added(results, "skipped"),
        problems=problems(results),
    )


def _plan(settings: Settings, logs: Sequence[StoredFile]) -> bytes:
    """Describes a conversion: the same plan gives the same shards."""
    described = {"folder": None, "source": settings.source.describe()}
    made_with = {**vars(settings), **described, "version": schema.VERSION, "software": software_versions()}
    return json.dumps({"settings": made_with, "logs": logs}, indent=1).encode()


def _converted(
    shards: Sequence[Shard], settings: Settings, workers: int | None, beam_args: Sequence[str]
) -> list[ShardResult]:
    """Converts the shards that are not finished, and once more, without them, those that repeat a trial."""
    results = read_results(settings.folder)
    _run([shard for shard in shards if shard.index not in results], settings, workers, beam_args)
    results = read_results(settings.folder)
    repeated = _repeated(results)
    again = [dataclasses.replace(shards[index], repeated=trials) for index, trials in repeated.items()]
    storage.delete([result_file(settings.folder, shard.index) for shard in again])
    _run(again, settings, workers, beam_args)
    results = read_results(settings.folder)
    if missing := len(shards) - len(results):
        raise GraspError(f"Beam ended without {missing} of {len(shards)} shards. {AGAIN}")
    return list(results.values())


def _repeated(results: dict[int, ShardResult]) -> dict[int, frozenset[str]]:
    """The trials of each shard that a shard before it has already."""
    seen = set[str]()
    repeated = {}
    for index, result in results.items():
        if found := seen.intersection(result.ids):
            repeated[index] = frozenset(found)
        seen.update(result.ids)
    return repeated


def _run(shards: Sequence[Shard], settings: Settings, workers: int | None, beam_args: Sequence[str]) -> None:
    if not shards:
        return
    with tempfile.TemporaryDirectory() as folder:
        run_map(
            "Convert",
            convert_shard,
            shards,
            settings,
            workers=workers,
            beam_args=beam_args,
            printed=pathlib.Path(folder) / "workers.txt",
            failed=f"The conversion stopped. {AGAIN} The reason",
        )


def _nothing_found(logs: str, results: Sequence[ShardResult]) -> str:
    reasons = [f"{reason} ({count} trials)" for reason, count in added(results, "skipped").items()]
    reasons += [f"{problem.log}: {problem.reason}" for problem in problems(results) if problem.damage]
    return (
        f"No examples in {logs!r}: expected complete trials in its {sum(len(r.logs) for r in results)} logs, "
        f"found {'; '.join(reasons) or 'none'}. Run `graspctl collect --sim` into a new folder."
    )


@contextlib.contextmanager
def _watched(folder: str, total: int, progress: Progress | None) -> Iterator[None]:
    """Tells `progress` how many shards are finished."""
    if progress is None:
        yield
        return

    def look() -> None:
        progress(count_results(folder), total)

    with polled(look, REMOTE_POLL if storage.is_remote(folder) else POLL):
        yield
    look()
