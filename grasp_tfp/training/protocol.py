"""The paper's protocol on one robot: runs of trials for each method, in an order that favours none (Section VI-D).

Trials come in blocks, one trial of each method in a random order, so that whatever drifts over hours, such as light,
grip or the operator, meets all methods alike. A simulated robot gives the trials of a block the same scene. Blocks are
what comparisons pair. Every trial is a line of JSON, written as it ends; the same call goes on where the last one was.
"""

import contextlib
import dataclasses
import fcntl
import itertools
import json
import os
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from grasp_tfp.comparison import PairedComparison, compare
from grasp_tfp.errors import SafetyStop, UsageError
from grasp_tfp.policies.policy import Policy, RunTrial, VoidTrial, attempt_trials
from grasp_tfp.robots.robot import Robot
from grasp_tfp.sequential import anytime_difference
from grasp_tfp.training.evaluation import check_voids, outcome_of
from grasp_tfp.trial import Trial

__all__ = ["Protocol", "Row", "Slot", "paired", "read_trials", "run_protocol", "schedule", "separated"]

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What is evaluated, and how much."""

    methods: tuple[str, ...]
    runs: int = 6
    trials: int = 30
    """Of each method in each run."""

    seed: int = 0
    """Start of the order, and of the policies' random choices."""

    stop_early: bool = False
    """Whether it ends as soon as every two methods differ, by intervals that allow to look after each block."""

    @property
    def total(self) -> int:
        """Trials of all methods together."""
        return len(self.methods) * self.runs * self.trials


class Slot(NamedTuple):
    """A place in the schedule."""

    run: int
    block: int
    """Number of the block over all runs, which is the trial's index and so decides a simulated scene."""

    method: str


