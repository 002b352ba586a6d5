"""Collection on any Beam runner: map-only, one element for each shard.

The workers note what each finished shard held in a folder beside the logs, because runners differ in what
they hand back; a shard that a runner tries twice, even at once, ends as the same bytes.
"""

import json
import pathlib
import threading
import time
from collections.abc import Callable, Sequence

from grasp_pipelines import storage
from grasp_pipelines.beam_map import polled, run_map
from grasp_pipelines.collect_remote import collect_remote_shard
from grasp_pipelines.collect_shard import UNFINISHED, Shard, collect_shard
from grasp_pipelines.collect_workers import POLL, Tally

__all__ = ["collect_with_beam"]

REMOTE_POLL = 5.0
"""The same as `POLL` where each look is a request over the network [s]."""


def collect_with_beam(
    out: str,
    shards: Sequence[Shard],
    workers: int | None,
    beam_args: Sequence[str],
    progress: Callable[[Tally], None],
) -> tuple[Tally, bool]:
    """Collects shards on a Beam runner whose workers reach the folder under the same path or URL.

    Args:
        out: Folder of the logs; its folder `UNFINISHED` takes what the workers report.
        shards: What to collect, all in one folder of this machine: `out`, or a temporary one if that is remote.
        workers: Processes of this machine where no other runner is asked for.
        beam_args: Options for Beam, such as `--runner=...`.
        progress: Called four times a second; it counts finished shards only.

    Returns:
        What was done, and whether it was interrupted.

    Raises:
        UsageError: Beam cannot run with these options.
        GraspError: Beam stopped.
    """
    notes = _Notes(f"{out}/{UNFINISHED}")
    printed = pathlib.Path(shards[0].out, UNFINISHED, "workers.txt")
    printed.parent.mkdir()
    with polled(lambda: progress(notes.tally()), REMOTE_POLL if storage.is_remote(out) else POLL):
        try:
            run_map(
                "Collect",
                _collect_for_beam,
                shards,
                out,
                workers=workers,
                beam_args=beam_args,
                printed=printed,
                failed="The collection stopped; the finished logs are kept, run the same command again to go on",
            )
        except KeyboardInterrupt:
            return notes.tally(), True
    return notes.tally(), False


def _collect_for_beam(shard: Shard, out: str) -> None:
    """Collects a shard and notes what it held."""
    counts = {True: 0, False: 0}
    successes = 0
    began = time.process_time()

    def count(kept: bool, success: bool) -> None:
        nonlocal successes
        counts[kept] += 1
        successes += success

    if storage.is_remote(out):
        collect_remote_shard(shard, out, count)
    else:
        collect_shard(shard, count, visible=False)
    tally = Tally(counts[False], counts[True], successes, time.process_time() - began)
    storage.write(f"{out}/{UNFINISHED}/{shard.path.name}.json", json.dumps(tally).encode())


class _Notes:
    """What the workers noted in a folder; each note is read once."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._read: dict[str, Tally] = {}
        self._lock = threading.Lock()

    def tally(self) -> Tally:
        """The sum of all notes."""
        with self._lock:
            for file in storage.list_files(self._folder):
                if file.name.endswith(".json") and file.name not in self._read:
                    self._read[file.name] = Tally(*json.loads(storage.read(file.path) or b"[]"))
            tallies = list(self._read.values())
        new, kept, successes, cpu_seconds = (sum(column) for column in zip(Tally(), *tallies, strict=True))
        return Tally(int(new), int(kept), int(successes), cpu_seconds)
