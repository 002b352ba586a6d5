"""Collection on any Beam runner: map-only, one element for each shard.

The workers note what each finished shard held in a folder beside the logs, because runners differ in what
they hand back; a shard that a runner tries twice, even at once, ends as the same bytes.
"""

import contextlib
import json
import pathlib
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence

from grasp_pipelines.beam_map import run_map
from grasp_pipelines.collect_shard import Shard, collect_shard
from grasp_pipelines.collect_workers import POLL, Tally

__all__ = ["collect_with_beam"]


def collect_with_beam(
    notes: pathlib.Path,
    shards: Sequence[Shard],
    workers: int | None,
    beam_args: Sequence[str],
    progress: Callable[[Tally], None],
) -> tuple[Tally, bool]:
    """Collects shards on a Beam runner whose workers reach the folder under the same path.

    Args:
        notes: Folder to create for what the workers report.
        shards: What to collect.
        workers: Processes of this machine where no other runner is asked for.
        beam_args: Options for Beam, such as `--runner=...`.
        progress: Called four times a second; it counts finished shards only.

    Returns:
        What was done, and whether it was interrupted.

    Raises:
        UsageError: Beam cannot run with these options.
        GraspError: Beam stopped.
    """
    notes.mkdir()
    with _polled(lambda: progress(_noted(notes))):
        try:
            run_map(
                "Collect",
                _collect_for_beam,
                shards,
                notes,
                workers=workers,
                beam_args=beam_args,
                printed=notes / "workers.txt",
                failed="The collection stopped; the finished logs are kept, run the same command again to go on",
            )
        except KeyboardInterrupt:
            return _noted(notes), True
    return _noted(notes), False


def _collect_for_beam(shard: Shard, notes: pathlib.Path) -> None:
    """Collects a shard and notes what it held."""
    counts = {True: 0, False: 0}
    successes = 0
    began = time.process_time()

    def count(kept: bool, success: bool) -> None:
        nonlocal successes
        counts[kept] += 1
        successes += success

    collect_shard(shard, count, visible=False)
    note = notes / f"{shard.path.name}.json"
    partial = note.with_suffix(f".{uuid.uuid4().hex}")
    partial.write_text(json.dumps(Tally(counts[False], counts[True], successes, time.process_time() - began)))
    partial.replace(note)


def _noted(notes: pathlib.Path) -> Tally:
    tallies = [Tally(*json.loads(path.read_bytes())) for path in notes.glob("*.json")]
    new, kept, successes, cpu_seconds = (sum(column) for column in zip(Tally(), *tallies, strict=True))
    return Tally(int(new), int(kept), int(successes), cpu_seconds)


@contextlib.contextmanager
def _polled(look: Callable[[], None]) -> Iterator[None]:
    """Calls `look` now and then, as Beam itself reports nothing."""
    finished = threading.Event()

    def poll() -> None:
        while not finished.wait(POLL):
            look()

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    try:
        yield
    finally:
        finished.set()
        thread.join()
