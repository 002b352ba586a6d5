"""`--view` of collect and eval: what is shown, and that it changes nothing."""

from collections import Counter
from pathlib import Path

import pytest
from mcap.reader import make_reader
from typer.testing import CliRunner, Result

from graspctl.main import app


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), prog_name="graspctl")


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def topics(path: Path) -> Counter[str]:
    with open(path, "rb") as stream:
        return Counter(channel.topic for _, channel, _ in make_reader(stream).iter_messages())


def test_collect_shows_the_trials_of_the_first_process_and_logs_the_same(tmp_path: Path) -> None:
    pytest.importorskip("foxglove")
    plain = ["collect", "--sim", "--trials", "12", "--workers", "1"]
    assert invoke(*plain, "--out", "unwatched").exit_code == 0
    result = invoke(*plain, "--view", "trials.mcap")
    assert result.exit_code == 0 and "Viewing in trials.mcap" in result.stderr
    assert topics(tmp_path / "trials.mcap")["/trial/outcome"] == 12
    (one,), (two,) = (list((tmp_path / folder).glob("*.mcap")) for folder in ("logs", "unwatched"))
    assert one.read_bytes() == two.read_bytes()


def test_eval_shows_every_trial_with_its_samples(tmp_path: Path) -> None:
    pytest.importorskip("foxglove")
    line = ["eval", "--sim", "--bundle", "--policy", "actor,random", "-n", "4"]
    result = invoke(*line, "--view", "trials.mcap")
    assert result.exit_code == 0, (result.output, result.exception)
    found = topics(tmp_path / "trials.mcap")
    assert found["/trial/outcome"] == 8
    assert found["/scene"] > 2 * 8 + found["/camera/image"], "samples too"


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        (["collect", "--sim", "--view", "rviz"], "Unknown view 'rviz'"),
        (["eval", "--sim", "--policy", "random", "--view", "rviz"], "Unknown view 'rviz'"),
        (["eval", "--sim", "--policy", "random", "--runs", "2", "--view", "rerun"], "without --runs"),
        (["collect", "--sim", "--view", "rerun", "--", "--runner=FnApiRunner"], "received Beam"),
    ],
)
def test_bad_views_are_one_line(words: list[str], phrase: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    result = invoke(*words)
    assert result.exit_code == 2 and phrase in result.stderr
    assert "Traceback" not in result.stderr and not list(tmp_path.rglob("*.mcap"))
