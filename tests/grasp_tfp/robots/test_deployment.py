"""Installing and activating bundles."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grasp_tfp.errors import BundleRejected, RobotError, UsageError
from grasp_tfp.robots import deployment
from grasp_tfp.robots.sealing import seal
from grasp_tfp.robots.sim import SimRobot


class _OneProposal:
    digest = ""

    def __init__(self, action: list[float]) -> None:
        self._action = action

    def act(self, image: Any, initial_image: Any, seed: Any) -> Any:
        return np.array([[self._action]], np.float32), np.zeros((1, 1), np.float32)


def test_a_bundle_for_another_cell_is_refused() -> None:
    robot = SimRobot("kuka-3")
    deployment.check_fit({"cell": robot.cell}, robot)
    other = {**robot.cell, "jaw": {**robot.cell["jaw"], "opening": 0.2}}
    with pytest.raises(BundleRejected, match="does not fit 'kuka-3'.*jaw"):
        deployment.check_fit({"cell": other}, robot)
    with pytest.raises(BundleRejected, match="camera"):
        deployment.check_fit({}, robot)
    robot.close()


def test_a_dry_run_moves_nothing() -> None:
    robot = SimRobot("kuka-3")
    before = robot.pose
    move = deployment.dry_run(robot, _OneProposal([0.0, 0.0, -0.01, 0.0]))
    np.testing.assert_allclose(move, [0, 0, -0.01, 0], atol=1e-6)
    np.testing.assert_array_equal(robot.pose, before)
    with pytest.raises(RobotError, match="feasible"):
        deployment.dry_run(robot, _OneProposal([5.0, 0.0, 0.0, 0.0]))
    robot.close()


def test_activating_replaces_the_link_and_keeps_both_bundles(tmp_path: Path) -> None:
    home, copies = tmp_path / "kuka-3", []
    for name in ("first", "second"):
        bundle = tmp_path / name
        bundle.mkdir()
        (bundle / "manifest.json").write_text(name)
        copies.append(deployment.install(bundle, home, name * 4))
        active = deployment.activate(copies[-1])
        assert (active / "manifest.json").read_text() == name
    assert sorted(path.name for path in home.iterdir()) == sorted(
        ["active", "previous", *(copy.name for copy in copies)]
    )
    assert (copies[0] / "manifest.json").read_text() == "first"


def test_rolling_back_takes_the_bundle_before_and_refuses_one_that_was_altered(tmp_path: Path) -> None:
    home, copies = tmp_path / "kuka-3", []
    with pytest.raises(UsageError, match="No earlier bundle"):
        deployment.roll_back(home)
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text(name)
        copies.append(deployment.install(tmp_path / name, home, name * 4))
        seal(copies[-1])
        deployment.activate(copies[-1])
    assert deployment.roll_back(home) == copies[0]
    assert dict(deployment.installed(home)) == {copies[0].name: "active", copies[1].name: "previous"}
    (copies[1] / "manifest.json").write_text("changed")
    with pytest.raises(BundleRejected, match="does not match the files"):
        deployment.roll_back(home)
    assert (home / "active").resolve() == copies[0]
