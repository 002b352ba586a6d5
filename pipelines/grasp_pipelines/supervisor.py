"""Processes that run until one of them is done, and that are started again when they are killed."""

import contextlib
import dataclasses
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Mapping
from multiprocessing import connection
from typing import Any

from grasp_pipelines.processes import die_with_parent, interrupts_wait
from grasp_tfp.errors import GraspError

__all__ = ["Part", "supervise"]

POLL = 0.5
"""Time between two looks at the processes [s]."""

GRACE = 1.0
"""Time that they have to end when the work is done [s]."""

MOST_DEATHS = 5
"""Deaths within `DEATH_WINDOW` after which a process is not started again."""

DEATH_WINDOW = 60.0
"""[s]"""


@dataclasses.dataclass(frozen=True)
class Part:
    """A process of the work."""

    work: Callable[..., None]
    """Called with `args` in the process, and told by a last argument, `stopped()`, when to end."""

    args: tuple[Any, ...]
    niceness: int = 0


def supervise(parts: Mapping[str, Part], leader: str, watch: Callable[[], None]) -> None:
    """Runs the parts until the leader is done; one that is killed meanwhile is started again.

    All of them end with this process, however that ends.

    Args:
        parts: By name.
        leader: The one whose end is that of the work.
        watch: Called twice a second.

    Raises:
        GraspError: A part failed, or was killed again and again.
        KeyboardInterrupt: On Ctrl-C, after the parts have ended.
    """
    context = multiprocessing.get_context("spawn")
    running = {name: _Running(context, name, part) for name, part in parts.items()}
    try:
        for process in running.values():
            process.start()
        while not running[leader].done:
            connection.wait([process.sentinel for process in running.values()], POLL)
            for process in running.values():
                process.revive()
            watch()
    finally:
        _end(list(running.values()))


class _Running:
    def __init__(self, context: Any, name: str, part: Part) -> None:
        self._context, self._name, self._part = context, name, part
        self._deaths: list[float] = []

    def start(self) -> None:
        """Spawns the process, with a flag that asks it to stop and a pipe for what made it fail."""
        self.stop = self._context.RawValue("b", 0)
        self._failures, errors = self._context.Pipe(duplex=False)
        self.process = self._context.Process(
            target=_run, args=(self._part, errors, self.stop), name=self._name, daemon=True
        )
        with interrupts_wait():
            self.process.start()
        errors.close()

    @property
    def sentinel(self) -> Any:
        return self.process.sentinel

    @property
    def done(self) -> bool:
        return bool(self.process.exitcode == 0)

    def revive(self) -> None:
        """Starts the process again if it was killed; passes on what made it fail."""
        code = self.process.exitcode
        if code is None or code == 0:
            return
        with contextlib.suppress(EOFError):
            if self._failures.poll():
                raise self._failures.recv()
        if code > 0:
            raise GraspError(f"The {self._name} ended with exit code {code}. Run the same command again to go on.")
        now = time.monotonic()
        self._deaths = [death for death in self._deaths if now - death < DEATH_WINDOW] + [now]
        if len(self._deaths) > MOST_DEATHS:
            raise GraspError(
                f"The {self._name} was killed by {signal.Signals(-code).name} again and again. "
                "Free some memory, then run the same command again to go on."
            )
        self.start()


def _run(part: Part, errors: Any, stop: Any) -> None:
    die_with_parent()
    os.nice(part.niceness)
    try:
        part.work(*part.args, lambda: bool(stop.value))
    except GraspError as error:
        errors.send(GraspError(str(error)))
        raise SystemExit(1) from error


def _end(running: list[_Running]) -> None:
    """Asks the processes to end, and kills those that do not, which costs no logged trial."""
    begun = [process for process in running if hasattr(process, "process")]
    for process in begun:
        process.stop.value = 1
    deadline = time.monotonic() + GRACE
    for process in begun:
        process.process.join(max(0.0, deadline - time.monotonic()))
        process.process.kill()
        process.process.join()
