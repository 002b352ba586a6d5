"""Lines of graspctl as processes of their own, for experiments that are made of them."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from grasp_tfp.errors import GraspError

__all__ = ["graspctl_commands"]

LOG = "log.txt"

ONE_THREAD = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "OMP_NUM_THREADS": "1"}
"""As many run at a time as there are cores."""


class _Commands:
    """Runs graspctl, and keeps what it says of its progress in log.txt."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[str]] = []

    def __call__(self, words: Sequence[str], folder: Path) -> dict[str, Any]:
        folder.mkdir(parents=True, exist_ok=True)
        line = [sys.executable, "-m", "graspctl", *words, "--json"]
        environment = os.environ | ONE_THREAD | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        with (folder / LOG).open("a", encoding="utf-8") as log:
            log.write(f"\n$ graspctl {' '.join(words)}\n")
            log.flush()
            process = subprocess.Popen(line, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
            self._running.append(process)
            output, _ = process.communicate()
        if process.returncode:
            said = (folder / LOG).read_text(encoding="utf-8").rstrip().rpartition("\n")[2]
            raise GraspError(
                f"graspctl {' '.join(words)} ended with {process.returncode}: {said.removeprefix('Error: ')} "
                f"See {folder / LOG}."
            )
        return dict(json.loads(output))

    def interrupt(self) -> None:
        for process in self._running:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)


@contextlib.contextmanager
def graspctl_commands() -> Iterator[_Commands]:
    """What runs lines of graspctl; those that still run at the end are interrupted."""
    commands = _Commands()
    try:
        yield commands
    finally:
        commands.interrupt()
