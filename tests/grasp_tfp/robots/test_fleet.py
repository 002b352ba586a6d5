"""The fleet file that ships with the package."""

import pytest

from grasp_tfp.errors import UsageError
from grasp_tfp.robots.fleet import FleetEntry, connect, find_robot, load_fleet


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
