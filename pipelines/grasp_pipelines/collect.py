"""Collection of trials into a folder of logs, on this machine or on any Beam runner.

Every shard of trials is one log, written by one process. A trial is a function of its recipe and index,
so the same seed gives the same files on one worker or many, in one go or in pieces, here or on a remote file system.
"""

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import shutil
import time
from collections.abc import Callable, Iterator, Sequence

from grasp_pipelines import storage
from grasp_pipelines.beam_map import cores
from grasp_pipelines.beam_options import beam_options
from grasp_pipelines.collect_beam import collect_with_beam
from grasp_pipelines.collect_remote import claimed_remotely
from grasp_pipelines.collect_shard import LOG_NAME, UNFINISHED, Recipe, Shard, check_trial
from grasp_pipelines.collect_workers import Tally, collect_in_processes
from grasp_pipelines.trial_log import MalformedLog, read_trials
from grasp_tfp.errors import GraspError, UsageError
from grasp_tfp.policies.actor import ExploringPolicy
from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.robots.views import check_view
from grasp_tfp.sim.tasks import find_task

__all__ = ["SHARD_TRIALS", "CollectionReport", "Progress", "collect"]

SHARD_TRIALS = 1000
"""Trials in one log."""

PATIENCE = 1.0
"""How long to wait for another collection into the same folder to end [s]."""

Progress = Callable[[Tally, int], None]
"""Told how far the collection is, and how many trials are asked for."""


@dataclasses.dataclass(frozen=True)
class CollectionReport:
    """What a collection did."""

    trials: int
    """Trials of this task and seed in the folder."""

    new: int
    """How many of them this collection ran."""

    successes: int
    """Successes among `trials`."""

    seconds: float
    cpu_seconds: float
    files: int
    """Logs in the folder."""

    bytes: int
    """Size of the logs."""

    interrupted: bool
    """Whether it was stopped before all trials were run."""


def collect(
    out: pathlib.Path | str,
    *,
    task: str = "blocks",
    trials: int,
    seed: int = 0,
    bundle: pathlib.Path | None = None,
    images: int | None = None,
    workers: int | None = None,
    beam_args: Sequence[str] = (),
    progress: Progress | None = None,
    view: str | None = None,
) -> CollectionReport:
    """Runs grasp trials in the simulator and logs them; the same call again continues where it was stopped.

    The folder may hold logs of other tasks and seeds; they stay as they are.

    Args:
        out: Folder for the logs, or a URL such as `gs://bucket/logs`; into one of those, Beam runs the shards.
        task: What lies in the tray.
        trials: How many trials of this task and seed the folder shall hold, from index 0.
        seed: Start of every random choice.
        bundle: Policy bundle that proposes the actions, see `ExploringPolicy`; None for random actions.
        images: Height and width of the images to log [pixels]; None to log states only.
        workers: Processes; one per core by default.
        beam_args: Options for Beam, such as `--runner=...`, which then runs the shards instead of processes.
        progress: Called now and then, and at the end.
        view: Where the first process shows its trials, see `viewer.open_viewer`; not with Beam.

    Raises:
        UsageError: The task is unknown, or the folder holds something else.
        GraspError: A log cannot be written, or a worker failed.
    """
    find_task(task)
    if view is not None:
        if beam_args or storage.is_remote(os.fspath(out)):
            raise UsageError("Expected --view with processes of this machine, received Beam. Leave one of them out.")
        check_view(view)
    started = time.perf_counter()
    folder, recipe = storage.absolute(out), _recipe(task, seed, bundle, images)

    def tell(tally: Tally) -> None:
        if progress:
            progress(tally, trials)

    with contextlib.ExitStack() as stack:
        if remote := storage.is_remote(folder):
            storage.use_options(beam_options(beam_args))
            local = stack.enter_context(claimed_remotely(folder, f"{task}-{seed}-"))
        else:
            local = stack.enter_context(_claimed(pathlib.Path(folder)))
        shards = _plan(local, recipe, trials)
        _check_logs(shards, trials)
        if beam_args or remote:
            tally, interrupted = collect_with_beam(folder, shards, workers, beam_args, tell)
        else:
            tally, interrupted = collect_in_processes(shards, min(workers or cores(), len(shards)), tell, view)
        tell(tally)
    sizes = [file.size for file in storage.list_files(folder) if file.name.endswith(".mcap")]
    return CollectionReport(
        trials=tally.new + tally.kept,
        new=tally.new,
        successes=tally.successes,
        seconds=time.perf_counter() - started,
        cpu_seconds=tally.cpu_seconds,
        files=len(sizes),
        bytes=sum(sizes),
        interrupted=interrupted,
    )


