"""An arm behind rosbridge that is watched while it moves, its gripper and its camera.

Two connections: goals go over one, everything that must never wait behind a goal (joint states, heartbeat, holds)
over the other. A fault holds the arm, ends the heartbeat so that the dead man's switch on the robot holds it too, and
stays until an operator has released it.
"""

import asyncio
import atexit
import concurrent.futures
import contextlib
import getpass
import json
import os
import secrets
import socket
import ssl
import sys
import threading
import time
import urllib.parse
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from grasp_tfp.errors import GraspError, RobotError, SafetyStop, UsageError
from grasp_tfp.robots import watchdog
from grasp_tfp.robots.messages import Dialect, image_bytes
from grasp_tfp.robots.rosbridge import Goal, GoalEnd, Rosbridge
from grasp_tfp.robots.settings import CellSettings, SecuritySettings

__all__ = ["DRIVEN", "YES_MOVE", "Arm", "Frame", "JointState", "ask_operator"]

Floats = NDArray[np.float64]
Message = dict[str, Any]
Answer = TypeVar("Answer")

YES_MOVE = "GRASPCTL_YES_MOVE"
"""Environment variable that names the robot that may move without a question, for scripts."""

BEAT = 0.05
"""Time between two heartbeats, and between two looks at a moving arm [s]."""

STATUS_AGE = 1.0
"""Longest silence of the dead man's switch [s], and at least twice its own limit."""

FIRST_MESSAGE = 3.0
"""Longest wait for a topic's first message [s]; rosbridge does not say that a topic has another type."""

DRIVEN = ("following", "resting")
"""States of the dead man's switch in which somebody has the arm."""

STANDS = np.radians(0.5)
"""Joint speed below which the arm is said to stand [rad/s]."""


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


def ask_operator(name: str, question: str) -> None:
    """Has the operator type the robot's name.

    Raises:
        RobotError: Another name was typed, or nobody can be asked.
    """
    if not sys.stdin.isatty():
        raise RobotError(
            f"{question} Nothing has moved. Expected somebody at a terminal to type {name!r}; a script sets "
            f"{YES_MOVE}={name}, which does not release a stopped robot."
        )
    typed = input(f"{question}\nType {name} to go on: ").strip()
    if typed != name:
        raise RobotError(f"Nothing has moved: expected {name!r}, received {typed!r}.")


