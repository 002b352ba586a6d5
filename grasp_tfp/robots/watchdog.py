"""The dead man's switch that runs on the robot's computer, because a lost link does not stop an arm.

Whoever moves the arm sends a heartbeat. When it stays away in the middle of a move, the arm is held where it is, until
an operator releases it. The heartbeat is the lease, too: while one sender is heard, no other one counts.

This file needs nothing but the standard library: `graspctl robots watchdog` writes it, with a node around it, as one
script for ROS 1 or ROS 2, and the simulated arm runs the same class.
"""

import json

__all__ = ["HEARTBEAT", "LEASE", "STATUS", "TIMEOUT", "DeadMan"]

HEARTBEAT = "/graspctl/heartbeat"
"""Topic of `std_msgs/String`: `beat ID` during a move, `rest ID` between moves, `bye ID`, `release ID`."""

STATUS = "/graspctl/watchdog"
"""Topic of `std_msgs/String`: JSON of `state` (`idle`, `resting`, `following`, `stopped`), `holder` and `timeout`."""

TIMEOUT = 0.4
"""Longest silence of the one that is followed [s]."""

LEASE = 10.0
"""How long an arm at rest waits for its silent driver before another one may drive it [s]."""


class DeadMan:
    """Decides when the arm has to be held; all times are of one monotonic clock [s].

    Args:
        timeout: Longest silence.
    """

    def __init__(self, timeout: float = TIMEOUT) -> None:
        self.timeout = timeout
        self.state = "idle"
        self.holder = ""
        self._heard = 0.0

    def hear(self, text: str, now: float) -> None:
        """Takes a message of the heartbeat topic."""
        word, _, sender = text.partition(" ")
        if word == "release" and self.state == "stopped":
            self.state, self.holder = "idle", ""
        if word in ("beat", "rest") and self.state == "idle":
            self.holder = sender
        if sender != self.holder or self.state == "stopped":
            return
        self._heard = now
        self.state = {"beat": "following", "rest": "resting"}.get(word, "idle")
        self.holder = sender if self.state != "idle" else ""

    def must_hold(self, now: float) -> bool:
        """Whether the arm has to be held where it is; asked often, at least every 20 ms."""
        if self.state == "following" and now - self._heard > self.timeout:
            self.state = "stopped"
        if self.state == "resting" and now - self._heard > LEASE:
            self.state, self.holder = "idle", ""
        return self.state == "stopped"

    def status(self) -> str:
        """The text of the status topic."""
        return json.dumps({"state": self.state, "holder": self.holder, "timeout": self.timeout})
