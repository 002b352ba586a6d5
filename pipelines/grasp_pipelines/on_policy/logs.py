"""The logs of an on-policy training: what they gained since the last look, and their ends if a writer was killed."""

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from grasp_pipelines.trial_log import TrialWriter, is_finished, read_trials
from grasp_tfp.trial import Trial

__all__ = ["LogFollower", "complete_logs"]

UNFINISHED = ".unfinished"


class LogFollower:
    """Reads the trials that logs gained since the last time.

    Args:
        folder: Of the logs; one that does not exist yet counts as empty.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read: dict[Path, tuple[int, int]] = {}
        self._whole: set[Path] = set()

    def __call__(self) -> Iterator[Trial]:
        """Yields each trial once."""
        for path in sorted(self._folder.glob("*.mcap")):
            if path in self._whole:
                continue
            size, seen = self._read.get(path, (-1, 0))
            found, finished = path.stat().st_size, is_finished(path)
            if found != size:
                for number, trial in enumerate(read_trials(path)):
                    if number >= seen:
                        seen += 1
                        yield trial
                self._read[path] = found, seen
            if finished:
                self._whole.add(path)


def complete_logs(folder: Path) -> None:
    """Gives logs whose writer was killed their ends, so that every reader takes them for whole."""
    aside = folder / UNFINISHED
    for path in sorted(folder.glob("*.mcap")):
        if is_finished(path):
            continue
        aside.mkdir(exist_ok=True)
        copy = aside / f"{path.name}.{uuid.uuid4().hex}"
        with TrialWriter(copy) as writer:
            for trial in read_trials(path):
                writer.write(trial)
        os.replace(copy, path)
    shutil.rmtree(aside, ignore_errors=True)
