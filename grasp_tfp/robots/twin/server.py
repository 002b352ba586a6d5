"""A rosbridge server (protocol v2) before a simulated arm, in the dialect of ROS 1 or ROS 2, with faults on request.

Like a real one it has no opinion on safety: the arm follows whatever goal comes, and goes on when its sender is gone.
The dead man's switch beside it is the one that `graspctl robots watchdog` writes for a real robot.
"""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import functools
import json
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TextIO

import cbor2
import numpy as np
import websockets
from websockets.asyncio.server import ServerConnection, serve

from grasp_tfp.errors import unknown_name
from grasp_tfp.robots import watchdog
from grasp_tfp.robots.cell import BEGIN, DESCRIBE, END
from grasp_tfp.robots.chain import Chain
from grasp_tfp.robots.messages import Dialect, image_bytes
from grasp_tfp.robots.settings import CellSettings
from grasp_tfp.robots.twin.cell import TwinCell
from grasp_tfp.robots.twin.joints import Joints

__all__ = ["FAULTS", "TwinServer"]

Message = dict[str, Any]

FAULTS = ("freeze", "drop", "stale-image", "rejected-goal", "slow", "blocking")
"""What can go wrong: the bridge freezes or drops its connections in the middle of the first move, the camera repeats
one image, goals are rejected, moves take four times as long, or a goal blocks its connection until it has ended."""

JOINT_PERIOD = 0.01
CAMERA_PERIOD = 1 / 30
STATUS_PERIOD = 0.05
FAULT_AFTER = 0.3
"""How long after the beginning of a move `freeze` and `drop` happen [s]."""

SLOWER = 4.0
REACHED = {"ros1": 3, "ros2": 4}
CANCELED = {"ros1": 2, "ros2": 5}
ABORTED = {"ros1": 5, "ros2": 6}


@dataclasses.dataclass
class _Running:
    """A goal that is followed."""

    id: str
    canceled: asyncio.Event


