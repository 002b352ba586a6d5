"""`graspctl robots`: the fleet, and a simulated arm in a process of its own that is driven by hand and evaluated on."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from grasp_tfp.errors import RobotError
from grasp_tfp.robots.fleet import FLEET, find_robot
from grasp_tfp.robots.pinned import compare_view, pin_view, view_shift
from grasp_tfp.robots.twin.simulate import fleet_text, twin_table
from graspctl import main


def invoke(*words: str) -> Result:
    return CliRunner().invoke(main.app, list(words), prog_name="graspctl")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A fleet file that reaches a simulated arm, whose time limits bear a busy machine."""
    path = tmp_path_factory.mktemp("fleet") / "twin.toml"
    table = twin_table(find_robot("kuka-3"), "", "ros2")
    table["limits"] |= {"watchdog_timeout_s": 20.0, "joint_state_timeout_s": 10.0}
    table["camera"] |= {"max_image_age_s": 10.0}
    patient = path.with_name("patient.toml")
    patient.write_text(fleet_text("kuka-3", table))
    words = [
        "robots",
        "--robots",
        str(patient),
        "simulate",
        "kuka-3",
        "--port",
        "0",
        "--speed",
        "30",
        "--fleet",
        str(path),
    ]
    code = f"import sys; sys.argv = ['graspctl', *{words!r}]\nfrom graspctl.main import run; run()"
    environment = os.environ | {"PYTHONPATH": ":".join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("Serving   ws://127.0.0.1:")
        assert "graspctl eval --robot kuka-3" in process.stdout.readline()
        yield path
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130


@pytest.fixture
def lab(fleet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and the fleet file in the environment."""
    monkeypatch.setenv(FLEET, str(fleet))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_shipped_fleet() -> None:
    listed = invoke("robots", "list")
    assert listed.exit_code == 0
    assert len(listed.stdout.splitlines()) == 1 + 7
    assert json.loads(invoke("robots", "list", "--json").stdout)["kuka-3"]["driver"] == "sim"
    assert "ok      cell            simulated, blocks" in invoke("robots", "check", "kuka-3").stdout
    refused = invoke("robots", "watchdog", "kuka-3")
    assert (refused.exit_code, "only a robot behind rosbridge" in refused.stderr) == (2, True)


def test_looking_at_a_robot_moves_nothing(lab: Path) -> None:
    assert "rosbridge   blocks" in invoke("robots", "list").stdout
    shown = json.loads(invoke("robots", "show", "kuka-3").stdout)
    assert shown["settings"]["limits"]["watchdog_timeout_s"] == 20.0
    checked = invoke("robots", "check", "kuka-3")
    assert checked.exit_code == 0, checked.output
    assert [line.split()[1] for line in checked.stdout.splitlines()] == [
        "joint",
        "posture",
        "camera",
        "watchdog",
        "labels",
    ]
    script = invoke("robots", "watchdog", "kuka-3").stdout
    assert "import rclpy" in script
    compile(script, "watchdog.py", "exec")


def test_jogging_says_how_far_the_arm_really_went(lab: Path) -> None:
    dry = invoke("robots", "jog", "kuka-3", "y=0.02", "--dry-run")
    assert "Nothing has moved." in dry.stdout
    for sign in ("", "-"):
        done = invoke("robots", "jog", "kuka-3", f"y={sign}0.02", f"yaw={sign}5")
        assert f'"y": {sign}0.02, "z": 0.0, "yaw_deg": {sign}5.0' in done.stdout.replace("-0.0,", "0.0,"), done.output
    far = invoke("robots", "jog", "kuka-3", "x=1")
    assert (far.exit_code, far.stderr.strip()) == (
        3,
        "Error: kuka-3: refused to move by x=1: outside the workspace. It has not moved.",
    )
    assert invoke("robots", "jog", "kuka-3", "up=1").exit_code == 2


def test_a_pinned_view_is_compared(lab: Path) -> None:
    assert invoke("robots", "pin-camera", "kuka-3").exit_code == 0
    assert "ok      camera view" in invoke("robots", "check", "kuka-3").stdout
    moved = np.roll(np.random.default_rng(0).integers(0, 255, (472, 472, 3), np.uint8), 3, axis=0)
    joints = json.loads((lab / "pinned/kuka-3/view.json").read_text())["joints_rad"]
    pin_view(lab / "pinned/kuka-3", moved, joints)
    wrong = invoke("robots", "check", "kuka-3")
    assert (wrong.exit_code, "FAILED  camera view" in wrong.stdout) == (3, True)
    with pytest.raises(RobotError, match="pinned with the arm at"):
        compare_view(lab / "pinned/kuka-3", moved, np.array(joints) + 0.1)


@pytest.mark.parametrize("shift", [(0, 0), (3, 0), (-4, 5)])
def test_the_shift_of_a_view(shift: tuple[int, int]) -> None:
    coarse = np.random.default_rng(1).integers(0, 255, (16, 16, 3), np.uint8)
    view = np.kron(coarse, np.ones((8, 8, 1), np.uint8))
    assert view_shift(view, np.roll(view, shift, axis=(0, 1))) == pytest.approx(float(np.hypot(*shift)))


def test_eval_over_rosbridge_is_eval_in_process(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["eval", "--robot", "kuka-3", "--policy", "random", "-n", "3", "--json"]
    driven = json.loads(invoke(*words).stdout)
    monkeypatch.delenv(FLEET)
    simulated = json.loads(invoke(*words).stdout)
    for report in (driven, simulated):
        for outcome in report["policies"]["random"]["outcomes"]:
            outcome.pop("decision_seconds", None)
    assert [(o["success"], o["num_steps"]) for o in driven["policies"]["random"]["outcomes"]] == [
        (o["success"], o["num_steps"]) for o in simulated["policies"]["random"]["outcomes"]
    ]


def test_a_missing_limit_is_named(lab: Path) -> None:
    table = twin_table(find_robot("kuka-3"), "ws://127.0.0.1:1", "ros2")
    del table["limits"]["max_step_m"]
    path = lab / "lab.toml"
    path.write_text(fleet_text("kuka-3", table))
    result = invoke("robots", "--robots", str(path), "show", "kuka-3")
    assert result.exit_code == 2
    assert "Missing in kuka-3.limits: max_step_m. There is no safe default" in result.stderr
    table["limts"] = table.pop("limits")
    path.write_text(fleet_text("kuka-3", table))
    assert "Did you mean 'limits'?" in invoke("robots", "--robots", str(path), "show", "kuka-3").stderr


def test_nobody_there_is_exit_code_3(lab: Path) -> None:
    text = Path(os.environ[FLEET]).read_text()
    url = next(line for line in text.splitlines() if line.startswith("url"))
    (lab / "gone.toml").write_text(text.replace(url, 'url = "ws://127.0.0.1:9"'))
    gone = invoke("robots", "--robots", str(lab / "gone.toml"), "check", "kuka-3")
    assert (gone.exit_code, "Cannot reach rosbridge at ws://127.0.0.1:9" in gone.stderr) == (3, True)
