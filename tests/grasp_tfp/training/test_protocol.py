"""The protocol: a fair order, one line per trial, and a log that goes on where it was."""

import collections
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grasp_tfp.errors import RobotError, SafetyStop, UsageError
from grasp_tfp.policies.policy import Policy
from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.robots.robot import GraspResult
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.training.protocol import Protocol, paired, read_trials, run_protocol, schedule, separated

METHODS = ("one", "two", "three")
PROTOCOL = Protocol(METHODS, runs=2, trials=4, seed=5)


class Named(RandomPolicy):
    """Random actions under another name."""

    def __init__(self, name: str) -> None:
        self.name = name


@pytest.fixture(scope="module")
def cells() -> Iterator[list[SimRobot]]:
    robots = [SimRobot("kuka-9", seed=3) for _ in range(4)]
    yield robots
    for robot in robots:
        robot.close()


@pytest.fixture(scope="module")
def policies() -> dict[str, Policy]:
    return {name: Named(name) for name in METHODS}


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in ("ended", "decision_seconds")}


def _sorted(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(map(_told, rows), key=lambda row: (row["index"], row["method"]))


@pytest.mark.parametrize("seed", range(3))
def test_the_order_is_balanced_seeded_and_interleaved(seed: int) -> None:
    protocol = Protocol(METHODS, 6, 30, seed)
    slots = schedule(protocol, "kuka-3")
    assert len(slots) == protocol.total == 540
    for block in range(180):
        own = slots[3 * block : 3 * block + 3]
        assert {slot.method for slot in own} == set(METHODS) and {slot.block for slot in own} == {block}
        assert {slot.run for slot in own} == {block // 30}
    first = collections.Counter(slot.method for slot in slots[::3])
    assert all(35 <= first[name] <= 85 for name in METHODS)
    assert slots == schedule(protocol, "kuka-3") != schedule(protocol, "kuka-4")


def test_each_trial_is_a_line_and_one_robot_gives_what_many_give(
    cells: list[SimRobot], policies: dict[str, Policy], tmp_path: Path
) -> None:
    alone = run_protocol(cells[:1], policies, PROTOCOL, tmp_path / "alone.jsonl")
    together = run_protocol(cells, policies, PROTOCOL, tmp_path / "together.jsonl")
    assert [(row["index"], row["method"]) for row in alone] == [slot[1:] for slot in schedule(PROTOCOL, "kuka-9")]
    assert _sorted(alone) == _sorted(together) and len(alone) == 24
    header, rows = read_trials(tmp_path / "alone.jsonl")
    assert rows == alone and header["evaluation"]["robot"] == "kuka-9"
    scenes = collections.defaultdict(set)
    for row in alone:
        scenes[row["index"]].add(tuple(row["gripper_poses"][0]))
    assert all(len(starts) == 1 for starts in scenes.values()) and len(scenes) == 8


@pytest.mark.parametrize("kept", [0, 1, 7, 24])
def test_a_log_that_was_cut_goes_on_to_the_same_rows(
    kept: int, cells: list[SimRobot], policies: dict[str, Policy], tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole.jsonl", tmp_path / "cut.jsonl"
    rows = run_protocol(cells, policies, PROTOCOL, whole)
    lines = whole.read_bytes().splitlines(keepends=True)
    cut.write_bytes(b"".join(lines[: 1 + kept]) + (lines[1 + kept][:-9] if kept < 24 else b""))
    done = []
    again = run_protocol(cells, policies, PROTOCOL, cut, progress=lambda count, method: done.append(count))
    assert _sorted(again) == _sorted(rows) == _sorted(read_trials(cut)[1])
    assert min(done, default=24) == kept


def test_another_evaluation_is_not_continued(
    cells: list[SimRobot], policies: dict[str, Policy], tmp_path: Path
) -> None:
    path = tmp_path / "log.jsonl"
    run_protocol(cells, policies, PROTOCOL, path)
    before = path.read_bytes()
    with pytest.raises(UsageError, match="other policies or settings"):
        run_protocol(cells, policies, Protocol(METHODS, 2, 4, seed=6), path)
    policies = policies | {"two": Named("two")}
    policies["two"].digest = "abc"
    with pytest.raises(UsageError, match="other policies or settings"):
        run_protocol(cells, policies, PROTOCOL, path)
    assert path.read_bytes() == before
    (tmp_path / "else.jsonl").write_text('{"rows": 3}\n')
    with pytest.raises(UsageError, match="no log of an evaluation"):
        run_protocol(cells, policies, PROTOCOL, tmp_path / "else.jsonl")


class Faulty(SimRobot):
    """Fails in some of its grasps."""

    faults: dict[int, Exception] = {}

    def begin(self, index: int) -> None:
        self._index = index
        super().begin(index)

    def grasp(self) -> GraspResult:
        if self._index in self.faults:
            raise self.faults[self._index]
        return super().grasp()


def test_voids_are_logged_with_their_reason_and_pair_with_nothing(policies: dict[str, Policy], tmp_path: Path) -> None:
    robot = Faulty("kuka-9", seed=3)
    robot.faults = {2: RobotError("no image for 2.1 s")}
    path = tmp_path / "log.jsonl"
    with pytest.raises(RobotError, match="3 void trials in a row, the last one: no image for 2.1 s"):
        run_protocol([robot], policies, PROTOCOL, path)
    robot.faults = {4: SafetyStop("protective stop")}
    with pytest.raises(SafetyStop):
        run_protocol([robot], policies, PROTOCOL, path)
    robot.faults = {}
    rows = run_protocol([robot], policies, PROTOCOL, path)
    assert len(rows) == 24
    voids = collections.Counter(row["void"] for row in rows if row["void"])
    assert voids == {"no image for 2.1 s": 3, "protective stop": 1}
    assert not any(row["success"] for row in rows if row["void"])
    stopped = next(row["method"] for row in rows if row["void"] == "protective stop")
    other, another = (name for name in METHODS if name != stopped)
    assert paired(rows, stopped, other).trials == 6 and paired(rows, other, another).trials == 7
    robot.close()


def test_it_stops_early_only_when_all_methods_differ(tmp_path: Path) -> None:
    """One robot never holds anything for the one method and always for the other."""

    class Told(SimRobot):
        def grasp(self) -> GraspResult:
            return GraspResult(self.pose, self.good, "" if self.good else "missed")

        good = False

    class Telling(Named):
        def choose(self, robot: Any, rng: np.random.Generator) -> Any:
            robot.good = self.name == "two"
            return super().choose(robot, rng)

    robot, protocol = Told("kuka-9"), Protocol(("one", "two"), 3, 10, stop_early=True)
    policies: dict[str, Policy] = {name: Telling(name) for name in protocol.methods}
    rows = run_protocol([robot], policies, protocol, tmp_path / "log.jsonl")
    assert 10 <= len(rows) < 40 and len(rows) % 2 == 0
    assert separated(rows, protocol.methods) and not separated(rows[:-2], protocol.methods)
    assert run_protocol([robot], policies, protocol, tmp_path / "log.jsonl") == rows
    assert not separated(rows, ("one",))
    robot.close()


def test_rows_are_plain_json(cells: list[SimRobot], policies: dict[str, Policy], tmp_path: Path) -> None:
    run_protocol(cells, policies, Protocol(("one",), 1, 2), tmp_path / "log.jsonl")
    for line in (tmp_path / "log.jsonl").read_text().splitlines():
        assert json.dumps(json.loads(line)) == line
