"""One output shard: some whole logs in, at most one file of records per split out.

A shard is a pure function of its logs and the settings. Its records are first spooled to disk in the
order in which they are made, then copied in the order of a hash, so memory holds one trial and an index.
"""

import contextlib
import dataclasses
import functools
import hashlib
import pathlib
from collections.abc import Sequence

import numpy as np

from grasp_datasets.schema import SPLITS, STEP, TRIAL_ID, serialize
from grasp_pipelines import storage
from grasp_pipelines.log_chunks import Damage
from grasp_pipelines.records import RecordSpool
from grasp_pipelines.shard_results import ShardResult, result_file
from grasp_pipelines.sources.source import Source
from grasp_pipelines.steps import TrialImages, UnusableTrial, check_poses, steps_of_trial, with_views
from grasp_pipelines.storage import StoredFile
from grasp_tfp.errors import UsageError
from grasp_tfp.trial import Trial

__all__ = [
    "REPEATED",
    "SPLIT_BY",
    "VALIDATION",
    "Settings",
    "Shard",
    "convert_shard",
    "is_kept",
    "plan_shards",
    "record_file",
    "split_of",
]

SHARD_BYTES = 1 << 20
"""Smaller logs share a shard until it reaches this size."""

VALIDATION = 0.05
"""Share of the trials, or of the sessions, that are kept for validation."""

SPLIT_BY = ("trial", "session")
"""What is kept in one split as a whole. A session is a log: what one process wrote in one go at one cell."""

REPEATED = "its id is that of a trial before it"
"""Why a trial is left out that comes a second time."""


@dataclasses.dataclass(frozen=True)
class Settings:
    """What every shard has to know."""

    folder: str
    """Where shards are built, on a file system that every worker reaches."""

    source: Source
    """Reads the logs."""

    image_size: int
    """Height and width of rendered images, the shorter side of recorded ones [pixels]."""

    seed: int
    """Of the order of the records inside each shard, and of the views."""

    failures: float
    """Share of the failed trials to keep."""

    views: int
    """Views to draw of each grasp in the split `train`: validation takes recorded steps, and less time."""

    split_by: str = SPLIT_BY[0]


@dataclasses.dataclass(frozen=True)
class Shard:
    """One element of the pipeline."""

    index: int
    logs: tuple[str, ...]
    validation: tuple[str, ...] = ()
    """Those of the logs that are validation sessions."""

    repeated: frozenset[str] = frozenset()
    """Trials to leave out as another shard has them, by the hash of their id."""


def plan_shards(logs: Sequence[StoredFile], split_by: str = SPLIT_BY[0]) -> list[Shard]:
    """Packs logs, in the order of their names, into shards, the same for any number of workers.

    Raises:
        UsageError: There are too few logs to split them by session.
    """
    ordered = sorted(logs, key=lambda log: log.name)
    sessions = _validation_sessions(ordered) if split_by == "session" else frozenset()
    groups: list[list[str]] = []
    room = 0
    for log in ordered:
        if room <= 0:
            groups.append([])
            room = SHARD_BYTES
        groups[-1].append(log.path)
        room -= log.size
    return [
        Shard(index, tuple(group), tuple(path for path in group if path in sessions))
        for index, group in enumerate(groups)
    ]


def convert_shard(shard: Shard, settings: Settings) -> None:
    """Writes the records of one shard and, last, its result."""
    conversion = _Conversion(shard, settings)
    with storage.scratch(settings.folder) as folder, contextlib.ExitStack() as stack:
        spools = {split: stack.enter_context(RecordSpool(folder)) for split in SPLITS}
        for log in shard.logs:
            with storage.fetched(log, folder) as file:
                conversion.add_log(log, file, spools)
        for split, spool in spools.items():
            if len(spool):
                spool.write(folder / split)
                storage.publish(folder / split, f"{settings.folder}/{record_file(split, shard.index)}")
    storage.write(result_file(settings.folder, shard.index), conversion.result.to_json())


def split_of(trial: Trial) -> str:
    """The split of a trial, by a hash of its id."""
    return SPLITS[_fraction("split", trial.trial_id) < VALIDATION]


def is_kept(trial: Trial, failures: float) -> bool:
    """Whether a trial is among the successes and the share of `failures` to keep, by a hash of its id."""
    return trial.success or _fraction("keep", trial.trial_id) < failures


def record_file(split: str, index: int) -> str:
    """The name of a shard's records of one split while the dataset is built."""
    return f"{split}-{index:05d}.records"


class _Conversion:
    """The state of one shard's conversion."""

    def __init__(self, shard: Shard, settings: Settings) -> None:
        self.result = ShardResult()
        self._shard = shard
        self._settings = settings
        self._images = TrialImages(settings.image_size)
        self._known = set(shard.repeated)

    def add_log(self, log: str, file: pathlib.Path, spools: dict[str, RecordSpool]) -> None:
        """Adds the trials of one log.

        Args:
            log: Its path or URL.
            file: A local file with its content.
            spools: Take the records of each split.
        """
        name = log.rpartition("/")[2]
        self.result.begin_log(name, *_size_and_digest(file))
        for trial in self._settings.source.trials(file, name, functools.partial(self._note, name)):
            hashed = _hash(trial.trial_id).hex()
            try:
                if hashed in self._known:
                    raise UnusableTrial(REPEATED)
                self._add_trial(trial, self._split(log, trial), spools)
            except UnusableTrial as reason:
                self.result.skip(name, trial.trial_id, str(reason))
            else:
                self._known.add(hashed)
                self.result.ids.append(hashed)

    def _note(self, name: str, damage: Damage) -> None:
        if damage.trial is None:
            self.result.damage(name, damage.offset, damage.reason)
        else:
            self.result.skip(name, damage.trial, damage.reason)

    def _split(self, log: str, trial: Trial) -> str:
        if self._settings.split_by == "session":
            return SPLITS[log in self._shard.validation]
        return split_of(trial)

    def _add_trial(self, trial: Trial, split: str, spools: dict[str, RecordSpool]) -> None:
        check_poses(trial)
        seed = self._settings.seed
        keep = is_kept(trial, self._settings.failures)
        rng = np.random.default_rng([seed, int(_hash("views", trial.trial_id).hex(), 16)])
        more = self._settings.views if split == "train" else 0
        seen, views = with_views(trial, more, rng) if keep else (trial, [])
        records = [
            (_hash(str(seed), step[TRIAL_ID], str(step[STEP])), serialize(step))
            for step in (steps_of_trial(seen, self._images, views) if keep else ())
        ]
        for key, record in records:
            spools[split].add(key, record)
        self.result.count_trial(seen, split, views, [len(record) for _, record in records])


def _validation_sessions(logs: Sequence[StoredFile]) -> frozenset[str]:
    """The logs with the smallest hashes of their names, at least one and not all."""
    if len(logs) < 2:
        raise UsageError("Cannot split by session: expected two logs or more, found one. Use --split-by trial.")
    number = max(1, round(VALIDATION * len(logs)))
    return frozenset(log.path for log in sorted(logs, key=lambda log: _hash("session", log.name))[:number])


def _size_and_digest(file: pathlib.Path) -> tuple[int, str]:
    with open(file, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return stream.tell(), digest


def _hash(*parts: str) -> bytes:
    return hashlib.blake2b(":".join(parts).encode(), digest_size=8).digest()


def _fraction(*parts: str) -> float:
    return int.from_bytes(_hash(*parts)) / 2**64
