"""graspctl as a process of its own."""

from pathlib import Path

import pytest

from grasp_tfp.errors import GraspError
from graspctl.commands import graspctl_commands


def test_runs_a_line_and_reads_its_report(tmp_path: Path) -> None:
    with graspctl_commands() as graspctl:
        report = graspctl(["collect", "--sim", "--trials", "3", "--workers", "1"], tmp_path / "new")
    assert report["trials"] == 3 and (tmp_path / "new" / "logs").is_dir()
    assert "$ graspctl collect --sim --trials 3" in (tmp_path / "new" / "log.txt").read_text("utf-8")


def test_a_line_that_fails_says_why(tmp_path: Path) -> None:
    with graspctl_commands() as graspctl, pytest.raises(GraspError, match=r"ended with 2: Unknown task 'spoons'"):
        graspctl(["collect", "--sim", "--task", "spoons"], tmp_path)
