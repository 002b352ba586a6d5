"""One pipeline, any runner, any order of the logs: the same bytes.

The portable runner with a job server and workers outside its process is the double of Flink and Spark.
"""

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
import simplejpeg

from grasp_pipelines.beam_options import beam_options
from grasp_pipelines.convert import convert
from grasp_pipelines.trial_log import TrialWriter, find_logs
from grasp_tfp.errors import UsageError
from grasp_tfp.trial import Scene, Trial

SCENE = Scene(("block",), np.array([[0.55, 0.0, 0.02, 0.0, 0.0, 0.0, 1.0]]))
MULTI = "--direct_running_mode=multi_processing"
DASK = "--runner=apache_beam.runners.dask.dask_runner.DaskRunner"


@pytest.fixture(scope="module", autouse=True)
def _workers_find_the_packages() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        patch.setattr("grasp_pipelines.shards.SHARD_BYTES", 1)
        yield


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three logs, with states and with images."""
    folder = tmp_path_factory.mktemp("runners") / "logs"
    folder.mkdir()
    grey = [bytes(simplejpeg.encode_jpeg(np.full((16, 16, 3), value, np.uint8))) for value in range(4)]
    for number, name in enumerate(("a", "b", "c")):
        with TrialWriter(folder / f"{name}.mcap") as writer:
            for index in range(number * 20, number * 20 + 20):
                poses = np.random.default_rng(index).uniform([0.5, -0.08, 0.1, -1.5], [0.6, 0.08, 0.2, 1.5], (4, 4))
                trial = Trial(
                    f"trial-{index}", "blocks", 0, index, "random", "", poses[:3], poses[3], index % 2 == 0, "", ""
                )
                images = {"initial_image": grey[0], "images": tuple(grey[1:])} if number else {"scene": SCENE}
                writer.write(Trial(**(vars(trial) | images)))
    return folder


def digests(out: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.iterdir())}


@pytest.fixture(scope="module")
def expected(logs: Path) -> dict[str, str]:
    """The digests of a conversion in memory, in one process."""
    out = logs.parent / "expected"
    convert(logs, out, image_size=32, views=2, workers=1)
    return digests(out)


def free_port() -> int:
    with closing(socket.socket()) as found:
        found.bind(("localhost", 0))
        return int(found.getsockname()[1])


@contextmanager
def server(module: str, *words: str, port: int) -> Iterator[None]:
    """One of Beam's own servers in a process that lives as long as the context."""
    command = [sys.executable, "-m", module, *words]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("localhost", port)) == 0:
                    break
            time.sleep(0.05)
        yield
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def job_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    words = ["--job_port", str(port), "--staging_dir", str(tmp_path_factory.mktemp("staged"))]
    with server("apache_beam.runners.portability.local_job_service_main", *words, port=port):
        yield f"--job_endpoint=localhost:{port}"


@pytest.mark.parametrize(
    ("workers", "words"),
    [
        (2, []),
        (None, ["--runner=FnApiRunner", MULTI, "--direct_num_workers=1"]),
        (None, ["--runner=FnApiRunner", MULTI, "--direct_num_workers=2"]),
        (None, [DASK, "--dask_npartitions=2"]),
    ],
    ids=["two of our processes", "multi-processing 1", "multi-processing 2", "Dask"],
)
def test_the_same_bytes_from_each_runner(
    logs: Path, expected: dict[str, str], tmp_path: Path, workers: int | None, words: list[str]
) -> None:
    convert(logs, tmp_path / "out", image_size=32, views=2, workers=workers, beam_args=words)
    assert digests(tmp_path / "out") == expected


def test_the_same_bytes_from_a_portable_runner_with_workers_of_its_own(
    logs: Path, expected: dict[str, str], tmp_path: Path, job_server: str
) -> None:
    words = ["--runner=PortableRunner", job_server, "--environment_type=LOOPBACK"]
    with pytest.raises(UsageError, match="Unknown Beam option '--wholly'"):
        beam_options([*words, "--wholly=unknown"])
    convert(logs, tmp_path / "out", image_size=32, views=2, beam_args=words)
    assert digests(tmp_path / "out") == expected


def test_the_same_bytes_from_a_portable_runner_with_a_pool_of_workers(
    logs: Path, expected: dict[str, str], tmp_path: Path, job_server: str
) -> None:
    port = free_port()
    words = ["--runner=PortableRunner", job_server, "--environment_type=EXTERNAL"]
    words.append(f"--environment_config=localhost:{port}")
    with server("apache_beam.runners.worker.worker_pool_main", "--service_port", str(port), port=port):
        convert(logs, tmp_path / "out", image_size=32, views=2, beam_args=words)
    assert digests(tmp_path / "out") == expected


def test_the_same_bytes_in_whatever_order_the_logs_are_listed(
    logs: Path, expected: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("grasp_pipelines.sources.mcap_logs.find_logs", lambda folder: find_logs(folder)[::-1])
    convert(logs, tmp_path / "out", image_size=32, views=2, workers=1)
    assert digests(tmp_path / "out") == expected
