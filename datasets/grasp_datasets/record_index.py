"""Where each record of a dataset's files lies and whether its trial succeeded, found while the files are read."""

import concurrent.futures
import pathlib
import threading
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from grasp_datasets.schema import is_success
from grasp_datasets.tfrecord import read_records

__all__ = ["EXAMPLES", "FAILURES", "SUCCESSES", "FileIndex", "RecordIndex"]

EXAMPLES, SUCCESSES, FAILURES = "examples", "successes", "failures"
"""All records of a file, and those of successful and of failed trials."""

KEPT_FILES = 1024
"""Files whose index is kept; of a thousand records, it takes 32 KB."""

FileIndex = dict[str, NDArray[np.int64]]
"""Where the records of each kind lie in a file: offset and length of content [bytes], (n, 2)."""


class RecordIndex:
    """The records of some files, each file looked through when it is first needed, or ahead of that by a thread.

    Args:
        paths: The files.
    """

    def __init__(self, paths: Sequence[pathlib.Path]) -> None:
        self._paths = paths
        self._found: dict[int, concurrent.futures.Future[FileIndex]] = {}
        self._lock = threading.Lock()
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "index")

    def __getitem__(self, number: int) -> FileIndex:
        """The records of a file.

        Raises:
            DamagedRecords: The file is damaged.
        """
        return self._started(number).result()

    def prepare(self, numbers: Iterable[int]) -> None:
        """Starts to look through files that will be needed soon."""
        for number in numbers:
            self._started(number)

    def _started(self, number: int) -> concurrent.futures.Future[FileIndex]:
        with self._lock:
            if number not in self._found:
                if len(self._found) >= KEPT_FILES:
                    del self._found[next(iter(self._found))]
                self._found[number] = self._thread.submit(_index, self._paths[number])
            return self._found[number]


def _index(path: pathlib.Path) -> FileIndex:
    found = [(offset, len(record), is_success(record)) for offset, record in read_records(path)]
    rows = np.array(found, np.int64).reshape(-1, 3)
    places, successes = rows[:, :2], rows[:, 2].astype(bool)
    return {EXAMPLES: places, SUCCESSES: places[successes], FAILURES: places[~successes]}
