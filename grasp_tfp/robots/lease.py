"""The right to drive an arm: a dead man's switch that follows us, and the heartbeat that it hears."""

import asyncio
import contextlib
import getpass
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from grasp_tfp.errors import GraspError, RobotError
from grasp_tfp.robots import watchdog
from grasp_tfp.robots.link import Link
from grasp_tfp.robots.rosbridge import Rosbridge

__all__ = ["BEAT", "DRIVEN", "YES_MOVE", "Lease"]

Message = dict[str, Any]

YES_MOVE = "GRASPCTL_YES_MOVE"
"""Environment variable that names the robot that may move without a question, for scripts."""

BEAT = 0.05
"""Time between two heartbeats, and between two looks at a moving arm [s]."""

DRIVEN = ("following", "resting")
"""States of the dead man's switch in which somebody has the arm."""


class Lease:
    """Asked for before the first motion, kept by a heartbeat, and given back at the end.

    Args:
        link: To the robot.
        operator: Called with name and question before the first motion; raises to refuse.
    """

    def __init__(self, link: Link, operator: Callable[[str, str], None]) -> None:
        self.identity = f"{getpass.getuser()}@{socket.gethostname()}:{os.getpid()}-{secrets.token_hex(3)}"
        self.operator = operator
        self._link = link
        self._beating: asyncio.Task[None] | None = None
        self._moving = False

    def ask(self) -> None:
        """Has the operator agree, unless the robot is a twin.

        Raises:
            RobotError: Nobody agreed, or the dead man's switch cannot follow us.
        """
        status, name, settings = self._checked_watchdog(), self._link.name, self._link.settings
        limits = settings.limits
        if status["state"] == "stopped":
            self.operator(
                name,
                f"{name} was stopped while {status['holder']} drove it, and is held. Look at the arm and at what "
                "it touches before it is released.",
            )
        elif not settings.twin and os.environ.get(YES_MOVE) != name:
            self.operator(
                name,
                f"{name} at {settings.url} is about to move, at {limits.speed_scale:.0%} of its joint speeds, within "
                f"{limits.workspace_min_m} to {limits.workspace_max_m} m. The emergency stop is yours to reach; this "
                "program is none.",
            )

    async def take(self) -> Rosbridge:
        """Begins the heartbeat and waits until it is heard; returns the connection for goals.

        Raises:
            RobotError: The dead man's switch follows somebody else.
        """
        if (self._link.watchdog_status() or {}).get("state") == "stopped":
            await self._say("release")
        motion = await self._link.open()
        self._beating = asyncio.create_task(self._beat())
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            await asyncio.sleep(BEAT)
            if self.held(DRIVEN):
                return motion
        self._beating.cancel()
        await motion.close()
        raise RobotError(
            f"{self._link.name}: the watchdog does not follow us: {self._link.watchdog_status()}. Nothing has moved. "
            "Somebody else may have been faster, or the heartbeat topic is not passed on."
        )

    def held(self, states: tuple[str, ...]) -> bool:
        """Whether the dead man's switch is in one of the states, and for us."""
        status = self._link.watchdog_status()
        return status is not None and status["state"] in states and status["holder"] == self.identity

    @contextlib.asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """What moves has a heartbeat from before it begins until it has ended."""
        self._moving = True
        await self._say("beat")
        try:
            yield
        finally:
            self._moving = False
        await self._say("rest")

    def drop(self) -> None:
        """Ends the heartbeat, so that the dead man's switch falls if the arm moves."""
        if self._beating is not None:
            self._beating.cancel()

    async def give_back(self) -> None:
        """Ends the heartbeat in order."""
        if self._beating is not None and not self._beating.cancelled():
            self._beating.cancel()
            with contextlib.suppress(GraspError):
                if not self._link.stopped:
                    await self._say("bye")

    def _checked_watchdog(self) -> Message:
        name, limit = self._link.name, self._link.settings.limits.watchdog_timeout_s
        status = self._link.watchdog_status()
        if status is None:
            raise RobotError(
                f"{name}: expected the watchdog on {watchdog.STATUS}, heard nothing. Nothing has moved. "
                f"A lost link does not stop an arm: run what graspctl robots watchdog {name} writes on the robot."
            )
        if status["timeout"] > limit:
            raise RobotError(
                f"{name}: expected a watchdog that waits at most {limit:g} s, received {status['timeout']:g} s. "
                "Nothing has moved. Start it with the timeout of the fleet file."
            )
        if status["state"] in DRIVEN:
            raise RobotError(
                f"{name} is being driven by {status['holder']}. Nothing was sent. Wait until they have ended."
            )
        return status

    async def _beat(self) -> None:
        with contextlib.suppress(GraspError):
            while True:
                await self._say("beat" if self._moving else "rest")
                await asyncio.sleep(BEAT)

    async def _say(self, word: str) -> None:
        text = {"data": f"{word} {self.identity}"}
        await self._link.control.publish(watchdog.HEARTBEAT, "std_msgs/String", text)