class TwinServer:
    """The arm and its server.

    Args:
        cell: What stands around the arm.
        settings: Names and topics, as a client's fleet file has them.
        chain: The arm's kinematics.
        speed: How many times faster than a real arm it moves.
        fault: One of `FAULTS`, or nothing.
        trace: Where the arm's own positions are written, as JSON lines of monotonic time and angles.

    Raises:
        UsageError: There is no such fault.
    """

    def __init__(
        self,
        cell: TwinCell,
        settings: CellSettings,
        chain: Chain,
        *,
        speed: float = 1.0,
        fault: str = "",
        trace: Path | None = None,
    ) -> None:
        if fault and fault not in FAULTS:
            raise unknown_name("fault", fault, FAULTS)
        self._cell, self._settings, self._chain = cell, settings, chain
        self._dialect = Dialect(settings.dialect)
        self._speed, self._fault = speed, fault
        self._joints = Joints(chain.home)
        self._jaw = Joints([settings.gripper.open])
        self._dead_man = watchdog.DeadMan(settings.limits.watchdog_timeout_s)
        self._goals: dict[str, _Running] = {}
        self._subscribers: dict[str, dict[ServerConnection, str]] = {}
        self._frozen = False
        self._moved = False
        self._first_image: tuple[bytes, float] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._workers = concurrent.futures.ThreadPoolExecutor(1)
        self._trace = trace

    async def run(self, host: str, port: int, started: Callable[[int], Coroutine[Any, Any, None]]) -> None:
        """Serves until cancelled.

        Args:
            host: Address to listen at.
            port: 0 for any that is free.
            started: Called with the port.
        """
        with contextlib.ExitStack() as stack:
            stack.callback(self._workers.shutdown)
            trace = stack.enter_context(self._trace.open("w", encoding="utf-8")) if self._trace else None
            async with serve(self._serve, host, port, compression=None, max_size=2**24) as server:
                inner = next(iter(server.sockets)).getsockname()[1]
                loops = [self._publish_joints(trace), self._publish_images(), self._publish_status(), started(inner)]
                tasks = [asyncio.ensure_future(loop) for loop in loops]
                try:
                    await asyncio.gather(*tasks)
                finally:
                    for task in tasks:
                        if not task.cancelling():
                            task.cancel()
                    await asyncio.gather(*tasks, return_exceptions=True)

    def _now(self) -> float:
        """The arm's clock, which runs faster where the arm does [s]."""
        return time.monotonic() * self._speed

    async def _serve(self, connection: ServerConnection) -> None:
        """Handles the operations of one connection; its goals go on when it closes."""
        with contextlib.suppress(websockets.ConnectionClosed):
            async for text in connection:
                if self._frozen:
                    continue
                message = json.loads(text)
                handler = getattr(self, f"_on_{message.get('op')}", None)
                if handler is not None:
                    await handler(connection, message)
        for topic in self._subscribers.values():
            topic.pop(connection, None)

    async def _on_subscribe(self, connection: ServerConnection, message: Message) -> None:
        self._subscribers.setdefault(message["topic"], {})[connection] = message.get("compression", "none")

    async def _on_unsubscribe(self, connection: ServerConnection, message: Message) -> None:
        self._subscribers.get(message["topic"], {}).pop(connection, None)

    async def _on_publish(self, connection: ServerConnection, message: Message) -> None:
        topic, body = message["topic"], message["msg"]
        actions = (self._settings.arm.action, self._settings.gripper.endpoint)
        if topic == watchdog.HEARTBEAT:
            self._dead_man.hear(body["data"], time.monotonic())
        elif topic == self._settings.arm.trajectory and self._fault != "rejected-goal":
            self._follow(body)
        elif topic.removesuffix("/goal") in actions:
            action, goal = topic.removesuffix("/goal"), body["goal_id"]["id"]
            await self._run(connection, action, goal, body["goal"], functools.partial(self._topic_result, action, goal))
        elif topic.removesuffix("/cancel") in actions:
            self._cancel(body.get("id", ""))

    async def _on_send_action_goal(self, connection: ServerConnection, message: Message) -> None:
        async def answer(status: int, values: Message, feedback: bool = False) -> None:
            op = "action_feedback" if feedback else "action_result"
            if feedback and not message.get("feedback"):
                return
            body = {"op": op, "id": message["id"], "action": message["action"], "values": values}
            await self._send(connection, body if feedback else body | {"status": status, "result": status == 4})

        await self._run(connection, message["action"], message["id"], message.get("args", {}), answer)

    async def _on_cancel_action_goal(self, connection: ServerConnection, message: Message) -> None:
        self._cancel(message.get("id", ""))

    async def _on_call_service(self, connection: ServerConnection, message: Message) -> None:
        service, arguments = message["service"], message.get("args", {})
        values: Any = None
        if service == BEGIN:
            values = await self._work(self._cell.begin, arguments["index"], arguments["image_size"])
            self._jaw = Joints([self._settings.gripper.open])
            self._first_image = None
        elif service == END:
            values = self._cell.result()
        elif service == DESCRIBE:
            values = self._cell.describe()
        elif service == self._settings.gripper.endpoint:
            await self._grip(float(arguments["width"]))
            values = {"error": 0}
        answer = {"op": "service_response", "id": message.get("id"), "service": service}
        known = values is not None
        await self._send(connection, answer | {"values": values if known else "no such service", "result": known})

    def _cancel(self, goal: str) -> None:
        """Ends one goal, or all of them where none is named."""
        for running in list(self._goals.values()):
            if goal in ("", running.id):
                running.canceled.set()

    async def _run(self, connection: ServerConnection, action: str, goal: str, body: Message, answer: Any) -> None:
        """Follows a goal beside the connection; with the fault `blocking` before its next message."""
        follow = self._move if action == self._settings.arm.action else self._use_jaw
        self._goals[goal] = _Running(goal, asyncio.Event())
        if self._fault == "blocking":
            await follow(goal, body, answer)
            return
        task = asyncio.create_task(follow(goal, body, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _move(self, goal: str, body: Message, answer: Any) -> None:
        """`control_msgs/FollowJointTrajectory`."""
        running = self._goals[goal]
        if self._fault == "rejected-goal" or not self._follow(body["trajectory"]):
            del self._goals[goal]
            await answer(ABORTED[self._dialect.name], {"error_code": -1, "error_string": "Invalid goal"})
            return
        self._spoil()
        while self._now() < self._joints.end() and not running.canceled.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(running.canceled.wait(), JOINT_PERIOD)
            await answer(0, {"actual": {"positions": self._joints.position(self._now()).tolist()}}, feedback=True)
        del self._goals[goal]
        if running.canceled.is_set():
            self._joints.hold(self._now())
            await answer(CANCELED[self._dialect.name], {"error_code": 0, "error_string": "canceled"})
        elif self._dead_man.state == "stopped":
            await answer(ABORTED[self._dialect.name], {"error_code": -4, "error_string": "held by the watchdog"})
        else:
            await answer(REACHED[self._dialect.name], {"error_code": 0, "error_string": ""})

    async def _use_jaw(self, goal: str, body: Message, answer: Any) -> None:
        """`control_msgs/GripperCommand`, `ParallelGripperCommand`, or a trajectory of its joint."""
        if "trajectory" in body:
            position = float(body["trajectory"]["points"][-1]["positions"][0])
        else:
            position = float(np.ravel(body["command"]["position"])[0])
        held = await self._grip(position)
        del self._goals[goal]
        values = {"position": position, "effort": 0.0, "stalled": held, "reached_goal": not held}
        await answer(REACHED[self._dialect.name], values)

    async def _grip(self, position: float) -> bool:
        """Moves the jaw; returns whether it met something."""
        held = False
        if abs(position - self._settings.gripper.closed) < abs(position - self._settings.gripper.open):
            held = await self._work(self._cell.close_jaw, self._joints.position(self._now()))
        self._jaw.follow([[position]], [[0.0]], [0.3], self._now())
        await asyncio.sleep(0.3 / self._speed)
        return held

    def _follow(self, trajectory: Message) -> bool:
        """Begins a trajectory; False for one that a joint trajectory controller rejects."""
        names, points = trajectory["joint_names"], trajectory["points"]
        if sorted(names) != sorted(self._settings.arm.joints) or (not points and self._dialect.name == "ros2"):
            return False
        if not points:
            self._joints.hold(self._now())
            return True
        order = [names.index(name) for name in self._settings.arm.joints]
        positions = np.array([point["positions"] for point in points])[:, order]
        velocities = np.array([point["velocities"] or [0.0] * len(order) for point in points])[:, order]
        times = np.array([self._dialect.seconds(point["time_from_start"]) for point in points])
        slow = SLOWER if self._fault == "slow" else 1.0
        self._joints.follow(positions, velocities / slow, times * slow, self._now())
        self._moved = True
        return True

    def _spoil(self) -> None:
        """Lets `freeze` and `drop` happen in the middle of this move."""

        def spoil() -> None:
            self._frozen = self._fault == "freeze"
            for connection in {socket for topic in self._subscribers.values() for socket in topic}:
                if self._fault == "drop":
                    connection.transport.abort()

        if self._fault in ("freeze", "drop"):
            asyncio.get_running_loop().call_later(FAULT_AFTER, spoil)

    async def _publish_joints(self, trace: TextIO | None) -> None:
        """Publishes where the joints are, and lets the dead man's switch hold them."""
        while True:
            now = self._now()
            if self._dead_man.must_hold(time.monotonic()):
                self._joints.hold(now)
            position = self._joints.position(now)
            if trace is not None:
                print(json.dumps([time.monotonic(), position.tolist()]), file=trace, flush=True)
            velocity = self._joints.velocity(now) * self._speed
            message = self._dialect.joint_state(self._settings.arm.joints[::-1], position[::-1], velocity[::-1], now)
            await self._broadcast(self._settings.arm.joint_states, message)
            await asyncio.sleep(JOINT_PERIOD)

    async def _publish_images(self) -> None:
        """Publishes what the camera sees, as long as somebody looks."""
        topic = self._settings.camera.topic
        while True:
            if self._subscribers.get(topic):
                now = self._now()
                image = await self._work(self._cell.image, self._joints.position(now)), now
                if self._fault == "stale-image" and self._moved:
                    image = self._first_image = self._first_image or image
                await self._broadcast(topic, self._dialect.compressed_image("rgb8; png compressed bgr8", *image))
            await asyncio.sleep(max(CAMERA_PERIOD / self._speed, JOINT_PERIOD))

    async def _publish_status(self) -> None:
        while True:
            await self._broadcast(watchdog.STATUS, {"data": self._dead_man.status()})
            active = [{"goal_id": self._goal_id(goal), "status": 1, "text": ""} for goal in self._goals]
            for action in (self._settings.arm.action, self._settings.gripper.endpoint):
                message = {"header": self._dialect.header(self._now()), "status_list": active}
                await self._broadcast(f"{action}/status", message)
            await asyncio.sleep(STATUS_PERIOD)

    async def _topic_result(self, action: str, goal: str, status: int, values: Message, feedback: bool = False) -> None:
        """Feedback and result of an action as ROS 1 has them."""
        state = {"goal_id": self._goal_id(goal), "status": 1 if feedback else status, "text": ""}
        head = {"header": self._dialect.header(self._now())}
        await self._broadcast(f"{action}/status", head | {"status_list": [state]})
        name = "feedback" if feedback else "result"
        await self._broadcast(f"{action}/{name}", head | {"status": state, name: values})

    def _goal_id(self, goal: str) -> Message:
        return {"stamp": self._dialect.time(self._now()), "id": goal}

    async def _broadcast(self, topic: str, message: Message) -> None:
        body = {"op": "publish", "topic": topic, "msg": message}
        for connection, compression in list(self._subscribers.get(topic, {}).items()):
            if compression == "cbor" and "format" in message:
                await self._send(connection, body | {"msg": message | {"data": image_bytes(message)}}, binary=True)
            else:
                await self._send(connection, body)

    async def _send(self, connection: ServerConnection, message: Message, binary: bool = False) -> None:
        if not self._frozen:
            websockets.broadcast([connection], cbor2.dumps(message) if binary else json.dumps(message))

    async def _work(self, function: Any, *arguments: Any) -> Any:
        """Runs physics and rendering beside the event loop, one call at a time."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, function, *arguments)
