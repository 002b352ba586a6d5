"""A client of rosbridge: topics, services and actions of ROS 1 and ROS 2 over a WebSocket.

https://github.com/RobotWebTools/rosbridge_suite/blob/ros2/ROSBRIDGE_PROTOCOL.md. rosbridge itself knows no
authorisation and does not say when a topic has another type, so who waits for a message has to set a time limit.
"""

import asyncio
import contextlib
import itertools
import json
import ssl
from collections.abc import Callable
from typing import Any, NamedTuple, Self

import cbor2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from grasp_tfp.errors import RobotError
from grasp_tfp.robots.messages import OUTCOMES, Dialect

__all__ = ["Goal", "GoalEnd", "Rosbridge"]

Message = dict[str, Any]
Listener = Callable[[Message], None]

LARGEST = 16 * 2**20
"""Of a message [bytes]; a raw picture of 1920×1080 has 6 MB."""


class GoalEnd(NamedTuple):
    """How an action ended."""

    outcome: str
    """`succeeded`, `canceled`, `aborted`, `rejected` or `lost`."""

    result: Message
    """The action's own result."""


class Goal(NamedTuple):
    """An action under way."""

    id: str
    action: str
    end: "asyncio.Future[GoalEnd]"


class Rosbridge:
    """One connection, closed at the first fault and never opened again by itself."""

    def __init__(self, socket: ClientConnection, dialect: Dialect) -> None:
        self.dialect = dialect
        self._socket = socket
        self._numbers = itertools.count(1)
        self._advertised: set[str] = set()
        self._listeners: dict[str, list[Listener]] = {}
        self._answers: dict[str, asyncio.Future[Message]] = {}
        self._goals: dict[str, Goal] = {}
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(
        cls,
        url: str,
        dialect: Dialect,
        *,
        headers: dict[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
        timeout: float = 5.0,
    ) -> Self:
        """Connects.

        Args:
            url: `ws://` or `wss://`.
            dialect: What the other side speaks.
            headers: Sent with the request, such as `Authorization`.
            tls: How a `wss://` server is verified; by default against the system's authorities.
            timeout: [s]

        Raises:
            RobotError: It cannot be reached, or is not who it should be.
        """
        try:
            socket = await connect(
                url,
                additional_headers=headers,
                ssl=tls,
                open_timeout=timeout,
                ping_interval=1,
                ping_timeout=1,
                close_timeout=0.5,
                max_size=LARGEST,
                compression=None,
                proxy=None,
            )
        except (OSError, TimeoutError, WebSocketException) as error:
            raise RobotError(
                f"Cannot reach rosbridge at {url}: {str(error) or type(error).__name__}. Nothing was sent. "
                "Check that rosbridge_server runs there, the address, and the certificate."
            ) from error
        return cls(socket, dialect)

    @property
    def closed(self) -> bool:
        """Whether the connection has ended."""
        return self._reader.done()

    async def subscribe(self, topic: str, kind: str, listener: Listener, compression: str = "none") -> None:
        """Calls `listener` with each message of a topic.

        Args:
            topic: Name.
            kind: Message type, such as `sensor_msgs/JointState`.
            listener: Called in the event loop.
            compression: `none`, or `cbor` for binary frames.
        """
        self._listeners.setdefault(topic, []).append(listener)
        await self._send(
            op="subscribe", topic=topic, type=self.dialect.type(kind), compression=compression, queue_length=1
        )

    async def publish(self, topic: str, kind: str, message: Message) -> None:
        """Sends one message to a topic, which is advertised the first time."""
        if topic not in self._advertised:
            self._advertised.add(topic)
            await self._send(op="advertise", topic=topic, type=self.dialect.type(kind))
        await self._send(op="publish", topic=topic, msg=message)

    async def call(self, service: str, arguments: Message, timeout: float = 5.0) -> Message:
        """Calls a service.

        Raises:
            RobotError: It refuses, or does not answer in time.
        """
        number = f"call-{next(self._numbers)}"
        self._answers[number] = answer = asyncio.get_running_loop().create_future()
        await self._send(op="call_service", id=number, service=service, args=arguments)
        try:
            message = await asyncio.wait_for(answer, timeout)
        except TimeoutError as error:
            raise RobotError(
                f"The service {service} did not answer within {timeout:g} s. Check that it is there: rosservice list."
            ) from error
        finally:
            self._answers.pop(number, None)
        if not message.get("result", False):
            raise RobotError(f"The service {service} failed: {message.get('values')}. See the log of its node.")
        values: Message = message.get("values") or {}
        return values

    async def start(self, action: str, kind: str, arguments: Message) -> Goal:
        """Sends a goal to an action server.

        Args:
            action: Name.
            kind: Action type, such as `control_msgs/FollowJointTrajectory`.
            arguments: The goal.
        """
        goal = Goal(f"graspctl-{id(self):x}-{next(self._numbers)}", action, asyncio.get_running_loop().create_future())
        self._goals[goal.id] = goal
        action_type = self.dialect.action(kind)
        if self.dialect.name == "ros2":
            await self._send(
                op="send_action_goal",
                id=goal.id,
                action=action,
                action_type=action_type,
                args=arguments,
                feedback=False,
            )
            return goal
        if f"{action}/result" not in self._listeners:
            await self.subscribe(f"{action}/result", f"{action_type}Result", self._ended)
        wanted = {"stamp": self.dialect.time(0), "id": goal.id}
        message = {"header": self.dialect.header(), "goal_id": wanted, "goal": arguments}
        await self.publish(f"{action}/goal", f"{action_type}Goal", message)
        return goal

    async def cancel(self, goal: Goal) -> None:
        """Asks to end an action; works from another connection than the goal's too."""
        if self.dialect.name == "ros2":
            await self._send(op="cancel_action_goal", id=goal.id, action=goal.action)
        else:
            wanted = {"stamp": self.dialect.time(0), "id": goal.id}
            await self.publish(f"{goal.action}/cancel", "actionlib_msgs/GoalID", wanted)

    async def close(self) -> None:
        """Ends the connection; whatever the robot was told goes on."""
        await self._socket.close()
        with contextlib.suppress(asyncio.CancelledError):
            await self._reader

    async def _send(self, **operation: Any) -> None:
        try:
            await self._socket.send(json.dumps(operation))
        except ConnectionClosed as error:
            raise RobotError("The connection to rosbridge is closed. Check the robot and its network.") from error

    async def _read(self) -> None:
        try:
            async for frame in self._socket:
                message = cbor2.loads(frame) if isinstance(frame, bytes) else json.loads(frame)
                self._received(message)
        except ConnectionClosed:
            pass
        finally:
            for goal in self._goals.values():
                _resolve(goal.end, GoalEnd("lost", {}))
            for answer in self._answers.values():
                _resolve(answer, {"result": False, "values": "the connection was lost"})

    def _received(self, message: Message) -> None:
        kind = message.get("op")
        if kind == "publish":
            for listener in self._listeners.get(message["topic"], []):
                listener(message["msg"])
        elif kind == "service_response" and message.get("id") in self._answers:
            _resolve(self._answers[message["id"]], message)
        elif kind == "action_result" and message.get("id") in self._goals:
            values = message.get("values")
            outcome = OUTCOMES["ros2"].get(message.get("status", 0), "rejected")
            end = GoalEnd(outcome, values if isinstance(values, dict) else {"error": values})
            _resolve(self._goals.pop(message["id"]).end, end)

    def _ended(self, message: Message) -> None:
        """The result of an action in ROS 1, whoever sent its goal."""
        status = message["status"]
        goal = self._goals.pop(status["goal_id"]["id"], None)
        if goal is not None:
            _resolve(goal.end, GoalEnd(OUTCOMES["ros1"].get(status["status"], "aborted"), message["result"]))


def _resolve(future: "asyncio.Future[Any]", value: Any) -> None:
    if not future.done():
        future.set_result(value)
