"""An arm behind rosbridge that is watched while it moves, its gripper and its camera.

Two connections: goals go over one, everything that must never wait behind a goal (joint states, heartbeat, holds)
over the other. A fault holds the arm, ends the heartbeat so that the dead man's switch on the robot holds it too, and
stays until an operator has released it.
"""

import asyncio
import atexit
import concurrent.futures
import contextlib
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.errors import GraspError, RobotError
from grasp_tfp.robots import gripper
from grasp_tfp.robots.lease import Lease
from grasp_tfp.robots.link import Frame, JointState, Link
from grasp_tfp.robots.operator import ask_operator
from grasp_tfp.robots.rosbridge import Rosbridge
from grasp_tfp.robots.settings import CellSettings
from grasp_tfp.robots.supervision import Supervision

__all__ = ["Arm"]

Floats = NDArray[np.float64]
Message = dict[str, Any]
Answer = TypeVar("Answer")


class Arm:
    """Connects at once; moves nothing before `follow`. Its work runs in the event loop of a background thread.

    Args:
        name: Name in the fleet file.
        settings: Its table.
        dry_run: Whether nothing must move: there is no connection for goals then, and no heartbeat.
        operator: Called with name and question before the first motion; raises to refuse.

    Raises:
        RobotError: The robot cannot be reached or is not as the fleet file says.
    """

    def __init__(
        self,
        name: str,
        settings: CellSettings,
        *,
        dry_run: bool = False,
        operator: Callable[[str, str], None] = ask_operator,
    ) -> None:
        self.name, self.settings, self.dry_run = name, settings, dry_run
        self._link = Link(name, settings)
        self.lease = Lease(self._link, operator)
        self._supervision = Supervision(self._link, self.lease)
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"graspctl {name}", daemon=True)
        self._thread.start()
        atexit.register(self.close)
        try:
            self._wait(self._link.connect())
        except BaseException:
            self.close()
            raise

    def joints(self, newer_than: float = -np.inf) -> JointState:
        """The joint state now.

        Args:
            newer_than: Wait for one that was measured later, by the robot's clock [s].

        Raises:
            RobotError: None arrives in time.
        """
        return self._wait(self._link.joints(newer_than))

    def frame(self, newer_than: float = -np.inf) -> Frame:
        """The camera image now.

        Args:
            newer_than: Wait for one that was taken later, by the robot's clock [s].

        Raises:
            RobotError: None arrives in time.
        """
        return self._wait(self._link.frame(newer_than))

    def watchdog_status(self) -> Message | None:
        """What the dead man's switch says; None if it says nothing."""
        return self._link.watchdog_status()

    def call(self, service: str, arguments: Message) -> Message:
        """Calls a service that moves nothing."""
        return self._wait(self._link.control.call(service, arguments, timeout=30))

    def follow(self, path: Floats, times: Floats) -> JointState:
        """Moves along joint angles (k, n) at `times` (k,) after the start [s], and returns where the arm came to rest.

        Raises:
            SafetyStop: It was held on the way, or had been before.
            RobotError: It may not move, or the controller refuses the goal.
        """
        motion = self._unlocked()
        trajectory = self._link.dialect.trajectory(self.settings.arm.joints, path[1:], times[1:].tolist())
        with self._held_when_interrupted():
            return self._wait(self._supervision.follow(motion, trajectory, path[-1], float(times[-1])))

    def grip(self, position: float) -> bool:
        """Moves the gripper to a position in its own unit; returns whether it met something, as far as it can tell."""
        motion = self._unlocked()
        with self._held_when_interrupted():
            return self._wait(gripper.grip(self._supervision, motion, position))

    def hold(self) -> str:
        """Holds the arm where it is and says what was seen of that; safe to call at any time."""
        if self._closed or self._supervision.motion is None:
            return "No motion was sent."
        try:
            return asyncio.run_coroutine_threadsafe(self._supervision.hold(), self._loop).result(3)
        except (GraspError, TimeoutError, concurrent.futures.CancelledError):
            return self._supervision.unseen()

    def close(self) -> None:
        """Holds the arm if it moves, gives the lease back, and ends the connections."""
        if self._closed:
            return
        if self._supervision.goal is not None:
            self.hold()
        self._closed = True
        atexit.unregister(self.close)
        with contextlib.suppress(TimeoutError, concurrent.futures.CancelledError):
            asyncio.run_coroutine_threadsafe(self._disconnect(), self._loop).result(3)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(3)
        if not self._loop.is_running():
            self._loop.close()

    def _unlocked(self) -> Rosbridge:
        """The connection for goals, once the operator has agreed and the dead man's switch follows us."""
        self._link.refuse_if_stopped()
        if self.dry_run:
            raise RobotError(f"{self.name}: a dry run moves nothing, and has no connection that could.")
        if self._supervision.motion is None:
            self.lease.ask()
            self._supervision.motion = self._wait(self.lease.take())
        return self._supervision.motion

    async def _disconnect(self) -> None:
        await self.lease.give_back()
        for connection in (self._supervision.motion, getattr(self._link, "control", None)):
            if connection is not None:
                await connection.close()

    def _wait(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Runs work in the event loop of the background thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    @contextlib.contextmanager
    def _held_when_interrupted(self) -> Iterator[None]:
        """Ctrl-C holds the arm before anything else happens."""
        try:
            yield
        except KeyboardInterrupt:
            print(f"{self.name}: interrupted. {self.hold()}", file=sys.stderr)
            raise