class Arm:
    """Connects at once; moves nothing before `follow`.

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
        self.identity = f"{getpass.getuser()}@{socket.gethostname()}:{os.getpid()}-{secrets.token_hex(3)}"
        self._operator = operator
        self._dialect = Dialect(settings.dialect)
        self._joints: JointState | None = None
        self._wrong_names: list[str] = []
        self._frame: Frame | None = None
        self._status: tuple[Message, float] | None = None
        self._goal: Goal | None = None
        self._motion: Rosbridge | None = None
        self._beating: asyncio.Task[None] | None = None
        self._stopped = ""
        self._interrupted = False
        self._moving = False
        self._patience = max(STATUS_AGE, 2 * settings.limits.watchdog_timeout_s)
        self._closed = False
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"graspctl {name}", daemon=True)
        self._thread.start()
        atexit.register(self.close)
        try:
            self._wait(self._connect())
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
        limit = self.settings.limits.joint_state_timeout_s
        work = self._fresh(lambda: self._joints, newer_than, limit, max(limit, 1.0), "joint state")
        state: JointState = self._wait(work)
        return state

    def frame(self, newer_than: float = -np.inf) -> Frame:
        """The camera image now.

        Args:
            newer_than: Wait for one that was taken later, by the robot's clock [s].

        Raises:
            RobotError: None arrives in time.
        """
        limit = self.settings.camera.max_image_age_s
        frame: Frame = self._wait(
            self._fresh(lambda: self._frame, newer_than, limit, max(limit, FIRST_MESSAGE), "camera image")
        )
        return frame

    def watchdog_status(self) -> Message | None:
        """What the dead man's switch says; None if it says nothing."""
        if self._status is None or time.monotonic() - self._status[1] > self._patience:
            return None
        return self._status[0]

    def call(self, service: str, arguments: Message) -> Message:
        """Calls a service that moves nothing."""
        return self._wait(self._control.call(service, arguments, timeout=30))

    def follow(self, path: Floats, times: Floats) -> JointState:
        """Moves along joint angles (k, n) at `times` (k,) after the start [s], and returns where the arm came to rest.

        Raises:
            SafetyStop: It was held on the way, or had been before.
            RobotError: It may not move, or the controller refuses the goal.
        """
        motion = self._unlocked()
        trajectory = self._dialect.trajectory(self.settings.arm.joints, path[1:], times[1:].tolist())
        with self._held_when_interrupted():
            return self._wait(self._follow(motion, trajectory, path[-1], float(times[-1])))

    def grip(self, position: float) -> bool:
        """Moves the gripper to a position in its own unit; returns whether it met something, as far as it can tell."""
        motion = self._unlocked()
        with self._held_when_interrupted():
            return self._wait(self._followed_grip(motion, position))

    def hold(self) -> str:
        """Holds the arm where it is and says what was seen of that; safe to call at any time."""
        if self._closed or self.dry_run or self._motion is None:
            return "No motion was sent."
        self._interrupted = True
        try:
            return asyncio.run_coroutine_threadsafe(self._hold(), self._loop).result(3)
        except (GraspError, TimeoutError, concurrent.futures.CancelledError):
            return self._unseen()

    def close(self) -> None:
        """Holds the arm if it moves, gives the lease back, and ends the connections."""
        if self._closed:
            return
        if self._goal is not None:
            self.hold()
        self._closed = True
        atexit.unregister(self.close)
        with contextlib.suppress(TimeoutError, concurrent.futures.CancelledError):
            asyncio.run_coroutine_threadsafe(self._disconnect(), self._loop).result(3)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(3)
        if not self._loop.is_running():
            self._loop.close()

    async def _connect(self) -> None:
        self._control = await self._open()
        arm, camera = self.settings.arm, self.settings.camera
        await self._control.subscribe(arm.joint_states, "sensor_msgs/JointState", self._take_joints)
        await self._control.subscribe(
            camera.topic, "sensor_msgs/CompressedImage", self._take_image, "cbor" if camera.cbor else "none"
        )
        await self._control.subscribe(watchdog.STATUS, "std_msgs/String", self._take_status)
        await self._heard(lambda: self._joints, FIRST_MESSAGE)
        await self._heard(lambda: self._status, STATUS_AGE)
        if self._joints is None:
            found = f"one of {', '.join(self._wrong_names)}" if self._wrong_names else f"none in {FIRST_MESSAGE:g} s"
            raise RobotError(
                f"{self.name}: expected joint states of {', '.join(arm.joints)} on {arm.joint_states}, "
                f"received {found}. "
                "Nothing was sent. Check the topic, its type, and arm.joints."
            )

    async def _heard(self, latest: Callable[[], Any], timeout: float) -> None:
        """Waits for a first message, for some time [s]."""
        deadline = time.monotonic() + timeout
        while latest() is None and time.monotonic() < deadline and not self._control.closed:
            await asyncio.sleep(0.01)

    async def _open(self) -> Rosbridge:
        security = self.settings.security
        headers = _token(security)
        return await Rosbridge.open(
            self.settings.url, self._dialect, headers=headers, tls=_tls(self.settings.url, security)
        )

    def _take_joints(self, message: Message) -> None:
        places = {name: index for index, name in enumerate(message["name"])}
        if not set(self.settings.arm.joints) <= places.keys():
            self._wrong_names = list(message["name"])
            return
        order = [places[name] for name in self.settings.arm.joints]
        position = np.array(message["position"], np.float64)[order]
        velocity = np.array(message["velocity"] or np.full(len(places), np.nan), np.float64)[order]
        stamp = self._dialect.seconds(message["header"]["stamp"])
        self._joints = JointState(position, velocity, stamp, time.monotonic())

    def _take_image(self, message: Message) -> None:
        stamp = self._dialect.seconds(message["header"]["stamp"])
        self._frame = Frame(image_bytes(message), stamp, time.monotonic())

    def _take_status(self, message: Message) -> None:
        self._status = json.loads(message["data"]), time.monotonic()

    async def _fresh(self, latest: Callable[[], Any], after: float, limit: float, timeout: float, what: str) -> Any:
        deadline = time.monotonic() + timeout
        while True:
            self._refuse_if_stopped()
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

    def _unlocked(self) -> Rosbridge:
        """The connection for goals, once the operator has agreed and the dead man's switch follows us."""
        self._refuse_if_stopped()
        if self.dry_run:
            raise RobotError(f"{self.name}: a dry run moves nothing, and has no connection that could.")
        if self._motion is None:
            self._ask(self._checked_watchdog())
            self._motion = self._wait(self._take_lease())
        return self._motion

    def _refuse_if_stopped(self) -> None:
        if self._stopped:
            raise SafetyStop(f"{self.name} was stopped before: {self._stopped} Connect again to release it.")

    def _checked_watchdog(self) -> Message:
        status, limit = self.watchdog_status(), self.settings.limits.watchdog_timeout_s
        if status is None:
            raise RobotError(
                f"{self.name}: expected the watchdog on {watchdog.STATUS}, heard nothing. Nothing has moved. "
                f"A lost link does not stop an arm: run what graspctl robots watchdog {self.name} writes on the robot."
            )
        if status["timeout"] > limit:
            raise RobotError(
                f"{self.name}: expected a watchdog that waits at most {limit:g} s, received {status['timeout']:g} s. "
                "Nothing has moved. Start it with the timeout of the fleet file."
            )
        if status["state"] in DRIVEN:
            raise RobotError(
                f"{self.name} is being driven by {status['holder']}. Nothing was sent. Wait until they have ended."
            )
        return status

    def _ask(self, status: Message) -> None:
        limits, bridge = self.settings.limits, self.settings.url
        if status["state"] == "stopped":
            self._operator(
                self.name,
                f"{self.name} was stopped while {status['holder']} drove it, and is held. Look at the arm and at what "
                "it touches before it is released.",
            )
        elif not self.settings.twin and os.environ.get(YES_MOVE) != self.name:
            self._operator(
                self.name,
                f"{self.name} at {bridge} is about to move, at {limits.speed_scale:.0%} of its joint speeds, within "
                f"{limits.workspace_min_m} to {limits.workspace_max_m} m. The emergency stop is yours to reach; this "
                "program is none.",
            )

    async def _take_lease(self) -> Rosbridge:
        if self._status is not None and self._status[0]["state"] == "stopped":
            await self._say("release")
        motion = await self._open()
        self._beating = asyncio.create_task(self._beat())
        deadline = time.monotonic() + 1
        while time.monotonic() < deadline:
            await asyncio.sleep(BEAT)
            status = self.watchdog_status()
            if status is not None and status["state"] in DRIVEN and status["holder"] == self.identity:
                return motion
        self._beating.cancel()
        await motion.close()
        raise RobotError(
            f"{self.name}: the watchdog does not follow us: {self._status and self._status[0]}. Nothing has moved. "
            "Somebody else may have been faster, or the heartbeat topic is not passed on."
        )

    async def _beat(self) -> None:
        with contextlib.suppress(GraspError):
            while True:
                await self._say("beat" if self._moving else "rest")
                await asyncio.sleep(BEAT)

    @contextlib.asynccontextmanager
    async def _followed(self) -> AsyncIterator[None]:
        """What moves has a heartbeat from before it begins until it has ended."""
        self._moving = True
        await self._say("beat")
        try:
            yield
        finally:
            self._moving = False
        await self._say("rest")

    async def _say(self, word: str) -> None:
        await self._control.publish(watchdog.HEARTBEAT, "std_msgs/String", {"data": f"{word} {self.identity}"})

    async def _follow(self, motion: Rosbridge, trajectory: Message, target: Floats, seconds: float) -> JointState:
        arm = self.settings.arm
        self._interrupted = False
        if arm.action:
            body = self._dialect.trajectory_goal(trajectory, goal_time=1.0)
            async with self._followed():
                end = await self._supervised(motion, arm.action, "control_msgs/FollowJointTrajectory", body, seconds)
            if end.outcome == "canceled" and self._interrupted:
                raise SafetyStop(f"{self.name} was told to hold.")
            if end.outcome != "succeeded":
                raise await self._stop(f"the controller ended the move as {end.outcome}: {end.result}")
        else:
            async with self._followed():
                await motion.publish(arm.trajectory, "trajectory_msgs/JointTrajectory", trajectory)
                await self._arrived(target, seconds)
        assumed = self._joints.stamp if self._joints else -np.inf
        timeout = self.settings.limits.joint_state_timeout_s
        state: JointState = await self._fresh(lambda: self._joints, assumed, timeout, max(timeout, 1.0), "joint state")
        return state

    async def _supervised(self, motion: Rosbridge, action: str, kind: str, body: Message, seconds: float) -> GoalEnd:
        """Sends a goal and looks at the arm until it has ended."""
        before = self._joints
        self._goal = goal = await motion.start(action, kind, body)
        began = time.monotonic()
        try:
            while not goal.end.done():
                await asyncio.wait([goal.end], timeout=BEAT)
                fault = self._fault(time.monotonic() - began, seconds)
                if fault and not (goal.end.done() and goal.end.result().outcome == "succeeded"):
                    raise await self._stop(fault)
            end = goal.end.result()
        finally:
            self._goal = None
        rejected = end.outcome == "rejected" or end.result.get("error_code", 0) in (-1, -2, -3)
        if rejected and before is not None and self._stands_at(before.position):
            raise RobotError(
                f"{self.name}: {action} rejected the goal: {end.result}. The arm has not moved. "
                "Check that its controller is active and that arm.joints names its joints."
            )
        return end

    async def _arrived(self, target: Floats, seconds: float) -> None:
        """Waits until the arm stands at the target, where no action tells."""
        began = time.monotonic()
        while time.monotonic() - began < seconds or not self._stands_at(target):
            await asyncio.sleep(BEAT)
            fault = self._fault(time.monotonic() - began, seconds)
            if fault:
                raise await self._stop(fault)

    def _stands_at(self, target: Floats) -> bool:
        return self._joints is not None and bool(np.abs(self._joints.position - target).max() < 2e-3)

    def _fault(self, elapsed: float, seconds: float) -> str:
        """What is wrong with a move that has run for a time and should take `seconds`; nothing if it is empty."""
        limit, status = self.settings.limits.joint_state_timeout_s, self.watchdog_status()
        age = time.monotonic() - self._joints.received if self._joints else np.inf
        if self._control.closed or (self._motion is not None and self._motion.closed):
            return "the connection to rosbridge was lost."
        if age > limit:
            return f"no joint state for {age:.2f} s (limit {limit:g})."
        if status is None:
            return f"the watchdog has been silent for {self._patience:g} s."
        ours = DRIVEN if elapsed < self._patience / 2 else DRIVEN[:1]
        if status["state"] not in ours or status["holder"] != self.identity:
            return f"the watchdog says {status['state']}."
        if elapsed > 1.5 * seconds + 1.0:
            return f"a move of {seconds:.1f} s had not ended after {elapsed:.1f} s."
        return ""

    async def _stop(self, reason: str) -> SafetyStop:
        """Holds the arm, lets the dead man's switch fall too, and remembers it."""
        if self._beating is not None:
            self._beating.cancel()
        seen = await self._hold()
        self._stopped = f"{reason.rstrip('.')}."
        return SafetyStop(
            f"{self.name}: {self._stopped} {seen} Look at the arm before you touch it; it stays held until somebody "
            "types its name at the next start."
        )

    async def _hold(self) -> str:
        """Cancels the goal and holds the measured position, over the connection that no goal blocks."""
        try:
            if self._goal is not None and not self._goal.end.done():
                await self._control.cancel(self._goal)
            state = self._joints
            if state is not None and time.monotonic() - state.received < BEAT:
                point = self._dialect.trajectory(self.settings.arm.joints, state.position, [BEAT])
                await self._control.publish(self.settings.arm.trajectory, "trajectory_msgs/JointTrajectory", point)
        except RobotError:
            return self._unseen()
        sent = time.monotonic()
        while time.monotonic() < sent + 1.0:
            await asyncio.sleep(BEAT)
            state = self._joints
            if state is not None and state.received > sent + BEAT and self._slow(state):
                return "A hold was sent, and the arm was seen to stand still."
        return f"A hold was sent. {self._unseen()}"

    def _slow(self, state: JointState) -> bool:
        return bool(np.abs(state.velocity).max() < STANDS)

    def _unseen(self) -> str:
        timeout = self.settings.limits.watchdog_timeout_s
        return (
            "Whether the arm stands still cannot be seen from here; the watchdog on the robot holds it "
            f"{timeout:g} s after the last heartbeat."
        )

    async def _followed_grip(self, motion: Rosbridge, position: float) -> bool:
        async with self._followed():
            return await self._grip(motion, position)

    async def _grip(self, motion: Rosbridge, position: float) -> bool:
        gripper = self.settings.gripper
        if gripper.kind == "service":
            await motion.call(gripper.endpoint, {"width": position, "speed": gripper.effort})
            return False
        if gripper.kind == "gripper_command":
            kind, body = "control_msgs/GripperCommand", {"position": position, "max_effort": gripper.effort}
            end = await self._supervised(motion, gripper.endpoint, kind, {"command": body}, 5.0)
        elif gripper.kind == "parallel_gripper_command":
            kind = "control_msgs/ParallelGripperCommand"
            state = self._dialect.joint_state([gripper.joint], [position], [0.0], 0.0) | {"effort": [gripper.effort]}
            end = await self._supervised(motion, gripper.endpoint, kind, {"command": state}, 5.0)
        elif gripper.kind == "trajectory":
            body = self._dialect.trajectory_goal(self._dialect.trajectory([gripper.joint], [position], [0.5]), 1.0)
            end = await self._supervised(motion, gripper.endpoint, "control_msgs/FollowJointTrajectory", body, 5.0)
        else:
            kinds = "gripper_command, parallel_gripper_command, trajectory, service"
            raise UsageError(f"Unknown gripper kind {gripper.kind!r} of {self.name}. Expected one of: {kinds}.")
        return bool(end.result.get("stalled", False))

    async def _disconnect(self) -> None:
        if self._beating is not None and not self._beating.cancelled():
            self._beating.cancel()
            with contextlib.suppress(GraspError):
                if not self._stopped:
                    await self._say("bye")
        for connection in (self._motion, getattr(self, "_control", None)):
            if connection is not None:
                await connection.close()

    def _wait(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        """Runs work in the event loop of the background thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    @contextlib.contextmanager
    def _held_when_interrupted(self) -> Any:
        """Ctrl-C holds the arm before anything else happens."""
        try:
            yield
        except KeyboardInterrupt:
            print(f"{self.name}: interrupted. {self.hold()}", file=sys.stderr)
            raise


def _token(security: SecuritySettings) -> dict[str, str]:
    if not security.token_env:
        return {}
    token = os.environ.get(security.token_env, "")
    if not token:
        raise UsageError(f"Expected the robot's token in the environment variable {security.token_env}, found none.")
    return {"Authorization": f"Bearer {token}"}


def _tls(url: str, security: SecuritySettings) -> ssl.SSLContext | None:
    """How the server's certificate is verified; None for a connection without, which stays on this machine."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme == "wss":
        try:
            return ssl.create_default_context(cafile=os.path.expanduser(security.ca_file) or None)
        except OSError as error:
            raise UsageError(f"Cannot read security.ca_file {security.ca_file!r}: {error}.") from error
    if parts.hostname not in ("localhost", "127.0.0.1", "::1") and not security.allow_plaintext:
        raise UsageError(
            f"Refused to connect to {url}: expected wss://, or ws:// to this machine only. Use a proxy with TLS or an "
            "SSH tunnel, or set security.allow_plaintext."
        )
    return None