def schedule(protocol: Protocol, robot: str) -> list[Slot]:
    """The order of the trials on a robot: block by block, the methods of a block shuffled."""
    rng = np.random.default_rng([protocol.seed, zlib.crc32(robot.encode())])
    return [
        Slot(block // protocol.trials, block, protocol.methods[number])
        for block in range(protocol.runs * protocol.trials)
        for number in rng.permutation(len(protocol.methods))
    ]


def run_protocol(
    robots: Sequence[Robot],
    policies: Mapping[str, Policy],
    protocol: Protocol,
    path: Path,
    *,
    progress: Callable[[int, str], None] | None = None,
    keep: Callable[[Trial], None] | None = None,
) -> list[Row]:
    """Makes the trials that are still to be made, one JSON line each.

    Args:
        robots: One robot, which takes the slots as they come. Or copies of a simulated one: a trial is then a function
            of its index alone, so those of a method in a run are made at the same time, whatever their order.
        policies: For each method.
        protocol: What to do.
        path: The log; its first line says what it is.
        progress: Called with the trials done and the method at work.
        keep: Called with each trial that is not void, such as for a log.

    Returns:
        A row for each trial, in the order of the log.

    Raises:
        UsageError: The log is another evaluation's, or another process is at it.
        RobotError: Three trials in a row were void.
        SafetyStop: The robot was stopped; the trial is void.
    """
    digests = {name: policies[name].digest for name in protocol.methods}
    header = {"evaluation": dataclasses.asdict(protocol) | {"robot": robots[0].name, "task": robots[0].task}}
    header["evaluation"]["digests"] = digests
    with _opened(path, header) as (stream, rows):
        done = {(row["index"], row["method"]) for row in rows}
        waiting = [slot for slot in schedule(protocol, robots[0].name) if (slot.block, slot.method) not in done]
        for batch in _batches(waiting, together=len(robots) > 1):
            if protocol.stop_early and _between_blocks(rows, protocol) and separated(rows, protocol.methods):
                break
            if progress:
                progress(len(rows), batch[0].method)
            for row in _make(robots, policies[batch[0].method], protocol, batch, keep):
                rows.append(row)
                stream.write(json.dumps(row) + "\n")
                stream.flush()
                check_voids(robots[0].name, [row["void"] for row in rows])
                if progress:
                    progress(len(rows), batch[0].method)
    return rows


def read_trials(path: Path) -> tuple[Row, list[Row]]:
    """The header of a log, and its complete lines.

    Raises:
        UsageError: It is no log of an evaluation.
    """
    lines = path.read_bytes().split(b"\n")[:-1]
    try:
        first, *rows = [json.loads(line) for line in lines]
        return {"evaluation": dict(first["evaluation"])}, rows
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{str(path)!r} is no log of an evaluation. Move it away.") from error


def paired(rows: Sequence[Row], first: str, second: str) -> PairedComparison:
    """Two methods on the blocks in which neither trial was void."""
    successes: dict[str, dict[tuple[str, int], bool]] = {first: {}, second: {}}
    for row in rows:
        if row["method"] in successes and not row["void"]:
            successes[row["method"]][row["robot"], row["index"]] = row["success"]
    blocks = sorted(successes[first].keys() & successes[second].keys())
    return compare([successes[first][block] for block in blocks], [successes[second][block] for block in blocks])


def separated(rows: Sequence[Row], methods: Sequence[str]) -> bool:
    """Whether every two methods differ by their confidence sequences, each at the 5 % level."""
    tables = [dataclasses.astuple(paired(rows, *pair)) for pair in itertools.combinations(methods, 2)]
    intervals = [anytime_difference(*counts) for counts in tables]
    return bool(intervals) and all(low > 0 or high < 0 for low, high in intervals)


@contextlib.contextmanager
def _opened(path: Path, header: Row) -> Iterator[tuple[IO[str], list[Row]]]:
    """The log, ready to go on behind its last complete line, and the rows that it holds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"Another evaluation is writing {str(path)!r}. Wait for it to end.") from None
        content = path.read_bytes()
        os.truncate(path, content.rfind(b"\n") + 1)
        if b"\n" not in content:
            stream.write(json.dumps(header) + "\n")
            stream.flush()
        found, rows = read_trials(path)
        if found != json.loads(json.dumps(header)):
            raise UsageError(
                f"Cannot continue {str(path)!r}: it evaluated other policies or settings. Move it away, or use --seed."
            )
        yield stream, rows


def _batches(slots: Sequence[Slot], together: bool) -> list[list[Slot]]:
    if not together:
        return [[slot] for slot in slots]
    groups: dict[tuple[int, str], list[Slot]] = {}
    for slot in slots:
        groups.setdefault((slot.run, slot.method), []).append(slot)
    return list(groups.values())


def _make(
    robots: Sequence[Robot],
    policy: Policy,
    protocol: Protocol,
    batch: Sequence[Slot],
    keep: Callable[[Trial], None] | None,
) -> Iterator[Row]:
    """Makes the trials of one method; one that a single robot could not finish is void."""
    run_of = {slot.block: slot.run for slot in batch}
    common = {"robot": robots[0].name, "method": batch[0].method}
    try:
        for ran in attempt_trials(robots, policy, protocol.seed, list(run_of)):
            if isinstance(ran, VoidTrial):
                yield common | _void(run_of[ran.index], ran.index, ran.reason)
                continue
            if keep:
                keep(ran.trial)
            yield common | {"run": run_of[ran.trial.index]} | _made(ran)
    except SafetyStop as stop:
        if len(batch) == 1:
            yield common | _void(batch[0].run, batch[0].block, str(stop))
        raise


def _made(ran: RunTrial) -> Row:
    outcome = outcome_of(ran)
    return {
        "index": outcome.index,
        "void": "",
        "success": outcome.success,
        "failure": outcome.failure,
        "stop_reason": outcome.stop_reason,
        "label_source": ran.trial.label_source,
        "num_steps": outcome.num_steps,
        "decision_seconds": round(outcome.decision_seconds, 6),
        "gripper_poses": outcome.gripper_poses.tolist(),
        "final_pose": outcome.final_pose.tolist(),
        "ended": round(time.time(), 3),
    }


def _void(run: int, index: int, reason: str) -> Row:
    return {"run": run, "index": index, "void": reason, "success": False, "ended": round(time.time(), 3)}


def _between_blocks(rows: Sequence[Row], protocol: Protocol) -> bool:
    blocks = itertools.groupby(sorted(row["index"] for row in rows))
    return bool(rows) and all(len(list(own)) == len(protocol.methods) for _, own in blocks)