def _recipe(task: str, seed: int, bundle: pathlib.Path | None, images: int | None) -> Recipe:
    if bundle is None:
        return Recipe(task, seed, RandomPolicy.name, images=images)
    try:
        digest = str(json.loads((bundle / "manifest.json").read_bytes())["digest"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"No policy bundle in {str(bundle)!r}. Expected one of `graspctl train`.") from error
    return Recipe(task, seed, ExploringPolicy.name, digest, bundle.absolute(), images)


def _plan(out: pathlib.Path, recipe: Recipe, trials: int) -> list[Shard]:
    starts = range(0, trials, SHARD_TRIALS)
    return [Shard(out, recipe, start, min(start + SHARD_TRIALS, trials)) for start in starts]


@contextlib.contextmanager
def _claimed(out: pathlib.Path) -> Iterator[pathlib.Path]:
    """Makes the folder, refuses foreign files in it, and keeps other collections out until the end."""
    unfinished = out / UNFINISHED
    try:
        out.mkdir(parents=True, exist_ok=True)
        folder = os.open(out, os.O_RDONLY)
    except OSError as error:
        raise GraspError(
            f"Cannot create the folder {str(out)!r}: {error.strerror}. Use --out with another path."
        ) from error
    try:
        _lock(out, folder)
        foreign = sorted(
            path.name for path in out.iterdir() if path != unfinished and not LOG_NAME.fullmatch(path.name)
        )
        if foreign:
            raise UsageError(
                f"Cannot collect into {str(out)!r}: expected a new folder or one with logs only, found {foreign[0]!r}. "
                "Use --out NEW."
            )
        shutil.rmtree(unfinished, ignore_errors=True)
        try:
            yield out
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    finally:
        os.close(folder)


def _lock(out: pathlib.Path, folder: int) -> None:
    """Waits a moment for the lock, as the processes of a killed collection take one to end."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise UsageError(
                    f"Another collection is writing into {str(out)!r}. Wait for it to end, or use --out NEW."
                ) from None
            time.sleep(0.02)
        except OSError:
            return  # a network file system without locks


def _check_logs(shards: Sequence[Shard], trials: int) -> None:
    """Refuses logs of the same task and seed that are not the beginning of what was asked for."""
    last, planned = shards[-1], {shard.path: shard for shard in shards}
    for path in sorted(last.out.glob(f"{last.recipe.task}-{last.recipe.seed}-*.mcap")):
        found = LOG_NAME.fullmatch(path.name)
        if not found or (found["task"], int(found["seed"])) != (last.recipe.task, last.recipe.seed):
            continue
        try:
            indices = range(int(found["start"]), trials)
            reader = read_trials(path)
            for index, trial in zip(indices, reader, strict=False):
                check_trial(trial, last.recipe, index, path)
                if path != last.path:
                    break
            surplus = path not in planned or (path == last.path and next(reader, None) is not None)
        except MalformedLog as error:
            raise GraspError(f"{error} Then run the same command again.") from error
        if surplus:
            raise UsageError(
                f"{str(last.out)!r} holds more trials than {trials}: see {path.name}. Raise --trials or use --out NEW."
            )
