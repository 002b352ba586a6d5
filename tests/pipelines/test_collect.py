"""Collection on several processes, and what is left when they die."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from grasp_pipelines import collect as collection
from grasp_pipelines.collect import collect
from grasp_pipelines.trial_log import log_files, read_trials
from grasp_tfp.errors import GraspError


def test_the_same_seed_gives_the_same_logs_on_one_worker_or_two(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collection, "SHARD_TRIALS", 20)
    reports = [collect(tmp_path / str(workers), trials=50, seed=5, workers=workers) for workers in (1, 2)]
    first, second = ([(path.name, path.read_bytes()) for path in log_files(tmp_path / name)] for name in ("1", "2"))
    assert first == second
    assert [name for name, _ in first] == [f"blocks-5-{start:09d}.mcap" for start in (0, 20, 40)]
    assert reports[0].trials == reports[1].trials == 50
    assert reports[0].successes == reports[1].successes


def test_logs_hold_the_trials_in_order_without_gaps(tmp_path: pathlib.Path) -> None:
    seen: list[tuple[int, int, int]] = []
    report = collect(tmp_path, trials=30, seed=1, workers=1, progress=lambda *state: seen.append(state))
    trials = [trial for path in log_files(tmp_path) for trial in read_trials(path)]
    assert [trial.index for trial in trials] == list(range(30))
    assert sum(trial.success for trial in trials) == report.successes
    assert {trial.policy for trial in trials} == {"random"}
    assert seen[-1] == (30, 30, report.successes)
    assert report.bytes == sum(path.stat().st_size for path in log_files(tmp_path))


def test_a_killed_collection_leaves_readable_logs(tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-m", "graspctl", "collect", "--sim", "--out", str(tmp_path / "logs"), "--workers", "2"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 60
    while sum(path.stat().st_size for path in tmp_path.rglob("*.mcap")) < 100_000:
        assert time.monotonic() < deadline, "no trial was logged"
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for path in log_files(tmp_path / "logs"):
        indices = [trial.index for trial in read_trials(path)]
        assert len(indices) > 10
        assert indices == list(range(indices[0], indices[0] + len(indices)))


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GraspError, match="Cannot create the folder"):
        collect(tmp_path / "file" / "logs", trials=1)
