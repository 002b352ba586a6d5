"""Drills: how long an arm goes on when the bridge or the client is lost in the middle of a move.

Arm, bridge and client are processes of their own; the time is taken from the arm's own positions.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from grasp_tfp.errors import GraspError
from grasp_tfp.robots.cell import RosbridgeRobot
from grasp_tfp.robots.fleet import FleetEntry, find_robot
from grasp_tfp.robots.settings import CellSettings, parse

__all__ = ["DRILLS", "Drill", "run_drills"]

DRILLS = ("client killed", "bridge frozen", "bridge killed")
"""In this order, because a bridge that was killed stays away."""

SLOW = 0.02
"""Speed scale of the move, which lasts several seconds then."""

BEFORE = 0.6
"""How long the arm moves before the fault [s]."""

AFTER = 1.5
"""How long it is looked at afterwards [s]."""

STILL = 1e-6
"""Change of a joint between two of the arm's own positions that counts as none [rad]."""


class Drill(NamedTuple):
    """What happened."""

    seconds: float
    """From the fault to the arm's last motion."""

    degrees: float
    """How far its fastest joint went on in that time."""

    unfinished: bool
    """Whether the arm had been moving, and would have gone on."""

    message: str
    """The last line that the client wrote, empty when it was killed."""


def run_drills(dialect: str = "ros2") -> dict[str, Drill]:
    """Runs each of `DRILLS` in real time, with one arm, about five seconds each.

    Args:
        dialect: `ros1` or `ros2`.
    """
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        trace = Path(folder) / "trace.jsonl"
        port, bridge = map(int, _line(_start(stack, "arm", str(trace), dialect)).split())
        found = {}
        for fault in DRILLS:
            client = _start(stack, "client", f"ws://127.0.0.1:{port}", dialect)
            found[fault] = _drill(fault, client, bridge, trace)
    return found


def _drill(fault: str, client: "subprocess.Popen[str]", bridge: int, trace: Path) -> Drill:
    _line(client)
    time.sleep(BEFORE)
    began = time.monotonic()
    if fault == "client killed":
        client.kill()
    else:
        os.kill(bridge, signal.SIGKILL if fault == "bridge killed" else signal.SIGSTOP)
    time.sleep(AFTER)
    message = "" if fault == "client killed" else client.communicate(timeout=10)[0].strip().splitlines()[-1]
    if fault == "bridge frozen":
        os.kill(bridge, signal.SIGCONT)
    rows = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()[:-1]]
    return _measured(rows, began, message)


def _measured(rows: list[tuple[float, list[float]]], began: float, message: str) -> Drill:
    times, angles = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    moving = np.flatnonzero(np.abs(np.diff(angles, axis=0)).max(axis=1) > STILL) + 1
    at_fault = int(np.searchsorted(times, began))
    last = int(moving[-1]) if len(moving) else 0
    was_moving = bool(np.any((times[moving] > began - 0.1) & (times[moving] <= began)))
    went_on = np.degrees(np.abs(angles[last] - angles[min(at_fault, len(angles) - 1)]).max())
    ended = times[-1] - times[last] > AFTER / 3
    return Drill(max(0.0, float(times[last] - began)), float(went_on), was_moving and bool(ended), message)


def _start(stack: contextlib.ExitStack, *words: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-m", "grasp_tfp.robots.twin.drill", *words],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )

    def end() -> None:
        process.terminate()
        process.communicate(timeout=10)

    stack.callback(end)
    return process


def _line(process: "subprocess.Popen[str]") -> str:
    line = process.stdout.readline() if process.stdout else ""
    if not line:
        raise GraspError("The drill's processes did not start. See what they wrote above.")
    return line


def _arm(trace: str, dialect: str) -> None:
    from grasp_tfp.robots.twin.simulate import simulate, twin_table

    entry = find_robot("kuka-3")

    def started(port: int, bridge: int) -> None:
        print(port, bridge, flush=True)

    work = simulate(entry, twin_table(entry, "", dialect), port=0, started=started, trace=Path(trace))
    asyncio.run(work)


def _client(url: str, dialect: str) -> None:
    from grasp_tfp.robots.twin.simulate import twin_table

    entry = FleetEntry("kuka-3", "rosbridge", "blocks")
    table = twin_table(entry, url, dialect)
    table["limits"] |= {"speed_scale": SLOW, "max_segment_s": 60.0}
    settings = parse(CellSettings, {k: v for k, v in table.items() if k not in ("driver", "task", "seed")}, "kuka-3")
    robot = RosbridgeRobot("kuka-3", "blocks", settings, 64, operator=lambda name, question: None)
    target = np.array([0.0, 0.04, -1.0, 1.2])
    robot.feasible(target[None])
    robot.arm.grip(0.08)
    print("moving", flush=True)
    try:
        robot.move(target)
    except GraspError as error:
        print(error, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "arm":
        _arm(sys.argv[2], sys.argv[3])
    else:
        _client(sys.argv[2], sys.argv[3])
