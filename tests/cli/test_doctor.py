"""`graspctl doctor`: what it finds, what it runs, and how a failing check reads."""

import json

import pytest
from typer.testing import CliRunner

from grasp_tfp.errors import GraspError
from graspctl import doctor as doctor_module
from graspctl.doctor import run_checks
from graspctl.installation import INSTALLATION, check_pins, check_ranges
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
