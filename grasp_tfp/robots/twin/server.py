"""A rosbridge server (protocol v2) before a simulated arm, in the dialect of ROS 1 or ROS 2, with faults on request.

Like a real one it has no opinion on safety: the arm follows whatever goal comes, and goes on when its sender is gone.
The dead man's switch beside it is the one that `graspctl robots watchdog` writes for a real robot.
"""

import asyncio
import base64
import contextlib
import functools
import json
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TextIO

import websockets
from websockets.asyncio.server import ServerConnection, serve

from grasp_tfp.robots import watchdog
from grasp_tfp.robots.cell import BEGIN, DESCRIBE, END
from grasp_tfp.robots.chain import Chain
from grasp_tfp.robots.messages import Dialect
from grasp_tfp.robots.settings import CellSettings
from grasp_tfp.robots.twin.cell import TwinCell
from grasp_tfp.robots.twin.controllers import Controllers
from grasp_tfp.robots.twin.hub import Hub

__all__ = ["TwinServer"]

Message = dict[str, Any]

JOINT_PERIOD = 0.01
CAMERA_PERIOD = 1 / 30
STATUS_PERIOD = 0.05
FAULT_AFTER = 0.3
"""How long after the beginning of a move `freeze` and `drop` happen [s]."""


BLACK = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAEElEQVR4nGNgGAWjYBTAAAADEAABPywr7AAAAABJRU5ErkJggg=="
)
"""A black picture, as PNG."""


