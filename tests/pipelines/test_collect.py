"""Collection on several processes or Beam, in one go or in pieces, and what is left when something goes wrong."""

import contextlib
import dataclasses
import multiprocessing
import os
import pathlib
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import simplejpeg

from grasp_pipelines import collect as collection
from grasp_pipelines.collect import collect
from grasp_pipelines.collect_shard import UNFINISHED, Recipe, Shard, collect_shard
from grasp_pipelines.collect_workers import Tally
from grasp_pipelines.convert import convert
from grasp_pipelines.trial_log import TrialWriter, log_files, read_trials
from grasp_tfp.errors import GraspError, UsageError
from grasp_tfp.sim.renderer import Renderer
from grasp_tfp.sim.tasks import TASKS


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, "SHARD_TRIALS", 20)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The logs of 50 trials with seed 5, by one worker in one go."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collection, "SHARD_TRIALS", 20)
        collect(folder, trials=50, seed=5, workers=1)
    return contents(folder)


def test_the_same_seed_gives_the_same_logs_on_one_worker_or_two(
    whole: dict[str, bytes], tmp_path: pathlib.Path
) -> None:
    report = collect(tmp_path, trials=50, seed=5, workers=2)
    assert contents(tmp_path) == whole
    assert sorted(whole) == [f"blocks-5-{start:09d}.mcap" for start in (0, 20, 40)]
    assert (report.trials, report.new, report.files) == (50, 50, 3)


def test_logs_hold_the_trials_in_order_without_gaps(tmp_path: pathlib.Path) -> None:
    seen: list[tuple[Tally, int]] = []
    report = collect(tmp_path, trials=30, seed=1, workers=1, progress=lambda *state: seen.append(state))
    trials = [trial for path in log_files(tmp_path) for trial in read_trials(path)]
    assert [trial.index for trial in trials] == list(range(30))
    assert sum(trial.success for trial in trials) == report.successes
    assert {trial.policy for trial in trials} == {"random"}
    tally, total = seen[-1]
    assert (tally.new, tally.kept, tally.successes, total) == (30, 0, report.successes, 30)
    assert report.bytes == sum(path.stat().st_size for path in log_files(tmp_path))


def test_more_trials_extend_a_folder_and_the_same_number_changes_nothing(
    whole: dict[str, bytes], tmp_path: pathlib.Path
) -> None:
    news = [collect(tmp_path, trials=trials, seed=5, workers=1).new for trials in (7, 40, 50)]
    assert news == [7, 33, 10]
    assert contents(tmp_path) == whole
    times = [path.stat().st_mtime_ns for path in log_files(tmp_path)]
    report = collect(tmp_path, trials=50, seed=5, workers=1)
    assert (report.trials, report.new) == (50, 0)
    assert [path.stat().st_mtime_ns for path in log_files(tmp_path)] == times


def test_a_log_cut_off_anywhere_is_completed(whole: dict[str, bytes], tmp_path: pathlib.Path) -> None:
    names, rng = sorted(whole), np.random.default_rng(0)
    sizes = [len(whole[name]) for name in names]
    for name, size in zip(names, (0, int(rng.integers(sizes[1])), sizes[2] - 1), strict=True):
        (tmp_path / name).write_bytes(whole[name][:size])
    (tmp_path / ".unfinished").mkdir()
    (tmp_path / ".unfinished" / f"{names[0]}.left-by-a-kill").write_bytes(b"")
    before = sum(len(list(read_trials(path))) for path in log_files(tmp_path))
    report = collect(tmp_path, trials=50, seed=5, workers=1)
    assert 10 <= before == 50 - report.new
    assert contents(tmp_path) == whole


def test_other_seeds_may_share_the_folder(whole: dict[str, bytes], tmp_path: pathlib.Path) -> None:
    collect(tmp_path, trials=5, seed=55, workers=1)
    report = collect(tmp_path, trials=50, seed=5, workers=1)
    assert (report.trials, report.files) == (50, 4)
    assert whole.items() < contents(tmp_path).items()


