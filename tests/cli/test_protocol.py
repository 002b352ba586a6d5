"""`graspctl eval --runs`: one robot, all robots, and a process that is killed."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from graspctl.main import app

PROJECT = Path(__file__).parents[2]
LINE = ["eval", "--robot", "kuka-3", "--methods", "random", "--runs", "2", "--trials", "40"]
LOG = Path("runs/random/eval/kuka-3_random_seed0_2x40.jsonl")


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), prog_name="graspctl")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test works in a folder of its own."""
    monkeypatch.chdir(tmp_path)


def test_prints_the_papers_table_and_continues() -> None:
    result = invoke(*LINE)
    assert result.exit_code == 0, (result.output, result.exception)
    lines = result.stdout.splitlines()
    assert lines[0] == f"Wrote     {LOG.with_suffix('.json')}, {LOG.with_suffix('.csv')}, {LOG}"
    assert lines[1].split() == ["Measured", "method", "run", "1", "run", "2", "all", "void", "moves"]
    assert re.match(r" +random +\d+\.\d +\d+\.\d +\d+/80 = ", lines[2])
    content = LOG.read_bytes()
    assert len(content.splitlines()) == len(LOG.with_suffix(".csv").read_text().splitlines()) == 81
    assert invoke(*LINE).stdout == result.stdout and LOG.read_bytes() == content
    report = json.loads(invoke(*LINE, "--json").stdout)
    assert report == json.loads(LOG.with_suffix(".json").read_text()) and report["made"] == 80


def test_blind_progress_does_not_name_the_method() -> None:
    assert "random" in invoke(*LINE).stderr
    blind = invoke(*LINE, "--blind", "--seed", "1")
    assert blind.exit_code == 0 and "random" not in blind.stderr and "80/80" in blind.stderr


def test_a_killed_evaluation_loses_nothing_and_goes_on() -> None:
    paths = [str(PROJECT / root) for root in (".", "cli", "pipelines", "datasets")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, "-m", "graspctl", *LINE]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not LOG.exists() or LOG.read_bytes().count(b"\n") < 11:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = LOG.read_bytes().splitlines()[1:11]
    killed = invoke(*LINE, "--json")
    assert killed.exit_code == 0 and LOG.read_bytes().splitlines()[1:11] == kept
    LOG.unlink()
    whole, again = json.loads(invoke(*LINE, "--json").stdout), json.loads(killed.stdout)
    for report in (whole, again):
        del report["methods"]["random"]["decision_milliseconds"]
    assert whole == again


def test_all_robots_run_in_processes_of_their_own_and_are_pooled() -> None:
    result = invoke("eval", "--robot", "all", "--methods", "random", "--runs", "1", "--trials", "3", "--json")
    assert result.exit_code == 0, (result.output, result.exception)
    report = json.loads(result.stdout)
    assert report["robots"] == [f"kuka-{number}" for number in range(1, 8)] and report["made"] == 21
    assert len(list(LOG.parent.glob("kuka-*_random_seed0_1x3.jsonl"))) == 7
    assert (LOG.parent / "all_random_seed0_1x3.json").is_file()


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        (["--robot", "kuka-3", "--blind"], "with --runs only"),
        (["--robot", "all", "--runs", "2", "--stop-early"], "on one robot"),
        (["--robot", "all", "--runs", "2", "--replay", "1"], "without --runs"),
        (["--robot", "kuka-3", "--runs", "0"], "--runs"),
    ],
)
def test_bad_words_are_refused(words: list[str], phrase: str) -> None:
    result = invoke("eval", "--methods", "random", *words)
    assert result.exit_code == 2 and phrase in result.stderr and len(result.stderr.splitlines()) == 1


def test_a_log_of_other_settings_is_kept() -> None:
    LOG.parent.mkdir(parents=True)
    LOG.write_text('{"evaluation": {"methods": ["random"]}}\n')
    result = invoke(*LINE)
    assert result.exit_code == 2 and "other policies or settings" in result.stderr
    assert LOG.read_text().count("\n") == 1
