"""The fleet file, and the drivers that it names."""

import sys
import types
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from grasp_tfp.errors import UsageError
from grasp_tfp.robots.fleet import FLEET, GROUP, FleetEntry, connect, find_robot, load_fleet
from grasp_tfp.robots.sim import SimRobot


def test_seven_simulated_twins_each_with_its_own_seed() -> None:
    fleet = load_fleet()
    assert list(fleet) == [f"kuka-{number}" for number in range(1, 8)]
    assert len({entry.seed for entry in fleet.values()}) == 7
    assert {entry.driver for entry in fleet.values()} == {"sim"}


def test_connecting_gives_the_robot_of_that_name() -> None:
    robot = connect(find_robot("kuka-3"), image_size=64)
    assert (robot.name, robot.task) == ("kuka-3", "blocks")
    robot.close()


def test_an_unknown_robot_lists_the_fleet() -> None:
    with pytest.raises(UsageError, match="Unknown robot 'kuka-9'. Expected one of: kuka-1, .*kuka-7"):
        find_robot("kuka-9")


def test_an_unknown_driver_is_refused() -> None:
    with pytest.raises(UsageError, match="Unknown driver 'fri'. Expected one of: rosbridge, sim"):
        connect(FleetEntry("kuka-3", "fri", "blocks", 0), image_size=64)


class LabRobot(SimRobot):
    """A driver of another package."""


def test_an_installed_package_offers_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def offered(group: str) -> list[EntryPoint]:
        return [EntryPoint("lab", f"{__name__}:{name}", GROUP) for name in names]

    monkeypatch.setattr("grasp_tfp.robots.fleet.entry_points", offered)
    monkeypatch.setitem(sys.modules, __name__, types.SimpleNamespace(LabRobot=LabRobot))
    names = ["LabRobot"]
    robot = connect(FleetEntry("arm", "lab", "blocks"), image_size=64)
    assert isinstance(robot, LabRobot)
    robot.close()
    names = ["Nothing"]
    with pytest.raises(UsageError, match="Cannot load the driver 'lab'.*Install its package again"):
        connect(FleetEntry("arm", "lab", "blocks"), image_size=64)


def test_a_labs_file_with_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lab.toml"
    defaults = '[defaults]\ndriver = "rosbridge"\ntask = "blocks"\n[defaults.arm]\nurdf = "iiwa"\n'
    path.write_text(defaults + '[a]\nurl = "ws://a"\n[b.arm]\nbase = "x"\n')
    monkeypatch.setenv(FLEET, str(path))
    fleet = load_fleet()
    assert fleet["a"].settings == {"arm": {"urdf": "iiwa"}, "url": "ws://a"}
    assert fleet["b"].settings == {"arm": {"urdf": "iiwa", "base": "x"}}
    path.write_text("[a]\nurl = 3\n")
    with pytest.raises(UsageError, match="Robot 'a' in the fleet file: expected the keys driver, task, seed"):
        load_fleet()
    monkeypatch.setenv(FLEET, str(tmp_path / "none.toml"))
    with pytest.raises(UsageError, match="Cannot read the fleet file"):
        load_fleet()


def test_a_simulated_robot_has_no_settings() -> None:
    with pytest.raises(UsageError, match="a simulated robot has driver, task and seed, received {'url'"):
        connect(FleetEntry("kuka-3", "sim", "blocks", 0, {"url": "ws://a"}), image_size=64)