@pytest.mark.parametrize(
    ("name", "options", "phrase"),
    [
        ("notes.txt", {}, "found 'notes.txt'"),
        ("blocks-5-000000000.mcap", {"trials": 30}, "holds more trials than 30"),
        ("blocks-5-000000000.mcap", {"trials": 45}, "holds more trials than 45"),
        ("blocks-5-000000000.mcap", {"images": 16}, "with images of 16 pixels, found trial"),
        ("blocks-5-000000010.mcap", {}, "expected trial blocks-5-000000010 of"),
    ],
)
def test_what_does_not_belong_is_refused_and_kept(
    whole: dict[str, bytes], tmp_path: pathlib.Path, name: str, options: dict[str, Any], phrase: str
) -> None:
    for log, data in whole.items():
        (tmp_path / log).write_bytes(data)
    if name not in whole:
        (tmp_path / name).write_bytes(whole["blocks-5-000000000.mcap"])
    before = contents(tmp_path)
    with pytest.raises(UsageError, match=phrase):
        collect(tmp_path, **({"trials": 50, "seed": 5, "workers": 1} | options))
    assert contents(tmp_path) == before


def test_logs_of_other_versions_are_not_continued(whole: dict[str, bytes], tmp_path: pathlib.Path) -> None:
    log = tmp_path / "blocks-5-000000000.mcap"
    log.write_bytes(whole[log.name])
    trials = list(read_trials(log))[:10]
    log.unlink()
    with TrialWriter(log) as writer:
        for trial in trials:
            writer.write(dataclasses.replace(trial, stop_reason="converged"))
    data = log.read_bytes()
    log.write_bytes(data.replace(b"graspctl 0", b"graspctl 9"))
    with pytest.raises(UsageError, match="other versions of graspctl"):
        collect(tmp_path, trials=20, seed=5, workers=1)


def test_a_damaged_log_is_one_line_and_stays(whole: dict[str, bytes], tmp_path: pathlib.Path) -> None:
    log = tmp_path / "blocks-5-000000000.mcap"
    middle = len(whole[log.name]) // 2
    data = whole[log.name][:middle] + bytes([whole[log.name][middle] ^ 1]) + whole[log.name][middle + 1 :]
    log.write_bytes(data)
    with pytest.raises(GraspError, match="Move it away and run the same command again"):
        collect(tmp_path, trials=50, seed=5, workers=1)
    assert log.read_bytes() == data


def test_a_full_disk_is_one_line_and_costs_no_trial(whole: dict[str, bytes], tmp_path: pathlib.Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limits[1]))
    try:
        with pytest.raises(
            GraspError, match="Cannot write the log .*mcap': File too large. The trials before"
        ) as error:
            collect(tmp_path, trials=50, seed=5, workers=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(error.value)
    assert sum(len(list(read_trials(path))) for path in log_files(tmp_path)) > 5
    collect(tmp_path, trials=50, seed=5, workers=1)
    assert contents(tmp_path) == whole


def test_a_killed_worker_is_one_line_and_its_logs_stay(tmp_path: pathlib.Path) -> None:
    def kill_one(tally: Tally, trials: int) -> None:
        if tally.new:
            multiprocessing.active_children()[0].kill()

    with pytest.raises(GraspError, match="A collecting process was killed by SIGKILL"):
        collect(tmp_path, trials=1000, seed=5, workers=2, progress=kill_one)
    for path in log_files(tmp_path):
        indices = [trial.index for trial in read_trials(path)]
        assert indices == list(range(int(path.stem[-9:]), int(path.stem[-9:]) + len(indices)))


@pytest.mark.parametrize("task", sorted(TASKS))
def test_every_task_is_the_same_in_pieces(tmp_path: pathlib.Path, task: str) -> None:
    for folder, pieces in (("pieces", (1, 4, 6)), ("whole", (6,))):
        for trials in pieces:
            run_shard(tmp_path / folder, task, trials)
    assert contents(tmp_path / "pieces") == contents(tmp_path / "whole")


def run_shard(out: pathlib.Path, task: str, trials: int) -> None:
    """Collects in this process."""
    out.mkdir(exist_ok=True)
    collect_shard(Shard(out, Recipe(task, 3), 0, trials), lambda kept, success: None)
    (out / UNFINISHED).rmdir()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GraspError, match="Cannot create the folder"):
        collect(tmp_path / "file" / "logs", trials=1)


