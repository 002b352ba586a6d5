"""What graspctl meets in a lab, where it is there: a real `roscore` with our watchdog, and a real rosbridge before it.

`apt install ros-core python3-rospy python3-actionlib-msgs python3-sensor-msgs python3-trajectory-msgs` brings the first
on Debian 12. GRASPCTL_ROSBRIDGE_URL names the second, behind which the script of `graspctl robots watchdog` has to run;
the simulated arm always has to pass the same test.
"""

import asyncio
import contextlib
import dataclasses
import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from grasp_tfp.errors import RobotError
from grasp_tfp.robots import watchdog
from grasp_tfp.robots.messages import Dialect
from grasp_tfp.robots.rosbridge import Rosbridge
from grasp_tfp.robots.settings import CellSettings
from grasp_tfp.robots.watchdog_script import watchdog_script

URL, DIALECT = "GRASPCTL_ROSBRIDGE_URL", "GRASPCTL_ROSBRIDGE_DIALECT"
"""Environment variables: a real rosbridge, and whether it speaks `ros1` (if unset) or `ros2`."""

PYTHON = "/usr/bin/python3"
"""Debian's own, which finds Debian's packages."""

NEEDED = "rospy, actionlib_msgs.msg, sensor_msgs.msg, std_msgs.msg, trajectory_msgs.msg"

PATIENCE = 30.0
"""Longest wait for what a busy machine has to do [s]."""

PEER = '''
"""An arm that reports where it is, its driver, who falls silent, and a record of what the watchdog sends."""
import json, sys, time
import rospy
from actionlib_msgs.msg import GoalID
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory

names, heartbeat, status, joint_states, trajectory, action = json.loads(sys.argv[1])
rospy.init_node("peer")
states, holds, cancels = [], [], []
def said(message):
    state = json.loads(message.data)["state"]
    if state not in states[-1:]:
        states.append(state)
rospy.Subscriber(status, String, said)
rospy.Subscriber(trajectory, JointTrajectory, holds.append)
rospy.Subscriber(action + "/cancel", GoalID, cancels.append)
arm = rospy.Publisher(joint_states, JointState, queue_size=1)
driver = rospy.Publisher(heartbeat, String, queue_size=10)
def until(done, word):
    end = time.monotonic() + 30
    while not done():
        if time.monotonic() > end:
            sys.exit(f"waited for {word or 'silence'}: {states}, {len(holds)} holds")
        arm.publish(JointState(name=names[::-1], position=[0.1 * n for n in range(len(names))][::-1]))
        if word:
            driver.publish(String(data=word + " anna"))
        time.sleep(0.02)
until(lambda: states[-1:] == ["following"], "beat")
began = time.monotonic()
until(lambda: len(holds) > 2 and cancels and states[-1:] == ["stopped"], "")
until(lambda: states[-1:] == ["idle"], "release")
point = holds[0].points[0]
print(json.dumps({
    "states": states, "joints": list(holds[0].joint_names), "positions": list(point.positions),
    "velocities": list(point.velocities), "seconds": point.time_from_start.to_sec(),
}))
'''


def ros_is_missing() -> str:
    """Why no real roscore can run here; nothing if one can."""
    if not shutil.which("roscore") or not Path(PYTHON).exists():
        return "Debian's ros-core is not installed: there is no roscore"
    tried = subprocess.run([PYTHON, "-c", f"import {NEEDED}"], capture_output=True, text=True, check=False)
    return tried.stderr.strip().splitlines()[-1] if tried.returncode else ""


@pytest.fixture
def ros(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a real roscore on a port of its own."""
    if reason := ros_is_missing():
        pytest.skip(reason)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"ROS_MASTER_URI": f"http://127.0.0.1:{port}", "ROS_IP": "127.0.0.1", "ROS_HOME": str(tmp_path)}
    environment = os.environ | own | {"ROS_LOG_DIR": str(tmp_path / "log")}
    with running(["roscore", "-p", str(port)], environment, tmp_path / "roscore.txt"):
        deadline = time.monotonic() + PATIENCE
        while "started core service [/rosout]" not in (tmp_path / "roscore.txt").read_text():
            assert time.monotonic() < deadline, (tmp_path / "roscore.txt").read_text()
            time.sleep(0.1)
        yield environment


@contextlib.contextmanager
def running(command: list[str], environment: dict[str, str], log: Path) -> Iterator[None]:
    """A process that is ended at the end."""
    with log.open("w") as stream:
        process = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def test_the_watchdog_holds_an_arm_through_a_real_roscore(
    ros: dict[str, str], settings: CellSettings, tmp_path: Path
) -> None:
    """rospy's own messages and topics; only the arm is not there."""
    script, log = tmp_path / "watchdog.py", tmp_path / "watchdog.txt"
    script.write_text(watchdog_script(dataclasses.replace(settings, dialect="ros1")))
    arm = settings.arm
    topics = [arm.joints, watchdog.HEARTBEAT, watchdog.STATUS, arm.joint_states, arm.trajectory, arm.action]
    with running([PYTHON, str(script)], ros, log):
        peer = subprocess.run(
            [PYTHON, "-c", PEER, json.dumps(topics)], env=ros, capture_output=True, text=True, timeout=100, check=False
        )
    assert peer.returncode == 0, peer.stderr + log.read_text()
    found = json.loads(peer.stdout.splitlines()[-1])
    assert found["states"][-3:] == ["following", "stopped", "idle"]
    assert found["joints"] == list(arm.joints)
    assert found["positions"] == pytest.approx([0.1 * number for number in range(7)])
    assert found["velocities"] == [0.0] * 7 and found["seconds"] == pytest.approx(0.05)


async def heard(states: list[dict[str, Any]], wanted: str, holder: str) -> None:
    """Waits until the dead man's switch says something."""
    deadline = time.monotonic() + PATIENCE
    while not states or (states[-1]["state"], states[-1]["holder"]) != (wanted, holder):
        assert time.monotonic() < deadline, (wanted, states[-3:])
        await asyncio.sleep(0.05)


async def accept(url: str, dialect: Dialect) -> None:
    """Topics in both directions and a service, as an arm's driver uses them; moves nothing."""
    bridge, states, sender = await Rosbridge.open(url, dialect), list[dict[str, Any]](), f"test-{secrets.token_hex(4)}"

    async def say(word: str) -> None:
        await bridge.publish(watchdog.HEARTBEAT, "std_msgs/String", {"data": f"{word} {sender}"})

    def listen(message: dict[str, Any]) -> None:
        states.append(json.loads(message["data"]))

    await bridge.subscribe(watchdog.STATUS, "std_msgs/String", listen)
    await heard(states, "idle", "")
    await say("rest")
    await asyncio.sleep(0.5)
    await say("rest")
    await heard(states, "resting", sender)
    await say("bye")
    await heard(states, "idle", "")
    with pytest.raises(RobotError, match="/graspctl/nothing (failed|did not answer)"):
        await bridge.call("/graspctl/nothing", {})
    assert not bridge.closed
    await bridge.close()


@pytest.mark.parametrize("dialect", ["ros1", "ros2"])
def test_the_simulated_arm_is_spoken_to(
    dialect: str, serve: Callable[..., contextlib.AbstractContextManager[Any]]
) -> None:
    with serve(dialect) as arm:
        asyncio.run(accept(arm.url, Dialect(dialect)))


@pytest.mark.skipif(URL not in os.environ, reason=f"{URL} names no real rosbridge with our watchdog behind it")
def test_a_real_rosbridge_is_spoken_to() -> None:
    asyncio.run(accept(os.environ[URL], Dialect(os.environ.get(DIALECT, "ros1"))))
