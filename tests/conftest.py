"""What holds for all tests, and simulated arms on loopback for those that need one."""

import asyncio
import contextlib
import dataclasses
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from grasp_tfp.robots.cell import RosbridgeRobot
    from grasp_tfp.robots.fleet import FleetEntry

# A shell's background jobs ignore interrupts, and so would the processes that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclasses.dataclass
class Twin:
    """A simulated arm that is being served."""

    entry: "FleetEntry"
    url: str
    bridge: int

    def connect(self, *, dry_run: bool = False, **settings: Any) -> "RosbridgeRobot":
        """A robot that drives it; `settings` replace those of its table."""
        from grasp_tfp.robots.cell import RosbridgeRobot
        from grasp_tfp.robots.fleet import connect

        entry = dataclasses.replace(self.entry, settings=dict(self.entry.settings) | settings)
        robot = connect(entry, 64, dry_run=dry_run)
        assert isinstance(robot, RosbridgeRobot)
        return robot

    def write_fleet(self, path: Path, **settings: Any) -> None:
        """A fleet file that reaches it."""
        from grasp_tfp.robots.twin.simulate import fleet_text

        own = {"driver": self.entry.driver, "task": self.entry.task, "seed": self.entry.seed}
        path.write_text(fleet_text(self.entry.name, own | dict(self.entry.settings) | settings), encoding="utf-8")


@contextlib.contextmanager
def served(dialect: str = "ros2", watchdog: float = 20.0, image_age: float = 10.0, **options: Any) -> Iterator[Twin]:
    """Serves the arm of kuka-3, whose time limits bear a busy machine; the drills of `test_watchdog.py` are strict."""
    from grasp_tfp.robots.fleet import FleetEntry, find_robot
    from grasp_tfp.robots.twin.simulate import simulate, twin_table

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


@pytest.fixture(scope="session")
def serve() -> Callable[..., contextlib.AbstractContextManager[Twin]]:
    """Serves an arm with options of its own."""
    return served


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every operation but subscriptions that the simulated arms of this process receive."""
    from grasp_tfp.robots.twin.server import TwinServer

    found: list[str] = []
    for name in ("publish", "send_action_goal", "call_service", "cancel_action_goal"):
        handler = getattr(TwinServer, f"_on_{name}")

        async def listen(self: Any, connection: Any, message: Any, name: str = name, then: Any = handler) -> None:
            found.append(f"{name} {message.get('topic', message.get('action', message.get('service')))}")
            await then(self, connection, message)

        monkeypatch.setattr(TwinServer, f"_on_{name}", listen)
    return found
