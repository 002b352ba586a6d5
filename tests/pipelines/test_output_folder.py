"""An interrupted conversion leaves `out` absent or complete, and the same command goes on with what is finished."""

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grasp_pipelines import convert as conversion
from grasp_pipelines.convert import convert
from grasp_pipelines.output_folder import claimed
from grasp_pipelines.shards import Settings, Shard, convert_shard
from grasp_pipelines.trial_log import TrialWriter
from grasp_tfp.errors import GraspError, UsageError
from grasp_tfp.policies.policy import run_trial
from grasp_tfp.policies.random import RandomPolicy
from grasp_tfp.robots.sim import SimRobot


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six logs of a few simulated trials."""
    folder = tmp_path_factory.mktemp("interrupted") / "logs"
    folder.mkdir()
    robot = SimRobot()
    for number in range(6):
        with TrialWriter(folder / f"{number}.mcap") as writer:
            for index in range(8 * number, 8 * number + 8):
                writer.write(run_trial(robot, RandomPolicy(), 0, index))
    robot.close()
    return folder


@pytest.fixture(autouse=True)
def _a_shard_per_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("grasp_pipelines.shards.SHARD_BYTES", 1)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def interrupt_after(number: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Makes the conversion fail after some shards; returns the list of those that were begun."""
    begun: list[int] = []

    def failing(shard: Shard, settings: Settings) -> None:
        begun.append(shard.index)
        if len(begun) > number:
            raise OSError("No space left on device")
        convert_shard(shard, settings)

    monkeypatch.setattr(conversion, "convert_shard", failing)
    monkeypatch.setattr(conversion, "run_map", lambda name, function, elements, argument, **_: [
        function(element, argument) for element in elements
    ])  # fmt: skip
    return begun


def test_the_same_command_goes_on_with_the_finished_shards(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert(logs, tmp_path / "whole", image_size=16, workers=1)
    with monkeypatch.context() as patch:
        interrupt_after(4, patch)
        with pytest.raises(OSError, match="No space"):
            convert(logs, tmp_path / "out", image_size=16)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.partial", "whole"]
    with monkeypatch.context() as patch:
        begun = interrupt_after(99, patch)
        convert(logs, tmp_path / "out", image_size=16)
    assert begun == [4, 5]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "whole"]
    assert digests(tmp_path / "out") == digests(tmp_path / "whole")


@pytest.mark.parametrize("change", ["option", "log"])
def test_another_conversion_starts_anew(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    copies = tmp_path / "logs"
    copies.mkdir()
    for path in logs.iterdir():
        (copies / path.name).write_bytes(path.read_bytes())
    with monkeypatch.context() as patch:
        interrupt_after(4, patch)
        with pytest.raises(OSError, match="No space"):
            convert(copies, tmp_path / "out", image_size=16)
    if change == "log":
        (copies / "0.mcap").unlink()
    begun = interrupt_after(99, monkeypatch)
    convert(copies, tmp_path / "out", image_size=16 if change == "log" else 24)
    assert begun == list(range(6 - (change == "log")))


def test_a_failure_before_the_first_shard_leaves_nothing(
    logs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_after(0, monkeypatch)
    with pytest.raises(OSError, match="No space"):
        convert(logs, tmp_path / "out", image_size=16)
    assert list(tmp_path.iterdir()) == []


SCRIPT = """
import sys
from grasp_pipelines import shards
from grasp_pipelines.convert import convert
shards.SHARD_BYTES = 1
if __name__ == "__main__":
    convert(sys.argv[1], sys.argv[2], image_size=16, workers=int(sys.argv[3]))
"""


@pytest.mark.parametrize(("workers", "kind"), [(2, signal.SIGKILL), (1, signal.SIGINT)])
def test_a_killed_conversion_leaves_no_half_dataset(
    logs: Path, tmp_path: Path, workers: int, kind: signal.Signals
) -> None:
    convert(logs, tmp_path / "whole", image_size=16, workers=1)
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(logs), str(out), str(workers)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    while process.poll() is None and not list(tmp_path.glob("out.partial/*.result")):
        time.sleep(0.002)
    os.killpg(process.pid, kind)
    assert process.wait() != 0
    assert not out.exists()
    assert list(tmp_path.glob("out.partial/*.result"))
    convert(logs, out, image_size=16, workers=1)
    assert digests(out) == digests(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "whole"]


def test_a_dataset_is_replaced_only_when_asked_and_nothing_else_is(logs: Path, tmp_path: Path) -> None:
    convert(logs, tmp_path / "out", image_size=16, workers=1)
    before = digests(tmp_path / "out")
    with pytest.raises(UsageError, match=r"found a dataset\. Use --overwrite or name another"):
        convert(logs, tmp_path / "out", image_size=24, workers=1)
    assert digests(tmp_path / "out") == before
    convert(logs, tmp_path / "out", image_size=24, workers=1, overwrite=True)
    assert digests(tmp_path / "out") != before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").touch()
    with pytest.raises(UsageError, match="found a folder with files in it. Remove it"):
        convert(logs, tmp_path / "mine", overwrite=True)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["notes"]


def test_a_failed_replacement_keeps_the_dataset(logs: Path, tmp_path: Path) -> None:
    convert(logs, tmp_path / "out", image_size=16, workers=1)
    before = digests(tmp_path / "out")
    (tmp_path / "empty").mkdir()
    TrialWriter(tmp_path / "empty" / "a.mcap").close()
    with pytest.raises(GraspError, match="No examples"):
        convert(tmp_path / "empty", tmp_path / "out", overwrite=True)
    assert digests(tmp_path / "out") == before


def test_two_conversions_do_not_write_the_same_dataset(logs: Path, tmp_path: Path) -> None:
    with claimed(str(tmp_path / "out.partial"), b"the other"):
        with pytest.raises(UsageError, match="Another conversion is writing"):
            convert(logs, tmp_path / "out")
