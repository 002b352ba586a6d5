"""The command line as a whole: help at once, one line per error, documented exit codes."""

import resource
import subprocess
import sys

import pytest
from typer.testing import CliRunner, Result

from grasp_tfp import __version__, errors
from graspctl import main

COMMANDS = ["collect", "convert", "export", "train", "eval", "compare", "deploy", "report", "reproduce", "doctor"]
HEAVY = {"tensorflow", "keras", "apache_beam", "pybullet", "numba", "tensorflow_datasets", "numpy", "scipy", "mcap"}


def invoke(*words: str) -> Result:
    return CliRunner().invoke(main.app, list(words), prog_name="graspctl", env={"COLUMNS": "100"})


def test_version() -> None:
    result = invoke("--version")
    assert (result.exit_code, result.stdout) == (0, f"graspctl {__version__}\n")


def test_no_words_show_the_help() -> None:
    assert invoke().stdout == invoke("--help").stdout


def test_every_command_is_listed_and_tested() -> None:
    names = [command.name or command.callback.__name__ for command in main.app.registered_commands]  # type: ignore[union-attr]
    assert names == COMMANDS


def test_help_comes_without_heavy_imports() -> None:
    code = (
        "import sys\nfrom graspctl.main import run\nsys.argv = ['graspctl', '--help']\n"
        f"try:\n    run()\nfinally:\n    print('heavy:', sorted({HEAVY!r} & set(sys.modules)))"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert done.stdout.splitlines()[-1] == "heavy: []"
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1, "0.13 s on an idle machine"


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        (["colect"], "No such command 'colect'. Did you mean 'collect', 'convert'? See: graspctl --help"),
        (["--verion"], "No such option: --verion"),
        (["collect", "--trails", "3"], "--trials"),
        (["collect", "--trials", "many"], "Invalid value for '--trials'"),
        (["convert", "logs"], "Missing argument 'OUT'. See: graspctl convert --help"),
    ],
)
def test_wrong_words_are_one_line_and_exit_code_2(words: list[str], phrase: str) -> None:
    result = invoke(*words)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1 and result.stderr.startswith("Error: ")
    assert phrase in result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.GraspError, 1),
        (errors.UsageError, 2),
        (errors.RobotError, 3),
        (errors.BundleRejected, 4),
        (errors.SafetyStop, 5),
        (KeyboardInterrupt, 130),
    ],
)
def test_exit_code_of_every_error(monkeypatch: pytest.MonkeyPatch, error: type[BaseException], code: int) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error("The arm is asleep.")

    monkeypatch.setattr("grasp_pipelines.collect.collect", fail)
    result = invoke("collect", "--sim")
    assert result.exit_code == code
    assert result.stderr.splitlines()[-1] == ("Interrupted." if code == 130 else "Error: The arm is asleep.")
    assert "Traceback" not in result.output
