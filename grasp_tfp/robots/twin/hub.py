"""The connections of a rosbridge server, and who of them listens to what."""

import json
from typing import Any

import cbor2
import websockets
from websockets.asyncio.server import ServerConnection

from grasp_tfp.robots.messages import image_bytes

__all__ = ["Hub"]

Message = dict[str, Any]


class Hub:
    """Sends what is published to those who have subscribed; frozen, it sends and hears nothing."""

    def __init__(self) -> None:
        self.frozen = False
        self._subscribers: dict[str, dict[ServerConnection, str]] = {}

    def subscribe(self, connection: ServerConnection, topic: str, compression: str) -> None:
        """Has a connection get the messages of a topic, with compression `none` or `cbor`."""
        self._subscribers.setdefault(topic, {})[connection] = compression

    def unsubscribe(self, connection: ServerConnection, topic: str | None = None) -> None:
        """Has a connection get no more messages of a topic, or of any."""
        for name, listeners in self._subscribers.items():
            if topic in (name, None):
                listeners.pop(connection, None)

    def heard(self, topic: str) -> bool:
        """Whether somebody listens to a topic."""
        return bool(self._subscribers.get(topic))

    def cut(self) -> None:
        """Ends every connection that listens to anything, without a word."""
        for connection in {connection for listeners in self._subscribers.values() for connection in listeners}:
            connection.transport.abort()

    def publish(self, topic: str, message: Message) -> None:
        """Sends a message of a topic."""
        body = {"op": "publish", "topic": topic, "msg": message}
        for connection, compression in list(self._subscribers.get(topic, {}).items()):
            if compression == "cbor" and "format" in message:
                self.send(connection, body | {"msg": message | {"data": image_bytes(message)}}, binary=True)
            else:
                self.send(connection, body)

    def send(self, connection: ServerConnection, message: Message, binary: bool = False) -> None:
        """Sends an operation of the protocol to one connection."""
        if not self.frozen:
            websockets.broadcast([connection], cbor2.dumps(message) if binary else json.dumps(message))
