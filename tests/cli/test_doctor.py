"""`graspctl doctor`: what it finds, what it runs, and how a failing check reads."""

import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from grasp_tfp.errors import GraspError
from graspctl import doctor as doctor_module
from graspctl.doctor import run_checks
from graspctl.installation import INSTALLATION, answers_at, check_pins, check_ranges
from graspctl.main import app


def test_every_check_of_this_installation_passes_and_the_self_test_runs() -> None:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    report = json.loads(result.stdout)
    checks = {check["name"]: check for check in report["checks"]}
    assert [check for check in checks.values() if not check["passed"]] == []
    assert result.exit_code == 0 and report["passed"] is True
    assert list(checks) == [*INSTALLATION, "trial", "conversion", "training", "evaluation"]
    assert checks["trial"]["detail"] == "2 of 10 random grasps held"
    assert checks["conversion"]["detail"].startswith("10 trials to ")
    assert "kuka-3 (sim)" in checks["fleet"]["detail"] and "FnApiRunner" in checks["beam"]["detail"]


def test_a_failing_check_is_one_line_and_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> str:
        raise ImportError("no wheel\nfor this one")

    monkeypatch.setattr(doctor_module, "INSTALLATION", {"python": lambda: "3.11", "pybullet": broken})
    result = CliRunner().invoke(app, ["doctor", "--no-self-test"])
    assert result.exit_code == 1
    assert [line.split()[:2] for line in result.stdout.splitlines()] == [["ok", "python"], ["FAILED", "pybullet"]]
    assert result.stderr.splitlines() == ["Error: pybullet: no wheel for this one"]


def test_checks_come_one_by_one_and_none_hides_the_next() -> None:
    def broken() -> str:
        raise OSError

    found = list(run_checks({"first": broken, "second": lambda: "fine"}))
    assert [(check.name, check.passed, check.detail) for check in found] == [
        ("first", False, "OSError"),
        ("second", True, "fine"),
    ]


def test_pins() -> None:
    lock = "# a comment\nnumpy==2.4.6\nTyping_Extensions==4.1\npytest==9.0\n"
    installed = {"numpy": "2.4.6", "typing-extensions": "4.1"}
    assert check_pins(lock, installed) == "2 of 3 pins of requirements.lock installed; not installed: pytest"
    with pytest.raises(GraspError, match=r"^numpy 1\.26 instead of 2\.4\.6\. Run pip install -r requirements\.lock\.$"):
        check_pins(lock, installed | {"numpy": "1.26"})


def test_ranges() -> None:
    requirements = ["numpy<3,>=2", 'pytest<10,>=9; extra == "dev"', "tf_keras<2.22,>=2.21"]
    assert check_ranges(requirements, {"numpy": "2.4.6", "tf-keras": "2.21.0"}).startswith("numpy 2.4.6, tf_keras")
    with pytest.raises(GraspError, match=r"numpy 1\.26, expected <3,>=2; tf_keras is missing"):
        check_ranges(requirements, {"numpy": "1.26"})


def test_which_robots_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_server(("127.0.0.1", 0)) as other:
        here, gone = (f"ws://127.0.0.1:{server.getsockname()[1]}" for server in (listening, other))
        other.close()
        table = '[{}]\ndriver = "rosbridge"\ntask = "blocks"\nurl = "{}"\n'
        text = table.format("left", here) + table.format("right", gone) + '[twin]\ndriver = "sim"\ntask = "blocks"\n'
        (tmp_path / "lab.toml").write_text(text)
        monkeypatch.setenv("GRASPCTL_FLEET", str(tmp_path / "lab.toml"))
        found = INSTALLATION["fleet"]()
        listening.settimeout(5)
        with listening.accept()[0] as asked:
            assert asked.recv(1) == b""
    left, right, twin = found.split(", ", 5)[:2], found.split("right ")[1], found.rsplit(", ", 1)[1]
    assert left == ["left (rosbridge", f"answers at {here})"]
    assert right.startswith(f"(rosbridge, no answer at {gone}: ") and twin == "twin (sim)"


@pytest.mark.parametrize("url", ["ws://127.0.0.1:99999", "ws://", "no url"])
def test_an_address_that_is_none(url: str) -> None:
    assert answers_at(url).startswith(f", no answer at {url}: ")
