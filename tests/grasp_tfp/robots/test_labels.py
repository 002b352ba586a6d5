"""Labels from pictures on an arm behind rosbridge, against what the simulated cell knows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from grasp_tfp.actions import relative_action
from grasp_tfp.errors import RobotError, UsageError
from grasp_tfp.robots.cell import END, RosbridgeRobot
from grasp_tfp.robots.fleet import FLEET
from grasp_tfp.robots.judging import ImageJudge, OperatorJudge
from grasp_tfp.robots.labels import SIZE, labels_folder, learn_labels, read_labels, take_pairs
from grasp_tfp.robots.sim import SimRobot
from grasp_tfp.sim.dropping import tray_corners
from grasp_tfp.sim.tasks import oracle_grasps

CORNERS = tray_corners(1).tolist()
PAIRS = 20


def pair(number: int) -> tuple[Any, Any]:
    """Two pictures of one thing, with noise."""
    rng = np.random.default_rng(number)
    thing = np.kron(rng.integers(40, 200, (16, 16, 3)), np.ones((16, 16, 1)))
    first, second = (np.clip(thing + rng.normal(0, 3, thing.shape), 0, 255).astype(np.uint8) for _ in range(2))
    return first, second


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, healthy: Any) -> Path:
    """What the cell taught, its pictures taken by the arm."""
    found = tmp_path_factory.mktemp("lab") / "labels/kuka-3"
    robot = healthy.connect()
    assert take_pairs(robot.empty_pair, found, PAIRS, lambda done, total: None) == PAIRS
    robot.close()
    learn_labels(found, CORNERS, ())
    return found


def test_trials_are_labelled_as_the_simulator_knows(
    folder: Path, healthy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fleet file names the labels, beside it; half of the grasps are a person's, the others where the jaw is."""
    monkeypatch.setenv(FLEET, str(folder.parents[1] / "lab.toml"))
    robot, truth, told = healthy.connect(labels="labels/kuka-3/labels.json"), [], []
    scenes = SimRobot("kuka-3", "blocks", healthy.entry.seed)
    assert robot.label_source == "image-difference"
    for index in range(8):
        robot.begin(index)
        scenes.begin(index)
        if index % 2:
            robot.move(relative_action(robot.pose, oracle_grasps(scenes.scene)[0]))
        result = robot.grasp()
        assert result.label_source == "image-difference"
        told.append(result.success)
        truth.append(robot.arm.call(END, {})["success"])
    robot.close()
    scenes.close()
    assert told == truth and any(truth) and not all(truth)


def test_what_the_pictures_leave_open_is_asked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judge = ImageJudge("kuka-3", read_labels(folder / "labels.json", ()))
    tray = np.asarray(Image.open(folder / "pair-00.png").convert("RGB"), np.uint8)[:, :SIZE]
    middle = np.array(CORNERS).mean(axis=0) * SIZE
    rows, columns = (slice(int(centre) - 12, int(centre) + 12) for centre in middle[::-1])
    results = []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    for change in (0, 3, 60):
        other = tray.copy()
        other[rows, columns] += np.uint8(change)
        answers = iter(["what?", "y"])
        monkeypatch.setattr("builtins.input", lambda question, answers=answers: next(answers))
        results.append(judge(tray, other))
    assert results == [(False, "image-difference"), (True, "operator"), (True, "image-difference")]
    unclear = tray.copy()
    unclear[rows, columns] += np.uint8(3)
    monkeypatch.setattr("builtins.input", lambda question: "v it rolled away")
    with pytest.raises(RobotError, match="kuka-3: declared void by the operator: it rolled away"):
        judge(tray, unclear)
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(RobotError, match="differ by 3.0, a failure by at most 2.0 and a success by at least 3.5"):
        judge(tray, unclear)
    with pytest.raises(RobotError, match="kuka-3: Expected somebody at a terminal to say whether an object was held"):
        OperatorJudge("kuka-3")(tray, tray)


def test_a_recording_that_was_interrupted_goes_on(tmp_path: Path) -> None:
    taken: list[int] = []

    def take(number: int) -> tuple[Any, Any]:
        if number == 7 and 7 not in taken:
            taken.append(7)
            raise KeyboardInterrupt
        taken.append(number)
        return pair(number)

    with pytest.raises(KeyboardInterrupt):
        take_pairs(take, tmp_path, PAIRS, lambda done, total: None)
    with pytest.raises(UsageError, match="expected at least 20 pairs .* received 7. Take more"):
        learn_labels(tmp_path, CORNERS, ())
    assert not (tmp_path / "labels.json").exists()
    assert take_pairs(take, tmp_path, PAIRS, lambda done, total: None) == 13
    assert sorted(taken) == sorted([*range(PAIRS), 7])
    note = learn_labels(tmp_path, CORNERS, (0, 0, 9, 9))
    assert note["pairs"] == PAIRS and 0 < note["largest_score"] < note["failure_below"] < note["success_above"]
    assert not list(tmp_path.glob(".*")), "nothing half-written is left"


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    take_pairs(pair, tmp_path, PAIRS, lambda done, total: None)
    learn_labels(tmp_path, CORNERS, (0, 0, 9, 9))
    path = tmp_path / "labels.json"
    with pytest.raises(UsageError, match=r"learned with camera.crop \[0, 0, 9, 9\], not \[\]. Run graspctl robots"):
        read_labels(path, ())
    whole = path.read_text()
    for spoilt in (whole[:40], json.dumps(json.loads(whole) | {"corners": []}), "{}"):
        path.write_text(spoilt)
        with pytest.raises(UsageError, match="Cannot read the labels .*Run graspctl robots labels"):
            read_labels(path, (0, 0, 9, 9))
    with pytest.raises(UsageError, match="Cannot read the labels"):
        read_labels(tmp_path / "nothing.json", ())
    (tmp_path / "pair-03.png").write_bytes(b"PNG?")
    with pytest.raises(UsageError, match="pair-03.png.*Delete it"):
        learn_labels(tmp_path, CORNERS, ())


def test_the_labels_stand_beside_the_fleet_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(FLEET, str(tmp_path / "lab.toml"))
    assert labels_folder("kuka-3") == tmp_path / "labels/kuka-3"


def test_an_object_is_dropped_over_the_tray_even_when_a_picture_fails(
    healthy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The jaw opens at home, and not aside where the trial broke off."""
    robot: RosbridgeRobot = healthy.connect(twin=False)
    opened: list[float] = []
    grip = robot.arm.grip

    def watched(position: float) -> bool:
        if position == healthy.entry.settings["gripper"]["open"]:
            opened.append(float(np.degrees(robot.arm.joints().position[0])))
        return grip(position)

    robot.arm.grip = watched  # type: ignore[method-assign]
    robot.arm.lease.operator = lambda name, question: None
    robot.begin(0)

    def blind(newer_than: float) -> Any:
        raise RobotError("no image")

    with monkeypatch.context() as patch, pytest.raises(RobotError, match="no image"):
        patch.setattr(robot._camera, "look", blind)
        robot.grasp()
    robot.begin(1)
    robot.close()
    assert len(opened) == 2 and np.abs(opened).max() < 45
