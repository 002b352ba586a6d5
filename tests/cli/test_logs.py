"""`graspctl logs` from words to tables and pictures."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from grasp_pipelines.trial_log import log_files, read_trials
from grasp_tfp.actions import wrap_yaw
from graspctl.main import app


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), prog_name="graspctl")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("logs") / "logs"
    result = invoke("collect", "--sim", "--trials", "60", "--workers", "1", "--out", str(folder))
    assert result.exit_code == 0, result.stderr
    return folder


@pytest.fixture
def logs(collected: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return shutil.copytree(collected, tmp_path / "logs")


def test_counts_what_the_folder_holds(logs: Path) -> None:
    trials = [trial for path in log_files(logs) for trial in read_trials(path)]
    report = json.loads(invoke("logs", "list", "--json").stdout)
    assert report["success"] == {"successes": sum(trial.success for trial in trials), "trials": 60}
    assert list(report["tasks"]) == ["blocks"] and list(report["policies"]) == ["random"] and report["damaged"] == {}
    assert sum(rate["trials"] for rate in report["steps"].values()) == 60
    ahead = [trial for trial in trials if 0 <= np.degrees(wrap_yaw(trial.final_pose[3])) < 30]
    assert report["directions"]["0"] == {"successes": sum(trial.success for trial in ahead), "trials": len(ahead)}
    assert sum(rate["trials"] for rate in report["directions"].values()) == 60
    table = invoke("logs").stdout
    assert f"0° to 30°: {sum(trial.success for trial in ahead)}/{len(ahead)} = " in table
    assert table == invoke("logs", "logs").stdout
    assert f"{report['success']['successes']}/60 = " in table and "Damaged     no file" in table


def test_names_what_is_damaged_and_counts_the_rest(logs: Path) -> None:
    whole = next(logs.glob("*.mcap"))
    data = whole.read_bytes()
    (logs / "cut.mcap").write_bytes(data[: len(data) // 2])
    (logs / "foreign.mcap").write_bytes(b"not a log at all")
    report = json.loads(invoke("logs", "list", "--json").stdout)
    assert set(report["damaged"]) == {"cut.mcap", "foreign.mcap"}
    assert "it is cut off (trials read: " in report["damaged"]["cut.mcap"]
    assert 60 < report["success"]["trials"] < 120


@pytest.mark.parametrize("words", [("show", "--trial", "7"), ("show", "--trial", "blocks-0-000000007")])
def test_shows_a_trial_by_index_or_id(logs: Path, words: tuple[str, ...]) -> None:
    result = invoke("logs", *words)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[0] == "Wrote     blocks-0-000000007.png"
    assert Path("blocks-0-000000007.png").read_bytes().startswith(b"\x89PNG")


def test_draws_a_contact_sheet(logs: Path) -> None:
    result = invoke("logs", "sheet", "--trials", "6", "--out", "six.png")
    assert result.exit_code == 0, result.stderr
    assert "/6 = " in result.stdout
    assert Path("six.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        (["logs", "nowhere"], "Run `graspctl collect --sim` first."),
        (["logs", "show", "--trial", "60"], "Expected an index from 0 to 59"),
        (["logs", "show", "--out", "strip.jpg"], "expected a file *.png"),
        (["logs", "sheet", "--trials", "0"], "--trials"),
    ],
)
def test_bad_words_are_one_line_and_write_nothing(logs: Path, words: list[str], phrase: str) -> None:
    before = sorted(logs.parent.rglob("*"))
    result = invoke(*words)
    assert result.exit_code == 2
    assert phrase in result.stderr and len(result.stderr.splitlines()) == 1
    assert sorted(logs.parent.rglob("*")) == before
