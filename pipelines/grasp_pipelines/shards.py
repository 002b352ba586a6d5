"""One output shard: some whole logs in, at most one file of records per split out.

A shard is a pure function of its logs and the settings. Its records are first spooled to disk in the
order in which they are made, then copied in the order of a hash, so memory holds one trial and an index.
"""

import collections
import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import struct
from collections.abc import Sequence
from typing import IO, Any

import google_crc32c
import numpy as np

from grasp_datasets.schema import SPLITS, STEP, TRIAL_ID, serialize
from grasp_pipelines.steps import TrialImages, UnusableTrial, steps_of_trial
from grasp_pipelines.trial_log import MalformedLog, read_trials
from grasp_tfp.trial import Trial

__all__ = [
    "Settings",
    "Shard",
    "ShardResult",
    "added",
    "convert_shard",
    "count_results",
    "plan_shards",
    "record_file",
    "take_results",
]

SHARD_BYTES = 1 << 20
"""Smaller logs share a shard until it reaches this size."""

VALIDATION = 0.05
"""Share of the trials that are kept for validation."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What every shard has to know."""

    folder: pathlib.Path
    """Where shards are built."""

    image_size: int
    """Height and width of rendered images [pixels]."""

    seed: int
    """Of the order of the records inside each shard."""

    failures: float
    """Share of the failed trials to keep."""


@dataclasses.dataclass(frozen=True)
class Shard:
    """One element of the pipeline."""

    index: int
    logs: tuple[pathlib.Path, ...]


@dataclasses.dataclass
class ShardResult:
    """What became of one shard's logs; stored beside its records."""

    logs: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    """Name, size and SHA-256 of each log."""

    trials: int = 0
    """Usable trials, whether or not thinning kept them."""

    successes: int = 0
    tasks: dict[str, int] = dataclasses.field(default_factory=collections.Counter)
    policies: dict[str, int] = dataclasses.field(default_factory=collections.Counter)
    examples: dict[str, int] = dataclasses.field(default_factory=collections.Counter)
    """Records in each split."""

    successful_examples: dict[str, int] = dataclasses.field(default_factory=collections.Counter)
    record_bytes: dict[str, int] = dataclasses.field(default_factory=collections.Counter)
    skipped: dict[str, int] = dataclasses.field(default_factory=collections.Counter)
    """Unusable trials by reason."""

    damaged: list[str] = dataclasses.field(default_factory=list)
    """Name and reason of each log that could not be read to its end."""

    actions: list[list[float]] = dataclasses.field(default_factory=lambda: [[0.0] * 4, [0.0] * 4, [0.0] * 4])
    """Count, sum and sum of squares of the successful training actions (dx, dy, dz, dyaw)."""


def plan_shards(logs: Sequence[pathlib.Path]) -> list[Shard]:
    """Packs logs, in the given order, into shards; the same logs give the same shards for any number of workers."""
    groups: list[list[pathlib.Path]] = []
    room = 0
    for log in logs:
        if room <= 0:
            groups.append([])
            room = SHARD_BYTES
        groups[-1].append(log)
        room -= log.stat().st_size
    return [Shard(index, tuple(group)) for index, group in enumerate(groups)]


def convert_shard(shard: Shard, settings: Settings) -> None:
    """Writes the records of one shard and, last, its result."""
    images = TrialImages(settings.image_size)
    result = ShardResult()
    with contextlib.ExitStack() as stack:
        spools = {split: stack.enter_context(_Spool(settings.folder, split, shard.index)) for split in SPLITS}
        for log in shard.logs:
            result.logs.append(_identity(log))
            try:
                for trial in read_trials(log):
                    _add_trial(trial, images, settings, spools, result)
            except MalformedLog as error:
                result.damaged.append(f"{log.name}: {error.reason}")
        for split, spool in spools.items():
            spool.write(record_file(settings.folder, split, shard.index))
    _replace(settings.folder / f"{shard.index:05d}.result", json.dumps(vars(result)).encode())


def record_file(folder: pathlib.Path, split: str, index: int) -> pathlib.Path:
    """Where a shard's records of one split lie while the dataset is built."""
    return folder / f"{split}-{index:05d}.records"


def count_results(folder: pathlib.Path) -> int:
    """How many shards are finished."""
    return len(list(folder.glob("*.result")))


def take_results(folder: pathlib.Path) -> list[ShardResult]:
    """The results of all shards, in order; all that is not records is removed."""
    results = [ShardResult(**json.loads(path.read_bytes())) for path in sorted(folder.glob("*.result"))]
    for path in folder.iterdir():
        if path.suffix != ".records":
            path.unlink()
    return results


def added(results: list[ShardResult], name: str) -> dict[str, int]:
    """The sum of one of the results' counters over all shards, sorted by key."""
    total: collections.Counter[str] = collections.Counter()
    for result in results:
        total.update(getattr(result, name))
    return dict(sorted(total.items()))


def _identity(log: pathlib.Path) -> dict[str, Any]:
    with open(log, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"name": log.name, "bytes": log.stat().st_size, "sha256": digest}


def _add_trial(
    trial: Trial, images: TrialImages, settings: Settings, spools: dict[str, "_Spool"], result: ShardResult
) -> None:
    keep = trial.success or _fraction("keep", trial.trial_id) < settings.failures
    try:
        steps = list(steps_of_trial(trial, images)) if keep else []
    except UnusableTrial as reason:
        result.skipped[str(reason)] += 1
        return
    split = SPLITS[_fraction("split", trial.trial_id) < VALIDATION]
    for step in steps:
        record = serialize(step)
        spools[split].add(_hash(str(settings.seed), step[TRIAL_ID], str(step[STEP])), record)
        result.examples[split] += 1
        result.successful_examples[split] += trial.success
        result.record_bytes[split] += len(record)
    result.trials += 1
    result.successes += trial.success
    result.tasks[trial.task] += 1
    result.policies[trial.policy] += 1
    if trial.success and split == "train":
        moments = [np.ones_like(trial.actions), trial.actions, trial.actions**2]
        result.actions = [
            (np.array(old) + new.sum(0)).tolist() for old, new in zip(result.actions, moments, strict=True)
        ]


def _hash(*parts: str) -> bytes:
    return hashlib.blake2b(":".join(parts).encode(), digest_size=8).digest()


def _fraction(*parts: str) -> float:
    return int.from_bytes(_hash(*parts)) / 2**64


class _Spool:
    """Records on their way to a TFRecord file."""

    def __init__(self, folder: pathlib.Path, split: str, index: int) -> None:
        self._stream: IO[bytes] = open(folder / f"{split}-{index:05d}.spool", "w+b")
        self._index: list[tuple[bytes, int, int]] = []

    def __enter__(self) -> "_Spool":
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()
        os.unlink(self._stream.name)

    def add(self, key: bytes, record: bytes) -> None:
        """Takes one record."""
        length = struct.pack("<Q", len(record))
        framed = b"".join([length, _masked_crc(length), record, _masked_crc(record)])
        self._index.append((key, self._stream.tell(), len(framed)))
        self._stream.write(framed)

    def write(self, path: pathlib.Path) -> None:
        """Writes all records in the order of their keys."""
        temporary = path.with_suffix(".part")
        with open(temporary, "wb") as target:
            for _, offset, length in sorted(self._index):
                self._stream.seek(offset)
                target.write(self._stream.read(length))
        temporary.replace(path)


def _masked_crc(data: bytes) -> bytes:
    crc = google_crc32c.value(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _replace(path: pathlib.Path, data: bytes) -> None:
    temporary = path.with_suffix(".part")
    temporary.write_bytes(data)
    temporary.replace(path)
