"""The order of reading, a function of the seed and the position alone, so that reading can start anywhere."""

import functools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["ReadingOrder"]

MIXED_FILES = 64
"""Files whose records are mixed with each other at a time: a batch should hold grasps of all policies in the logs."""


class ReadingOrder:
    """Endless passes over the records of some files, each record once per pass.

    A pass goes through the files in groups, and through the records of a group in random order: reading stays within
    few files at a time. Both orders are drawn anew for each pass, without any state.

    Args:
        counts: How many records each file has.
        seed: Of the order.
    """

    def __init__(self, counts: Sequence[int], seed: int | Sequence[int]) -> None:
        self._counts = np.array(counts, np.int64)
        self._seed = [seed] if isinstance(seed, int) else [*seed]
        self._group = functools.lru_cache(maxsize=4)(self._drawn_group)
        self._pass = functools.lru_cache(maxsize=2)(self._drawn_pass)

    def __len__(self) -> int:
        """Records in one pass."""
        return int(self._counts.sum())

    def __call__(self, position: int) -> tuple[int, int]:
        """The file that is read at a position, and which of its records."""
        number, place = divmod(position, len(self))
        groups, ends = self._pass(number)
        group = int(np.searchsorted(ends, place, side="right"))
        files, records = self._group(number, group)
        at = place - (int(ends[group - 1]) if group else 0)
        return int(files[at]), int(records[at])

    def files(self, position: int) -> NDArray[np.int64]:
        """The files that are mixed at a position."""
        number, place = divmod(position, len(self))
        groups, ends = self._pass(number)
        return groups[int(np.searchsorted(ends, place, side="right"))]

    def _drawn_pass(self, number: int) -> tuple[list[NDArray[np.int64]], NDArray[np.int64]]:
        """The files of each group of a pass, and the position in the pass at which each group ends."""
        order = np.random.default_rng([*self._seed, number]).permutation(len(self._counts))
        groups = [order[start : start + MIXED_FILES] for start in range(0, len(order), MIXED_FILES)]
        return groups, np.cumsum([self._counts[group].sum() for group in groups])

    def _drawn_group(self, number: int, group: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The file and record at each place of a group."""
        files = self._pass(number)[0][group]
        counts = self._counts[files]
        file = np.repeat(files, counts)
        record = np.arange(len(file)) - np.repeat(np.cumsum(counts) - counts, counts)
        drawn = np.random.default_rng([*self._seed, number, group]).permutation(len(file))
        return file[drawn], record[drawn]
