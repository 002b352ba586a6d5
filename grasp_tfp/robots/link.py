"""What an arm and its camera say, over a connection of its own that no goal can block."""

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.errors import RobotError, SafetyStop
from grasp_tfp.robots import security, watchdog
from grasp_tfp.robots.messages import Dialect, image_bytes
from grasp_tfp.robots.rosbridge import Rosbridge
from grasp_tfp.robots.settings import CellSettings

__all__ = ["Frame", "JointState", "Link"]

Floats = NDArray[np.float64]
Message = dict[str, Any]

STATUS_AGE = 1.0
"""Longest silence of the dead man's switch [s], and at least twice its own limit."""

FIRST_MESSAGE = 3.0
"""Longest wait for a topic's first message [s]; rosbridge does not say that a topic has another type."""


class JointState(NamedTuple):
    """Where the joints are."""

    position: Floats
    """In the order of the fleet file [rad], (n,)."""

    velocity: Floats
    """[rad/s], (n,)."""

    stamp: float
    """When, by the robot's clock [s]."""

    received: float
    """When it came in, by this process's monotonic clock [s]."""


class Frame(NamedTuple):
    """One camera image."""

    data: bytes
    """The JPEG or PNG."""

    stamp: float
    """When, by the robot's clock [s]."""

    received: float
    """When it came in, by this process's monotonic clock [s]."""


class Link:
    """Joint states, images and the dead man's switch as they come in; `connect` before anything else.

    Args:
        name: Name in the fleet file.
        settings: Its table.
    """

    control: Rosbridge

    def __init__(self, name: str, settings: CellSettings) -> None:
        self.name, self.settings = name, settings
        self.dialect = Dialect(settings.dialect)
        self.patience = max(STATUS_AGE, 2 * settings.limits.watchdog_timeout_s)
        self.latest: JointState | None = None
        self.stopped = ""
        """Why the arm was stopped, which stays until somebody connects again."""
        self._wrong_names: list[str] = []
        self._frame: Frame | None = None
        self._status: tuple[Message, float] | None = None

    async def connect(self) -> None:
        """Opens the connection and waits for the first joint state.

        Raises:
            RobotError: The robot cannot be reached or is not as the fleet file says.
        """
        self.control = await self.open()
        arm, camera = self.settings.arm, self.settings.camera
        await self.control.subscribe(arm.joint_states, "sensor_msgs/JointState", self._take_joints)
        await self.control.subscribe(
            camera.topic, "sensor_msgs/CompressedImage", self._take_image, "cbor" if camera.cbor else "none"
        )
        await self.control.subscribe(watchdog.STATUS, "std_msgs/String", self._take_status)
        await self._heard(lambda: self.latest, FIRST_MESSAGE)
        await self._heard(lambda: self._status, STATUS_AGE)
        if self.latest is None:
            found = f"one of {', '.join(self._wrong_names)}" if self._wrong_names else f"none in {FIRST_MESSAGE:g} s"
            raise RobotError(
                f"{self.name}: expected joint states of {', '.join(arm.joints)} on {arm.joint_states}, "
                f"received {found}. "
                "Nothing was sent. Check the topic, its type, and arm.joints."
            )

    async def open(self) -> Rosbridge:
        """One more connection to the robot.

        Raises:
            RobotError: It cannot be reached, or is not who it should be.
        """
        url, rules = self.settings.url, self.settings.security
        return await Rosbridge.open(url, self.dialect, headers=security.headers(rules), tls=security.tls(url, rules))

    async def joints(self, newer_than: float) -> JointState:
        """The joint state now, measured after `newer_than` by the robot's clock [s].

        Raises:
            RobotError: None arrives in time.
        """
        limit = self.settings.limits.joint_state_timeout_s
        state: JointState = await self._fresh(lambda: self.latest, newer_than, limit, max(limit, 1.0), "joint state")
        return state

    async def frame(self, newer_than: float) -> Frame:
        """The camera image now, taken after `newer_than` by the robot's clock [s].

        Raises:
            RobotError: None arrives in time.
        """
        limit = self.settings.camera.max_image_age_s
        frame: Frame = await self._fresh(
            lambda: self._frame, newer_than, limit, max(limit, FIRST_MESSAGE), "camera image"
        )
        return frame

    def watchdog_status(self) -> Message | None:
        """What the dead man's switch says; None if it says nothing."""
        if self._status is None or time.monotonic() - self._status[1] > self.patience:
            return None
        return self._status[0]

    def age(self) -> float:
        """Of the latest joint state [s]."""
        return time.monotonic() - self.latest.received if self.latest else np.inf

    def stands_at(self, target: Floats) -> bool:
        """Whether the joints are at angles (n,) [rad]."""
        return self.latest is not None and bool(np.abs(self.latest.position - target).max() < 2e-3)

    def refuse_if_stopped(self) -> None:
        """Lets nothing go on after a stop.

        Raises:
            SafetyStop: There was one.
        """
        if self.stopped:
            raise SafetyStop(f"{self.name} was stopped before: {self.stopped} Connect again to release it.")

    async def _heard(self, latest: Callable[[], Any], timeout: float) -> None:
        """Waits for a first message, for some time [s]."""
        deadline = time.monotonic() + timeout
        while latest() is None and time.monotonic() < deadline and not self.control.closed:
            await asyncio.sleep(0.01)

    async def _fresh(self, latest: Callable[[], Any], after: float, limit: float, timeout: float, what: str) -> Any:
        deadline = time.monotonic() + timeout
        while True:
            self.refuse_if_stopped()
            state, now = latest(), time.monotonic()
            if state is not None and state.stamp > after and now - state.received <= limit:
                return state
            if now > deadline:
                age = "none" if state is None else f"one of {now - state.received:.2f} s ago"
                raise RobotError(
                    f"{self.name}: expected a new {what} at most {limit:g} s old, received {age}"
                    f"{', from before the last motion' if age != 'none' and state.stamp <= after else ''}. "
                    f"No move is under way. Check the {what.split()[0]} driver on the robot."
                )
            await asyncio.sleep(0.002)

    def _take_joints(self, message: Message) -> None:
        places = {name: index for index, name in enumerate(message["name"])}
        if not set(self.settings.arm.joints) <= places.keys():
            self._wrong_names = list(message["name"])
            return
        order = [places[name] for name in self.settings.arm.joints]
        position = np.array(message["position"], np.float64)[order]
        velocity = np.array(message["velocity"] or np.full(len(places), np.nan), np.float64)[order]
        stamp = self.dialect.seconds(message["header"]["stamp"])
        self.latest = JointState(position, velocity, stamp, time.monotonic())

    def _take_image(self, message: Message) -> None:
        stamp = self.dialect.seconds(message["header"]["stamp"])
        self._frame = Frame(image_bytes(message), stamp, time.monotonic())

    def _take_status(self, message: Message) -> None:
        self._status = json.loads(message["data"]), time.monotonic()
