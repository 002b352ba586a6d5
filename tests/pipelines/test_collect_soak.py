"""Collections that are killed again and again, until they are finished.

Run as a script (`make soak`), it kills a hundred times and then the command itself some more.
"""

import contextlib
import os
import pathlib
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import pytest

from grasp_pipelines.trial_log import read_trials

TRIALS, SHARD_TRIALS = 60, 12

NURSERY = f"""
import os, pathlib, sys
from grasp_pipelines import collect, collect_workers
collect.SHARD_TRIALS, collect_workers.START_METHOD, collect_workers.POLL = {SHARD_TRIALS}, "fork", 0.004

def run(out, seed, workers, reported):
    stream = os.open(reported, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    report = lambda tally, trials: os.write(stream, b"%d\\n" % (tally.new + tally.kept))
    collect.collect(pathlib.Path(out), trials={TRIALS}, seed=int(seed), workers=int(workers), progress=report)

for line in sys.stdin:
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        run(*line.split())
        os._exit(0)
    os.setpgid(child, child)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""
"""Forks a collection, with its processes in a group of its own, for each line of its input."""


class Nursery:
    """Starts collections without the seconds that the imports take."""

    def __init__(self) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", NURSERY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )

    def collect(self, out: pathlib.Path, seed: int, workers: int, reported: pathlib.Path, kill_after: float) -> bool:
        """Runs a collection, killed after some seconds; returns whether it came to its end before that."""
        assert self.process.stdin is not None and self.process.stdout is not None
        print(out, seed, workers, reported, file=self.process.stdin, flush=True)
        child = int(self.process.stdout.readline())
        if not select.select([self.process.stdout], [], [], kill_after)[0]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
        status = int(self.process.stdout.readline())
        assert status in (0, signal.SIGKILL), "the collection failed"
        return status == 0

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    started = Nursery()
    yield started
    started.close()


def test_nothing_is_lost_to_twenty_kills(tmp_path: pathlib.Path, nursery: Nursery) -> None:
    assert kill_and_continue(nursery, tmp_path, kills=20, seed=0) >= 1


def kill_and_continue(nursery: Nursery, folder: pathlib.Path, kills: int, seed: int) -> int:
    """Kills collections at random moments until `kills` of them have died; returns how many folders were finished."""
    rng = random.Random(seed)
    killed = finished = 0
    while killed < kills:
        name = f"{seed}-{finished}"
        out, reported, known = folder / f"pieces-{name}", folder / f"reported-{name}", 0
        while not nursery.collect(out, seed + finished, rng.choice([1, 2, 3]), reported, rng.uniform(0, 0.25)):
            killed += 1
            readable = count_readable(out)
            assert readable >= max(known, acknowledged(reported)), "a trial was lost"
            known = readable
        assert nursery.collect(folder / f"whole-{name}", seed + finished, 1, reported, kill_after=60)
        assert contents(out) == contents(folder / f"whole-{name}")
        assert count_readable(out) == TRIALS
        finished += 1
    return finished


def acknowledged(reported: pathlib.Path) -> int:
    """How many trials were last said to be in the logs."""
    lines = reported.read_text().splitlines() if reported.exists() else []
    return int(lines[-1]) if lines else 0


def count_readable(out: pathlib.Path) -> int:
    """How many trials the logs hold, each log without gaps."""
    count = 0
    for path in sorted(out.glob("*.mcap")):
        start = int(path.stem.rsplit("-")[-1])
        indices = [trial.index for trial in read_trials(path)]
        assert indices == list(range(start, start + len(indices)))
        count += len(indices)
    return count


def contents(folder: pathlib.Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def kill_command(folder: pathlib.Path, kills: int, seed: int) -> None:
    """Kills `graspctl collect` itself, with all its processes, and continues it to the end."""
    rng = random.Random(seed)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-m", "graspctl", "collect", "--sim", "--trials", "2500", "--out"]
    known = 0
    for _ in range(kills):
        with subprocess.Popen([*command, str(folder / "pieces")], env=environment, start_new_session=True) as process:
            time.sleep(rng.uniform(0, 8))
            os.killpg(process.pid, signal.SIGKILL)
        readable = count_readable(folder / "pieces")
        assert readable >= known, "a trial was lost"
        known = readable
    for name in ("pieces", "whole"):
        subprocess.run([*command, str(folder / name), "--workers", "1"], env=environment, check=True)
    assert contents(folder / "pieces") == contents(folder / "whole")


def soak() -> None:
    """Kills a hundred collections inside, and ten commands."""
    nursery = Nursery()
    with tempfile.TemporaryDirectory() as name:
        finished = kill_and_continue(nursery, pathlib.Path(name), kills=100, seed=int(time.time()))
        nursery.close()
        print(f"100 kills, {finished} folders finished, no trial lost, every byte as without kills", flush=True)
        kill_command(pathlib.Path(name) / "command", kills=10, seed=int(time.time()))
    print("10 kills of the command, no trial lost, every byte as without kills")


if __name__ == "__main__":
    soak()
