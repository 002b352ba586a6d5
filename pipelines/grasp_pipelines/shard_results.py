"""What became of the logs of each shard: counts, what was skipped, what is damaged."""

import collections
import dataclasses
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from grasp_pipelines import storage
from grasp_tfp.trial import Trial

__all__ = ["Problem", "ShardResult", "added", "count_results", "problems", "read_results", "result_file"]

SUFFIX = ".result"


class Problem(NamedTuple):
    """Something of a log that is not in the dataset."""

    log: str
    """Name of the log."""

    where: str
    """The byte, or the trial, at which it was first found."""

    reason: str
    times: int
    """How often it was found in this log."""

    saved: int
    """Trials of this log that were converted."""

    damage: bool
    """Whether the file itself is damaged, not only one of its trials unusable."""


@dataclasses.dataclass
class ShardResult:
    """What became of one shard's logs; stored beside its records."""

    logs: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    """Name, size, SHA-256 and number of usable trials of each log."""

    problems: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    """Each kind of problem in each log, as in `Problem`."""

    ids: list[str] = dataclasses.field(default_factory=list)
    """Hash of the id of each usable trial."""

    trials: int = 0
    """Usable trials, whether or not thinning kept them."""

    successes: int = 0
    tasks: dict[str, int] = dataclasses.field(default_factory=collections.Counter)
    policies: dict[str, int] = dataclasses.field(default_factory=collections.Counter)
    examples: dict[str, int] = dataclasses.field(default_factory=collections.Counter)
    """Records in each split."""

    successful_examples: dict[str, int] = dataclasses.field(default_factory=collections.Counter)
    record_bytes: dict[str, int] = dataclasses.field(default_factory=collections.Counter)
    successful_record_bytes: dict[str, int] = dataclasses.field(default_factory=collections.Counter)
    views: dict[str, int] = dataclasses.field(default_factory=collections.Counter)
    """Records in each split that are views, and not recorded steps."""

    skipped: dict[str, int] = dataclasses.field(default_factory=collections.Counter)
    """Unusable trials by reason."""

    actions: list[list[float]] = dataclasses.field(default_factory=lambda: [[0.0] * 4, [0.0] * 4, [0.0] * 4])
    """Count, sum and sum of squares of the successful training actions (dx, dy, dz, dyaw)."""

    def begin_log(self, name: str, size: int, digest: str) -> None:
        """Notes the log that is read from now on."""
        self.logs.append({"name": name, "bytes": size, "sha256": digest, "trials": 0})

    def count_trial(self, trial: Trial, split: str, views: Sequence[Trial], sizes: Sequence[int]) -> None:
        """Counts a usable trial and its records.

        Args:
            trial: The trial.
            split: Where its records are.
            views: What was drawn beside its steps.
            sizes: Length of each of its records [bytes]; none if it was thinned out.
        """
        self.logs[-1]["trials"] += 1
        self.trials += 1
        self.successes += trial.success
        self.tasks[trial.task] += 1
        self.policies[trial.policy] += 1
        self.examples[split] += len(sizes)
        self.record_bytes[split] += sum(sizes)
        self.views[split] += len(views)
        if trial.success:
            self.successful_examples[split] += len(sizes)
            self.successful_record_bytes[split] += sum(sizes)
        if trial.success and split == "train":
            actions = np.concatenate([one.actions for one in (trial, *views)])
            moments = [np.ones_like(actions), actions, actions**2]
            self.actions = [
                (np.array(old) + new.sum(0)).tolist() for old, new in zip(self.actions, moments, strict=True)
            ]

    def skip(self, log: str, trial: str, reason: str) -> None:
        """Counts a trial that no example can be made of."""
        self.skipped[reason] += 1
        self._note(log, f"trial {trial}", reason, damage=False)

    def damage(self, log: str, offset: int, reason: str) -> None:
        """Notes that a log is damaged from a byte on."""
        self._note(log, f"byte {offset}", reason, damage=True)

    def to_json(self) -> bytes:
        """The content of the result's file."""
        return json.dumps(vars(self)).encode()

    def _note(self, log: str, where: str, reason: str, damage: bool) -> None:
        for known in self.problems:
            if (known["log"], known["reason"]) == (log, reason):
                known["times"] += 1
                return
        self.problems.append({"log": log, "where": where, "reason": reason, "times": 1, "damage": damage})


def result_file(folder: str, index: int) -> str:
    """Where the result of a shard lies while the dataset is built."""
    return f"{folder}/{index:05d}{SUFFIX}"


def read_results(folder: str) -> dict[int, ShardResult]:
    """The results of the finished shards by their number, in order."""
    files = [file for file in storage.list_files(folder) if file.name.endswith(SUFFIX)]
    return {
        int(file.name.removesuffix(SUFFIX)): ShardResult(**json.loads(storage.read(file.path) or b"{}"))
        for file in files
    }


def count_results(folder: str) -> int:
    """How many shards are finished."""
    return sum(file.name.endswith(SUFFIX) for file in storage.list_files(folder))


def added(results: Sequence[ShardResult], name: str) -> dict[str, int]:
    """The sum of one of the results' counters over all shards, sorted by key."""
    total: collections.Counter[str] = collections.Counter()
    for result in results:
        total.update(getattr(result, name))
    return dict(sorted(total.items()))


def problems(results: Sequence[ShardResult]) -> tuple[Problem, ...]:
    """Everything that is not in the dataset, in the order of the logs."""
    saved = {log["name"]: log["trials"] for result in results for log in result.logs}
    return tuple(Problem(**problem, saved=saved[problem["log"]]) for result in results for problem in result.problems)
