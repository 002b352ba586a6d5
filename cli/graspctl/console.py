"""What the commands print: progress on stderr, results on stdout."""

import dataclasses
import json
import math
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import typer

__all__ = ["Progress", "counted", "duration", "file_size", "print_report", "rate", "steps_made", "summary"]

PLAIN_INTERVAL = 5.0
"""Time between two lines of progress where there is no terminal, in [s]."""

SLOW = 60.0
"""Time for a unit beyond which the rate is given by the hour [s]."""


class Progress:
    """Progress of long work: a live bar on a terminal, a plain line every few seconds anywhere else.

    Example:
        with Progress("collect") as progress:
            progress.update(20, 100, "2/20 = 10.0 %")
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._shown = time.monotonic()
        self._first: tuple[int, int, float] | None = None
        self._ended = False
        self._bar = _bar() if sys.stderr.isatty() else None

    def update(self, done: int, total: int, extra: str = "") -> None:
        """Shows how far the work is, and how fast since this total was first given.

        What an interrupted line did is not counted, nor the time of a stage with a total of its own.

        Args:
            done: Units finished so far.
            total: Units in all.
            extra: What else is known by now, such as the success rate so far.
        """
        now = time.monotonic()
        if self._first is None or self._first[1] != total:
            self._first, self._ended = (done, total, now), False
        first, _, since = self._first
        text = f"{self._label}: {_status(done, total, done - first, now - since)}{extra and f'  {extra}'}"
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total, description=text, refresh=True)
        elif not self._ended and (done >= total or now - self._shown >= PLAIN_INTERVAL):
            self._shown, self._ended = now, done >= total
            typer.echo(text, err=True)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()


def duration(seconds: float) -> str:
    """A time in the two units that matter, such as `2 min 5 s`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def file_size(count: int) -> str:
    """A number of bytes in powers of a thousand, such as `12.3 MB`."""
    power = min(int(math.log(count, 1000)), 4) if count >= 1000 else 0
    return f"{count} B" if power == 0 else f"{count / 1000**power:.1f} {'kMGT'[power - 1]}B"


def counted(number: int, thing: str) -> str:
    """A number of things, such as `1 log` or `40 logs`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def rate(count: float, seconds: float) -> str:
    """How many in a second, to three digits; nothing measurable shows as 0."""
    value = count / seconds if seconds > 0 else 0.0
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def steps_made(report: Mapping[str, Any]) -> str:
    """How long training took, from what `grasp_tfp.training.off_policy.TrainingReport` holds."""
    steps, new, seconds = report["steps"], report["new_steps"], report["seconds"]
    made = f"{steps} steps" if new == steps else f"{steps} steps, the last {new} of them"
    return f"{made} in {duration(seconds)}, {rate(new, seconds)} a second; {report['parameters']} parameters"


def summary(wrote: str, measured: list[str], then: str | None) -> None:
    """Ends a command: what it wrote, what it measured, and the next line to type."""
    typer.echo(f"Wrote     {wrote}")
    for number, line in enumerate(measured):
        typer.echo(f"{'' if number else 'Measured':<10}{line}")
    if then is not None:
        typer.echo(f"Next      {then}")


def print_report(report: Any) -> None:
    """Prints a report, a dataclass or a mapping, as one JSON object on stdout."""
    values = dataclasses.asdict(report) if dataclasses.is_dataclass(report) and not isinstance(report, type) else report
    typer.echo(json.dumps(values, default=str, indent=2))


def _status(done: int, total: int, new: int, elapsed: float) -> str:
    if new <= 0:
        return f"{done}/{total}" + ("  starting" if done < total else "")
    slow = new < elapsed / SLOW
    speed = f"{rate(3600 * new, elapsed)}/h" if slow else f"{rate(new, elapsed)}/s"
    return f"{done}/{total}  {speed}  {duration((total - done) * elapsed / new)} left"


def _bar() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    # Refreshed by hand: rich's own refresh thread must not live while worker processes are forked.
    bar = Progress(BarColumn(12), TextColumn("{task.description}"), console=Console(stderr=True), auto_refresh=False)
    bar.add_task("", total=None)
    return bar
