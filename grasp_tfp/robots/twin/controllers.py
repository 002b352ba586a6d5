"""The controllers of a simulated arm: they follow any goal, and stop for a cancel or the dead man's switch."""

import asyncio
import concurrent.futures
import contextlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from grasp_tfp.errors import unknown_name
from grasp_tfp.robots import watchdog
from grasp_tfp.robots.chain import Chain
from grasp_tfp.robots.messages import Dialect
from grasp_tfp.robots.settings import CellSettings
from grasp_tfp.robots.twin.cell import TwinCell
from grasp_tfp.robots.twin.joints import Joints

__all__ = ["FAULTS", "Controllers"]

Message = dict[str, Any]
Answer = Callable[[int, Message, bool], None]
"""Takes the status and the values of an action's result, or of its feedback."""

FAULTS = (
    "freeze",
    "drop",
    "stale-image",
    "repeated-image",
    "black-image",
    "rejected-goal",
    "slow",
    "blocking",
)
"""What can go wrong: the bridge freezes or drops its connections in the middle of the first move, the camera repeats
one image with its old time or with new ones or shows nothing, goals are rejected, moves take four times as long, or a
goal blocks its connection until it has ended."""

PERIOD = 0.01
"""Between two looks at a goal [s]."""

SLOWER = 4.0
REACHED = {"ros1": 3, "ros2": 4}
CANCELED = {"ros1": 2, "ros2": 5}
ABORTED = {"ros1": 5, "ros2": 6}

JAW_SECONDS = 0.3
"""That the jaw takes."""


class Controllers:
    """A joint trajectory controller for the arm, and an action of the gripper.

    Args:
        cell: What stands around the arm.
        settings: Names and topics, as a client's fleet file has them.
        chain: The arm's kinematics.
        speed: How many times faster than a real arm it moves.
        fault: One of `FAULTS`, or nothing.
        spoil: Called as a move of the arm begins.

    Raises:
        UsageError: There is no such fault.
    """

    def __init__(
        self,
        cell: TwinCell,
        settings: CellSettings,
        chain: Chain,
        *,
        speed: float,
        fault: str,
        spoil: Callable[[], None],
    ) -> None:
        if fault and fault not in FAULTS:
            raise unknown_name("fault", fault, FAULTS)
        self._cell, self._settings, self._spoil = cell, settings, spoil
        self._dialect = Dialect(settings.dialect)
        self._speed, self._fault = speed, fault
        self.joints = Joints(chain.home)
        self.dead_man = watchdog.DeadMan(settings.limits.watchdog_timeout_s)
        self.goals: dict[str, asyncio.Event] = {}
        """What runs, by its id; the event cancels it."""
        self.moved = False
        """Whether a trajectory was ever followed."""
        self._workers = concurrent.futures.ThreadPoolExecutor(1)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def actions(self) -> tuple[str, str]:
        """Names of the arm's and of the gripper's."""
        return self._settings.arm.action, self._settings.gripper.endpoint

    def now(self) -> float:
        """The arm's clock, which runs faster where the arm does [s]."""
        return time.monotonic() * self._speed

    def cancel(self, goal: str) -> None:
        """Ends one goal, or all of them where none is named."""
        for running, canceled in self.goals.items():
            if goal in ("", running):
                canceled.set()

    async def run(self, action: str, goal: str, body: Message, answer: Answer) -> None:
        """Follows a goal beside its connection; with the fault `blocking` before the connection's next message."""
        follow = self._move if action == self._settings.arm.action else self._use_jaw
        self.goals[goal] = asyncio.Event()
        if self._fault == "blocking":
            await follow(goal, body, answer)
            return
        task = asyncio.create_task(follow(goal, body, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def follow(self, trajectory: Message) -> bool:
        """Begins a trajectory; False for one that a joint trajectory controller rejects."""
        names, points = trajectory["joint_names"], trajectory["points"]
        refused = self._fault == "rejected-goal" or sorted(names) != sorted(self._settings.arm.joints)
        if refused or (not points and self._dialect.name == "ros2"):
            return False
        if not points:
            self.joints.hold(self.now())
            return True
        order = [names.index(name) for name in self._settings.arm.joints]
        positions = np.array([point["positions"] for point in points])[:, order]
        velocities = np.array([point["velocities"] or [0.0] * len(order) for point in points])[:, order]
        times = np.array([self._dialect.seconds(point["time_from_start"]) for point in points])
        slow = SLOWER if self._fault == "slow" else 1.0
        self.joints.follow(positions, velocities / slow, times * slow, self.now())
        self.moved = True
        return True

    async def grip(self, position: float) -> bool:
        """Moves the jaw; returns whether it met something."""
        held, gripper = False, self._settings.gripper
        if abs(position - gripper.closed) < abs(position - gripper.open):
            held = await self.work(self._cell.close_jaw, self.joints.position(self.now()))
        else:
            await self.work(self._cell.open_jaw)
        await asyncio.sleep(JAW_SECONDS / self._speed)
        return held

    async def work(self, function: Any, *arguments: Any) -> Any:
        """Runs physics and rendering beside the event loop, one call at a time."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, function, *arguments)

    def close(self) -> None:
        """Ends the thread of `work`."""
        self._workers.shutdown()

    async def _move(self, goal: str, body: Message, answer: Answer) -> None:
        """`control_msgs/FollowJointTrajectory`."""
        canceled = self.goals[goal]
        if not self.follow(body["trajectory"]):
            del self.goals[goal]
            answer(ABORTED[self._dialect.name], {"error_code": -1, "error_string": "Invalid goal"}, False)
            return
        self._spoil()
        while self.now() < self.joints.end() and not canceled.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(canceled.wait(), PERIOD)
            answer(0, {"actual": {"positions": self.joints.position(self.now()).tolist()}}, True)
        del self.goals[goal]
        if canceled.is_set():
            self.joints.hold(self.now())
            answer(CANCELED[self._dialect.name], {"error_code": 0, "error_string": "canceled"}, False)
        elif self.dead_man.state == "stopped":
            answer(ABORTED[self._dialect.name], {"error_code": -4, "error_string": "held by the watchdog"}, False)
        else:
            answer(REACHED[self._dialect.name], {"error_code": 0, "error_string": ""}, False)

    async def _use_jaw(self, goal: str, body: Message, answer: Answer) -> None:
        """`control_msgs/GripperCommand`, `ParallelGripperCommand`, or a trajectory of its joint."""
        if "trajectory" in body:
            position = float(body["trajectory"]["points"][-1]["positions"][0])
        else:
            position = float(np.ravel(body["command"]["position"])[0])
        held = await self.grip(position)
        del self.goals[goal]
        values = {"position": position, "effort": 0.0, "stalled": held, "reached_goal": not held}
        answer(REACHED[self._dialect.name], values, False)
