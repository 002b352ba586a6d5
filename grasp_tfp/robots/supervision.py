"""Moves that are watched while they last: a fault holds the arm, and it stays held.

Goals go over one connection, holds over the other, which no goal blocks.
"""

import asyncio
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.errors import RobotError, SafetyStop
from grasp_tfp.robots.lease import BEAT, DRIVEN, Lease
from grasp_tfp.robots.link import JointState, Link
from grasp_tfp.robots.rosbridge import Goal, GoalEnd, Rosbridge

__all__ = ["Supervision"]

Floats = NDArray[np.float64]
Message = dict[str, Any]

STANDS = np.radians(0.5)
"""Joint speed below which the arm is said to stand [rad/s]."""


class Supervision:
    """Sends goals and looks at the arm until they have ended.

    Args:
        link: To the robot.
        lease: Of the arm.
    """

    def __init__(self, link: Link, lease: Lease) -> None:
        self.link, self.lease = link, lease
        self.motion: Rosbridge | None = None
        """The connection for goals; None before the lease was taken."""
        self.goal: Goal | None = None
        """Under way."""
        self._interrupted = False

    async def follow(self, motion: Rosbridge, trajectory: Message, target: Floats, seconds: float) -> JointState:
        """Moves along a trajectory that ends at joint angles (n,) after some time [s], and says where the arm stands.

        Raises:
            SafetyStop: It was held on the way.
            RobotError: The controller refuses.
        """
        link, arm = self.link, self.link.settings.arm
        self._interrupted = False
        if arm.action:
            body = link.dialect.trajectory_goal(trajectory, goal_time=1.0)
            async with self.lease.followed():
                end = await self.run(motion, arm.action, "control_msgs/FollowJointTrajectory", body, seconds)
            if end.outcome == "canceled" and self._interrupted:
                raise SafetyStop(f"{link.name} was told to hold.")
            if end.outcome != "succeeded":
                raise await self._stop(f"the controller ended the move as {end.outcome}: {end.result}")
        else:
            async with self.lease.followed():
                await motion.publish(arm.trajectory, "trajectory_msgs/JointTrajectory", trajectory)
                await self._arrived(target, seconds)
        return await link.joints(newer_than=link.latest.stamp if link.latest else -np.inf)

    async def run(self, motion: Rosbridge, action: str, kind: str, body: Message, seconds: float) -> GoalEnd:
        """Sends a goal that should take some time [s], and looks at the arm until it has ended.

        Raises:
            SafetyStop: The arm was held.
            RobotError: The goal was rejected, and the arm has not moved.
        """
        before = self.link.latest
        self.goal = goal = await motion.start(action, kind, body)
        began = time.monotonic()
        try:
            while not goal.end.done():
                await asyncio.wait([goal.end], timeout=BEAT)
                fault = self._fault(time.monotonic() - began, seconds)
                if fault and not (goal.end.done() and goal.end.result().outcome == "succeeded"):
                    raise await self._stop(fault)
            end = goal.end.result()
        finally:
            self.goal = None
        rejected = end.outcome == "rejected" or end.result.get("error_code", 0) in (-1, -2, -3)
        if rejected and before is not None and self.link.stands_at(before.position):
            raise RobotError(
                f"{self.link.name}: {action} rejected the goal: {end.result}. The arm has not moved. "
                "Check that its controller is active and that arm.joints names its joints."
            )
        return end

    async def hold(self) -> str:
        """Cancels the goal and holds the measured position; says what was seen of that."""
        self._interrupted, link = True, self.link
        try:
            if self.goal is not None and not self.goal.end.done():
                await link.control.cancel(self.goal)
            state = link.latest
            if state is not None and link.age() < BEAT:
                point = link.dialect.trajectory(link.settings.arm.joints, state.position, [BEAT])
                await link.control.publish(link.settings.arm.trajectory, "trajectory_msgs/JointTrajectory", point)
        except RobotError:
            return self.unseen()
        sent = time.monotonic()
        while time.monotonic() < sent + 1.0:
            await asyncio.sleep(BEAT)
            state = link.latest
            if state is not None and state.received > sent + BEAT and np.abs(state.velocity).max() < STANDS:
                return "A hold was sent, and the arm was seen to stand still."
        return f"A hold was sent. {self.unseen()}"

    def unseen(self) -> str:
        """What to say of an arm that is not seen."""
        timeout = self.link.settings.limits.watchdog_timeout_s
        return (
            "Whether the arm stands still cannot be seen from here; the watchdog on the robot holds it "
            f"{timeout:g} s after the last heartbeat."
        )

    async def _arrived(self, target: Floats, seconds: float) -> None:
        """Waits until the arm stands at the target, where no action tells."""
        began = time.monotonic()
        while time.monotonic() - began < seconds or not self.link.stands_at(target):
            await asyncio.sleep(BEAT)
            fault = self._fault(time.monotonic() - began, seconds)
            if fault:
                raise await self._stop(fault)

    def _fault(self, elapsed: float, seconds: float) -> str:
        """What is wrong with a move that has run for a time and should take `seconds`; nothing if it is empty."""
        link, status = self.link, self.link.watchdog_status()
        limit, age = link.settings.limits.joint_state_timeout_s, link.age()
        if link.control.closed or (self.motion is not None and self.motion.closed):
            return "the connection to rosbridge was lost."
        if age > limit:
            return f"no joint state for {age:.2f} s (limit {limit:g})."
        if status is None:
            return f"the watchdog has been silent for {link.patience:g} s."
        if not self.lease.held(DRIVEN if elapsed < link.patience / 2 else DRIVEN[:1]):
            return f"the watchdog says {status['state']}."
        if elapsed > 1.5 * seconds + 1.0:
            return f"a move of {seconds:.1f} s had not ended after {elapsed:.1f} s."
        return ""

    async def _stop(self, reason: str) -> SafetyStop:
        """Holds the arm, lets the dead man's switch fall too, and remembers it."""
        self.lease.drop()
        seen = await self.hold()
        self.link.stopped = f"{reason.rstrip('.')}."
        return SafetyStop(
            f"{self.link.name}: {self.link.stopped} {seen} Look at the arm before you touch it; it stays held until "
            "somebody types its name at the next start."
        )
