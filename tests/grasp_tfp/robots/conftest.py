"""Simulated arms on loopback, each served from a thread of its own through a bridge process of its own."""

import asyncio
import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from grasp_tfp.robots.cell import RosbridgeRobot
from grasp_tfp.robots.fleet import FleetEntry, connect, find_robot
from grasp_tfp.robots.settings import CellSettings, parse
from grasp_tfp.robots.twin.simulate import simulate, twin_table


@dataclasses.dataclass
class Twin:
    """A simulated arm that is being served."""

    entry: FleetEntry
    url: str
    bridge: int

    def connect(self, *, dry_run: bool = False, **settings: Any) -> RosbridgeRobot:
        """A robot that drives it; `settings` replace those of its table."""
        entry = dataclasses.replace(self.entry, settings=dict(self.entry.settings) | settings)
        robot = connect(entry, 64, dry_run=dry_run)
        assert isinstance(robot, RosbridgeRobot)
        return robot


@contextlib.contextmanager
def served(dialect: str = "ros2", watchdog: float = 20.0, image_age: float = 10.0, **options: Any) -> Iterator[Twin]:
    """Serves the arm of kuka-3, whose time limits bear a busy machine; the drills of `test_watchdog.py` are strict."""
    entry, ready, loop = find_robot("kuka-3"), threading.Event(), asyncio.new_event_loop()
    table, place = twin_table(entry, "", dialect), list[int]()
    table["limits"] |= {"watchdog_timeout_s": watchdog, "joint_state_timeout_s": 10.0}
    table["camera"] |= {"max_image_age_s": image_age}

    def started(*port_and_bridge: int) -> None:
        place.extend(port_and_bridge)
        ready.set()

    work = loop.create_task(simulate(entry, table, port=0, started=started, **options))

    def run() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(work)
        ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(20) and place
    url = f"ws://127.0.0.1:{place[0]}"
    settings = {key: value for key, value in table.items() if key not in ("driver", "task", "seed")} | {"url": url}
    try:
        yield Twin(FleetEntry("kuka-3", "rosbridge", entry.task, entry.seed, settings), url, place[1])
    finally:
        loop.call_soon_threadsafe(work.cancel)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="module", params=["ros1", "ros2"])
def twin(request: pytest.FixtureRequest) -> Iterator[Twin]:
    """A healthy arm at 50 times the speed of a real one, in each dialect."""
    with served(request.param, speed=50.0) as arm:
        yield arm


@pytest.fixture(scope="module")
def healthy() -> Iterator[Twin]:
    """A healthy arm that speaks ROS 2, at 50 times the speed of a real one."""
    with served("ros2", speed=50.0) as arm:
        yield arm


@pytest.fixture(scope="session")
def serve() -> Callable[..., contextlib.AbstractContextManager[Twin]]:
    """Serves an arm with options of its own."""
    return served


@pytest.fixture(scope="session")
def settings() -> CellSettings:
    """Of the simulated arm of kuka-3."""
    table = twin_table(find_robot("kuka-3"), "ws://127.0.0.1:9090", "ros2")
    return parse(CellSettings, {k: v for k, v in table.items() if k not in ("driver", "task", "seed")}, "kuka-3")
