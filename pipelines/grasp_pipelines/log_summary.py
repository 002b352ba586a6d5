"""What a folder of logs holds, and any one trial of it."""

import collections
import dataclasses
import math
import pathlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from grasp_pipelines.log_chunks import Damage
from grasp_pipelines.trial_log import log_files, read_trials
from grasp_tfp.actions import wrap_yaw
from grasp_tfp.errors import UsageError
from grasp_tfp.success import SuccessRate
from grasp_tfp.trial import Trial

__all__ = ["DIRECTION", "LogSummary", "find_trial", "readable_trials", "summarise"]

DIRECTION = 30
"""Range of yaws that count as one direction [deg]."""


@dataclasses.dataclass(frozen=True)
class LogSummary:
    """What a folder of logs holds."""

    files: int
    bytes: int
    success: SuccessRate
    """Of all trials that can be read."""

    interval: tuple[float, float]
    """The 95 % Wilson score interval of `success`."""

    tasks: dict[str, SuccessRate]
    """Of each task's trials."""

    policies: dict[str, SuccessRate]
    """Of each policy's trials; what was learnt is named with the start of its digest."""

    seeds: dict[int, SuccessRate]
    """Of each seed's trials."""

    steps: dict[int, SuccessRate]
    """Of the trials of each length."""

    directions: dict[int, SuccessRate]
    """Of the trials whose jaw closed in the same direction, by the lower end of a range of 30° of its yaw [deg]. A
    policy that learns from its own successes may forget the directions that it does not try."""

    stop_reasons: dict[str, SuccessRate]
    """Of the trials whose moves ended for the same reason."""

    with_images: int
    """Trials with logged images; the others hold the states that images are rendered from."""

    damaged: dict[str, str]
    """What cannot be read of a file."""


class _Facts(NamedTuple):
    """What is counted of a trial."""

    success: bool
    task: str
    policy: str
    seed: int
    steps: int
    direction: int
    stop_reason: str
    images: bool


def summarise(folder: pathlib.Path, progress: Callable[[int, int], None] | None = None) -> LogSummary:
    """Reads every log of a folder.

    Args:
        folder: The logs.
        progress: Called with files read and files in all.

    Raises:
        UsageError: The folder is missing or holds no log.
    """
    files, counts, damaged = log_files(folder), collections.Counter[_Facts](), dict[str, str]()
    for done, path in enumerate(files, start=1):
        before, reasons = counts.total(), list[Damage]()
        counts.update(map(_facts, read_trials(path, reasons.append)))
        if reasons:
            first, more = reasons[0], f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
            damaged[path.name] = f"byte {first.offset}: {first.reason}{more} (trials read: {counts.total() - before})"
        if progress:
            progress(done, len(files))
    success = SuccessRate(sum(number for facts, number in counts.items() if facts.success), counts.total())
    return LogSummary(
        files=len(files),
        bytes=sum(path.stat().st_size for path in files),
        success=success,
        interval=success.interval,
        tasks=_rates(counts, "task"),
        policies=_rates(counts, "policy"),
        seeds=_rates(counts, "seed"),
        steps=_rates(counts, "steps"),
        directions=_rates(counts, "direction"),
        stop_reasons=_rates(counts, "stop_reason"),
        with_images=sum(number for facts, number in counts.items() if facts.images),
        damaged=damaged,
    )


def readable_trials(folder: pathlib.Path) -> Iterator[Trial]:
    """Yields the trials of a folder's logs, of a damaged one those that are sound.

    Raises:
        UsageError: The folder is missing or holds no log.
    """
    for path in log_files(folder):
        yield from read_trials(path, lambda damage: None)


def find_trial(folder: pathlib.Path, name: str | None = None) -> Trial:
    """A trial by its id or its index, or the first one.

    Raises:
        UsageError: There is no such trial, or the folder holds none.
    """
    indices: list[int] = []
    for trial in readable_trials(folder):
        if name is None or name in (trial.trial_id, str(trial.index)):
            return trial
        indices.append(trial.index)
    if not indices:
        raise UsageError(f"No trial in {str(folder)!r}: expected logs with trials, found only empty ones.")
    example = trial.trial_id
    raise UsageError(
        f"No trial {name!r} in {str(folder)!r}. Expected an index from {min(indices)} to {max(indices)} "
        f"or an id such as {example!r}."
    )


def _facts(trial: Trial) -> _Facts:
    policy = f"{trial.policy} {trial.policy_digest[:8]}".rstrip()
    return _Facts(
        success=trial.success,
        task=trial.task,
        policy=policy,
        seed=trial.seed,
        steps=trial.num_steps,
        direction=DIRECTION * math.floor(math.degrees(wrap_yaw(trial.final_pose[3])) / DIRECTION),
        stop_reason=trial.stop_reason,
        images=bool(trial.images),
    )


def _rates(counts: collections.Counter[_Facts], name: str) -> dict[Any, SuccessRate]:
    """The success rate of the trials with each value of a fact, sorted by the value."""
    totals, successes = collections.Counter[Any](), collections.Counter[Any]()
    for facts, number in counts.items():
        value = getattr(facts, name)
        totals[value] += number
        successes[value] += number * facts.success
    return {value: SuccessRate(successes[value], totals[value]) for value in sorted(totals)}