def test_two_collections_into_one_folder_are_refused(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collection, "PATIENCE", 0.1)

    def again(*_: object) -> None:
        with pytest.raises(UsageError, match="Another collection is writing"):
            collect(tmp_path, trials=5, seed=6, workers=1)

    collect(tmp_path, trials=5, seed=5, workers=1, progress=again)


def test_logs_with_images_are_convertible_and_resumable(tmp_path: pathlib.Path) -> None:
    for trials in (3, 6):
        collect(tmp_path / "logs", trials=trials, seed=2, images=48, workers=1)
    collect(tmp_path / "one-go", trials=6, seed=2, images=48, workers=1)
    assert contents(tmp_path / "logs") == contents(tmp_path / "one-go")
    (log,) = log_files(tmp_path / "logs")
    for trial in read_trials(log):
        assert trial.initial_image is not None and trial.scene is not None
        assert len(trial.images) == trial.num_steps
        drawn = Renderer(48).image(trial.scene, trial.gripper_poses[0])
        assert np.abs(simplejpeg.decode_jpeg(trial.images[0]).astype(int) - drawn).mean() < 3
    report = convert(tmp_path / "logs", tmp_path / "out", image_size=32, workers=1)
    assert report.trials == 6 and not report.skipped


@pytest.mark.parametrize("workers", [1, 2])
def test_beam_gives_the_same_bytes(whole: dict[str, bytes], tmp_path: pathlib.Path, workers: int) -> None:
    first = collect(tmp_path, trials=30, seed=5, workers=workers)
    report = collect(tmp_path, trials=50, seed=5, beam_args=[f"--direct_num_workers={workers}"])
    assert contents(tmp_path) == whole
    assert (first.new, report.trials, report.new) == (30, 50, 20)
    assert report.successes == sum(trial.success for path in log_files(tmp_path) for trial in read_trials(path))


@contextlib.contextmanager
def service(module: str, option: str) -> Iterator[str]:
    """Runs one of Beam's servers and yields its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    command = [sys.executable, "-m", f"apache_beam.runners.{module}", f"{option}={port}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                assert time.monotonic() < deadline, f"{module} did not start"
                time.sleep(0.1)
        yield f"localhost:{port}"
        process.terminate()


@pytest.fixture(scope="module")
def job_service() -> Iterator[str]:
    """Beam's own portable job service, the kind that Flink and Spark have."""
    with service("portability.local_job_service_main", "--port") as address:
        yield address


@pytest.mark.parametrize("environment", ["LOOPBACK", "EXTERNAL"])
def test_a_portable_runner_gives_the_same_bytes(
    whole: dict[str, bytes], tmp_path: pathlib.Path, job_service: str, environment: str
) -> None:
    options = ["--runner=PortableRunner", f"--job_endpoint={job_service}", f"--environment_type={environment}"]
    with contextlib.ExitStack() as stack:
        if environment == "EXTERNAL":
            options += [
                f"--environment_config={stack.enter_context(service('worker.worker_pool_main', '--service_port'))}"
            ]
        report = collect(tmp_path, trials=50, seed=5, beam_args=options)
    assert contents(tmp_path) == whole
    assert report.trials == report.new == 50


def test_beam_that_cannot_run_is_one_line(tmp_path: pathlib.Path) -> None:
    with pytest.raises(UsageError, match="Beam cannot run with --runner=Nonsense"):
        collect(tmp_path, trials=5, beam_args=["--runner=Nonsense"])
    assert list(tmp_path.iterdir()) == []
