"""`graspctl collect` from words to logs."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from graspctl.main import app


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, ["collect", *words], prog_name="graspctl")


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_collects_where_the_next_command_looks(empty_folder: Path) -> None:
    result = invoke("--sim", "--trials", "60", "--workers", "1")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Wrote     logs/ (1 log, ")
    assert "60 trials in" in lines[1] and "/60 = " in lines[2]
    assert lines[-1] == "Next      graspctl convert logs/ out/"
    assert [path.suffix for path in (empty_folder / "logs").iterdir()] == [".mcap"]
    assert result.stderr.splitlines()[-1].startswith("collect: 60/60")


def test_json_is_all_there_is_on_stdout() -> None:
    result = invoke("--sim", "--trials", "20", "--workers", "1", "--out", "elsewhere", "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert report["trials"] == 20 and report["files"] == 1 and 0 <= report["successes"] <= 20
    assert Path("elsewhere").is_dir() and not Path("logs").exists()


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        ([], "Use graspctl collect --sim."),
        (["--robot", "kuka-3"], "Use --sim instead."),
        (["--sim", "--task", "blokcs"], "Did you mean 'blocks'?"),
        (["--sim", "--trials", "0"], "--trials"),
        (["--sim", "--workers", "0"], "--workers"),
        (["--sim", "--seed", "-1"], "--seed"),
        (["--sim", "--images", "8"], "--images"),
        (["--sim", "--policy", "runs/none"], "No trained policy in 'runs/none'"),
        (["--sim", "--", "runner"], "Beam options follow --"),
    ],
)
def test_bad_words_write_nothing(empty_folder: Path, words: list[str], phrase: str) -> None:
    result = invoke(*words)
    assert result.exit_code == 2
    assert phrase in result.stderr and len(result.stderr.splitlines()) == 1
    assert list(empty_folder.iterdir()) == []


def test_a_folder_in_use_stays_as_it_is(empty_folder: Path) -> None:
    (empty_folder / "logs").mkdir()
    (empty_folder / "logs" / "mine.txt").write_text("kept")
    result = invoke("--sim", "--trials", "10")
    assert result.exit_code == 2
    assert (
        "expected a new folder or one with logs only, found 'mine.txt'" in result.stderr
        and len(result.stderr.splitlines()) == 1
    )
    assert [path.name for path in (empty_folder / "logs").iterdir()] == ["mine.txt"]


def test_the_same_line_again_continues(empty_folder: Path) -> None:
    for trials in ("20", "50"):
        result = invoke("--sim", "--trials", trials, "--workers", "1")
    lines = result.stdout.splitlines()
    assert lines[1].startswith("Measured  30 trials in") and lines[2].strip() == "20 trials were there already"
    assert "/50 = " in lines[3]
    assert result.stderr.splitlines()[-1].startswith("collect: 30/30")
    again = invoke("--sim", "--trials", "50", "--workers", "1")
    assert again.exit_code == 0 and "50 trials were there already" in again.stdout and again.stderr == ""


def test_beam_options_and_images(empty_folder: Path) -> None:
    result = invoke("--sim", "--trials", "5", "--images", "32", "--", "--runner=FnApiRunner")
    assert result.exit_code == 0, result.stderr
    assert "5 trials in" in result.stdout
    assert result.stderr.splitlines()[-1].startswith("collect: 5/5")


@pytest.mark.parametrize("moment", [0.0, 1.0])
def test_ctrl_c_ends_at_once_with_what_was_logged(empty_folder: Path, moment: float) -> None:
    """Interrupts all processes, as a terminal does: while the workers start, and while they work."""
    command = [sys.executable, "-m", "graspctl", "collect", "--sim", "--trials", "1000000", "--workers", "2"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 60
        while not (empty_folder / "logs").exists() or (
            moment and not any(path.stat().st_size > 20_000 for path in empty_folder.rglob("*.mcap"))
        ):
            assert time.monotonic() < deadline, "no trial was logged"
            time.sleep(0.02)
        time.sleep(0.3)
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=60)
        took = time.monotonic() - began
    assert process.returncode == 130
    assert err.splitlines()[-1] == "Interrupted." and "Traceback" not in err
    assert "Wrote     logs/ (" in out
    assert {path.suffix for path in (empty_folder / "logs").iterdir()} <= {".mcap"}
    assert took < 5, "it waited for the shard to end"


def test_workers_end_with_the_command(empty_folder: Path) -> None:
    command = [sys.executable, "-m", "graspctl", "collect", "--sim", "--trials", "1000000", "--workers", "2"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, env=environment) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        deadline = time.monotonic() + 60
        while len(list(empty_folder.rglob("*.mcap"))) < 2:
            assert time.monotonic() < deadline, "no log was begun"
            time.sleep(0.05)
        workers = [Path("/proc") / child for child in children.read_text().split()]
        process.kill()
    while any(worker.exists() and ") Z " not in (worker / "stat").read_text() for worker in workers):
        assert time.monotonic() < deadline, "a worker goes on"
        time.sleep(0.05)