class TwinServer:
    """The arm and its server.

    Args:
        cell: What stands around the arm.
        settings: Names and topics, as a client's fleet file has them.
        chain: The arm's kinematics.
        speed: How many times faster than a real arm it moves.
        fault: One of `controllers.FAULTS`, or nothing.
        fault_in: Number of the only trial in which the camera has its fault; all if None.
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
        fault_in: int | None = None,
        trace: Path | None = None,
    ) -> None:
        self._cell, self._settings = cell, settings
        self._dialect = Dialect(settings.dialect)
        self._speed, self._fault, self._fault_in = speed, fault, fault_in
        self._trial: int | None = None
        self._hub = Hub()
        self._arm = Controllers(cell, settings, chain, speed=speed, fault=fault, spoil=self._spoil)
        self._first_image: tuple[bytes, float] | None = None
        self._trace = trace

    async def run(self, host: str, port: int, started: Callable[[int], Coroutine[Any, Any, None]]) -> None:
        """Serves until cancelled.

        Args:
            host: Address to listen at.
            port: 0 for any that is free.
            started: Called with the port.
        """
        with contextlib.ExitStack() as stack:
            stack.callback(self._arm.close)
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

    async def _serve(self, connection: ServerConnection) -> None:
        """Handles the operations of one connection; its goals go on when it closes."""
        with contextlib.suppress(websockets.ConnectionClosed):
            async for text in connection:
                if self._hub.frozen:
                    continue
                message = json.loads(text)
                handler = getattr(self, f"_on_{message.get('op')}", None)
                if handler is not None:
                    await handler(connection, message)
        self._hub.unsubscribe(connection)

    async def _on_subscribe(self, connection: ServerConnection, message: Message) -> None:
        self._hub.subscribe(connection, message["topic"], message.get("compression", "none"))

    async def _on_unsubscribe(self, connection: ServerConnection, message: Message) -> None:
        self._hub.unsubscribe(connection, message["topic"])

    async def _on_publish(self, connection: ServerConnection, message: Message) -> None:
        topic, body = message["topic"], message["msg"]
        if topic == watchdog.HEARTBEAT:
            self._arm.dead_man.hear(body["data"], time.monotonic())
        elif topic == self._settings.arm.trajectory:
            self._arm.follow(body)
        elif topic.removesuffix("/goal") in self._arm.actions:
            action, goal = topic.removesuffix("/goal"), body["goal_id"]["id"]
            await self._arm.run(action, goal, body["goal"], functools.partial(self._topic_result, action, goal))
        elif topic.removesuffix("/cancel") in self._arm.actions:
            self._arm.cancel(body.get("id", ""))

    async def _on_send_action_goal(self, connection: ServerConnection, message: Message) -> None:
        def answer(status: int, values: Message, feedback: bool) -> None:
            """Feedback and result of an action as ROS 2 has them."""
            op = "action_feedback" if feedback else "action_result"
            if feedback and not message.get("feedback"):
                return
            body = {"op": op, "id": message["id"], "action": message["action"], "values": values}
            self._hub.send(connection, body if feedback else body | {"status": status, "result": status == 4})

        await self._arm.run(message["action"], message["id"], message.get("args", {}), answer)

    async def _on_cancel_action_goal(self, connection: ServerConnection, message: Message) -> None:
        self._arm.cancel(message.get("id", ""))

    async def _on_call_service(self, connection: ServerConnection, message: Message) -> None:
        service, arguments = message["service"], message.get("args", {})
        values: Any = None
        if service == BEGIN:
            values = await self._arm.work(self._cell.begin, arguments["index"], arguments["image_size"])
            self._trial, self._first_image = arguments["index"], None
        elif service == END:
            values = self._cell.result()
        elif service == DESCRIBE:
            values = self._cell.describe()
        elif service == self._settings.gripper.endpoint:
            await self._arm.grip(float(arguments["width"]))
            values = {"error": 0}
        answer = {"op": "service_response", "id": message.get("id"), "service": service}
        known = values is not None
        self._hub.send(connection, answer | {"values": values if known else "no such service", "result": known})

    def _topic_result(self, action: str, goal: str, status: int, values: Message, feedback: bool) -> None:
        """Feedback and result of an action as ROS 1 has them."""
        state = {"goal_id": self._goal_id(goal), "status": 1 if feedback else status, "text": ""}
        head = {"header": self._dialect.header(self._arm.now())}
        self._hub.publish(f"{action}/status", head | {"status_list": [state]})
        name = "feedback" if feedback else "result"
        self._hub.publish(f"{action}/{name}", head | {"status": state, name: values})

    def _goal_id(self, goal: str) -> Message:
        return {"stamp": self._dialect.time(self._arm.now()), "id": goal}

    def _spoil(self) -> None:
        """Lets `freeze` and `drop` happen in the middle of this move."""

        def spoil() -> None:
            self._hub.frozen = self._fault == "freeze"
            if self._fault == "drop":
                self._hub.cut()

        if self._fault in ("freeze", "drop"):
            asyncio.get_running_loop().call_later(FAULT_AFTER, spoil)

    async def _publish_joints(self, trace: TextIO | None) -> None:
        """Publishes where the joints are, and lets the dead man's switch hold them."""
        joints = self._arm.joints
        while True:
            now = self._arm.now()
            if self._arm.dead_man.must_hold(time.monotonic()):
                joints.hold(now)
            position = joints.position(now)
            if trace is not None:
                print(json.dumps([time.monotonic(), position.tolist()]), file=trace, flush=True)
            velocity = joints.velocity(now) * self._speed
            message = self._dialect.joint_state(self._settings.arm.joints[::-1], position[::-1], velocity[::-1], now)
            self._hub.publish(self._settings.arm.joint_states, message)
            await asyncio.sleep(JOINT_PERIOD)

    async def _publish_images(self) -> None:
        """Publishes what the camera sees, as long as somebody looks."""
        topic = self._settings.camera.topic
        while True:
            if self._hub.heard(topic):
                now = self._arm.now()
                image = await self._arm.work(self._cell.image, self._arm.joints.position(now)), now
                if self._arm.moved and self._fault_in in (None, self._trial):
                    image = self._spoilt(*image)
                self._hub.publish(topic, self._dialect.compressed_image("rgb8; png compressed bgr8", *image))
            await asyncio.sleep(max(CAMERA_PERIOD / self._speed, JOINT_PERIOD))

    def _spoilt(self, data: bytes, now: float) -> tuple[bytes, float]:
        """An image and its time as a faulty camera gives them."""
        if self._fault == "black-image":
            return BLACK, now
        self._first_image = self._first_image or (data, now)
        if self._fault == "stale-image":
            return self._first_image
        return self._first_image[0] if self._fault == "repeated-image" else data, now

    async def _publish_status(self) -> None:
        while True:
            self._hub.publish(watchdog.STATUS, {"data": self._arm.dead_man.status()})
            active = [{"goal_id": self._goal_id(goal), "status": 1, "text": ""} for goal in self._arm.goals]
            for action in self._arm.actions:
                message = {"header": self._dialect.header(self._arm.now()), "status_list": active}
                self._hub.publish(f"{action}/status", message)
            await asyncio.sleep(STATUS_PERIOD)
