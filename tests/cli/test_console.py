"""Numbers and progress as they are printed."""

import dataclasses
import json

import pytest

from graspctl import console


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (125, "2 min 5 s"), (7260, "2 h 1 min")]
)
def test_duration(seconds: float, text: str) -> None:
    assert console.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (12_340_000, "12.3 MB"), (5 * 10**16, "50000.0 TB")],
)
def test_file_size(count: int, text: str) -> None:
    assert console.file_size(count) == text


@pytest.mark.parametrize(
    ("count", "seconds", "text"), [(0, 0.0, "0"), (1234, 2.0, "617"), (5, 4.0, "1.25"), (1e6, 1.0, "1000000")]
)
def test_rate(count: float, seconds: float, text: str) -> None:
    assert console.rate(count, seconds) == text


def test_progress_off_a_terminal_is_few_plain_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter(range(1000))
    monkeypatch.setattr("graspctl.console.time.monotonic", lambda: float(next(now)))
    with console.Progress("collect") as progress:
        for done in range(1, 21):
            progress.update(done, 20, f"{done} held")
        progress.update(20, 20, "20 held")
    out, err = capsys.readouterr()
    assert out == ""
    lines = err.splitlines()
    assert 3 <= len(lines) <= 12
    assert [line for line in lines if "20/20" in line] == lines[-1:]
    assert lines[-1].startswith("collect: 20/20") and lines[-1].endswith("20 held")
    assert all("1/s" in line and "left" in line for line in lines)
    assert "\x1b" not in err


def test_progress_of_a_continued_line_counts_what_is_new(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter([0.0, 10.0, 20.0])
    monkeypatch.setattr("graspctl.console.time.monotonic", lambda: next(now))
    with console.Progress("train") as progress:
        progress.update(1000, 1100)
        progress.update(1020, 1100)
    assert capsys.readouterr().err.splitlines() == [
        "train: 1000/1100  starting",
        "train: 1020/1100  2/s  40 s left",
    ]


def test_a_stage_with_its_own_total_does_not_slow_the_next(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = iter([0.0, 1000.0, 2000.0, 2200.0])
    monkeypatch.setattr("graspctl.console.time.monotonic", lambda: next(now))
    with console.Progress("reproduce fig6") as progress:
        progress.update(0, 1, "converting")
        progress.update(0, 36)
        progress.update(2, 36, "mof-0")
    assert capsys.readouterr().err.splitlines() == [
        "reproduce fig6: 0/1  starting  converting",
        "reproduce fig6: 0/36  starting",
        "reproduce fig6: 2/36  36/h  56 min 40 s left  mof-0",
    ]


def test_progress_of_what_was_done_before_is_no_start(capsys: pytest.CaptureFixture[str]) -> None:
    with console.Progress("reproduce fig3") as progress:
        progress.update(1, 1)
    assert capsys.readouterr().err == "reproduce fig3: 1/1\n"


@pytest.mark.parametrize(
    ("new", "text"),
    [
        (60, "60 steps in 30 s, 2 a second; 9 parameters"),
        (30, "60 steps, the last 30 of them in 30 s, 1 a second; 9 parameters"),
    ],
)
def test_steps_of_an_interrupted_line_are_not_counted_as_its_own(new: int, text: str) -> None:
    assert console.steps_made({"steps": 60, "new_steps": new, "seconds": 30.0, "parameters": 9}) == text


def test_summary_ends_with_the_next_line_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    console.summary("logs/", ["one", "two"], "graspctl convert logs/ out/")
    assert capsys.readouterr().out.splitlines() == [
        "Wrote     logs/",
        "Measured  one",
        "          two",
        "Next      graspctl convert logs/ out/",
    ]


def test_report_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    @dataclasses.dataclass(frozen=True)
    class Report:
        trials: int
        seconds: float

    console.print_report(Report(3, 0.5))
    assert json.loads(capsys.readouterr().out) == {"trials": 3, "seconds": 0.5}
