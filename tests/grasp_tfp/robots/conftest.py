"""Simulated arms that the tests of a file share."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from grasp_tfp.robots.fleet import find_robot
from grasp_tfp.robots.settings import CellSettings, parse
from grasp_tfp.robots.twin.simulate import twin_table

Serve = Callable[..., contextlib.AbstractContextManager[Any]]


@pytest.fixture(scope="module", params=["ros1", "ros2"])
def twin(request: pytest.FixtureRequest, serve: Serve) -> Iterator[Any]:
    """A healthy arm at 50 times the speed of a real one, in each dialect."""
    with serve(request.param, speed=50.0) as arm:
        yield arm


@pytest.fixture(scope="module")
def healthy(serve: Serve) -> Iterator[Any]:
    """A healthy arm that speaks ROS 2, at 50 times the speed of a real one."""
    with serve("ros2", speed=50.0) as arm:
        yield arm


@pytest.fixture(scope="session")
def settings() -> CellSettings:
    """Of the simulated arm of kuka-3."""
    table = twin_table(find_robot("kuka-3"), "ws://127.0.0.1:9090", "ros2")
    return parse(CellSettings, {k: v for k, v in table.items() if k not in ("driver", "task", "seed")}, "kuka-3")
