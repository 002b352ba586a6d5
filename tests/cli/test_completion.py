"""Completion, asked for as the shells ask."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from grasp_tfp.policies.catalogue import POLICIES
from grasp_tfp.sim.tasks import TASKS
from graspctl.completion import POLICY_NAMES
from graspctl.reproduce import FIGURES
from graspctl.train import MODELS

RUN = "import sys; from graspctl.main import run\ntry: run()\nfinally: print(*sys.modules, file=sys.stderr)"
FLEET = [f"kuka-{number}" for number in range(1, 8)]


def ask(shell: str, line: str, folder: Path, **environment: str) -> tuple[str, set[str]]:
    """What the shell is answered for a line with the cursor at its end, and the modules that took."""
    words = {"COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))} if shell == "bash" else {}
    if shell != "bash":
        words = {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    given = {"PYTHONPATH": os.pathsep.join(sys.path), "_GRASPCTL_COMPLETE": f"complete_{shell}"} | words | environment
    done = subprocess.run(
        [sys.executable, "-c", RUN], cwd=folder, env=os.environ | given, capture_output=True, text=True, check=False
    )
    return done.stdout, set(done.stderr.split())


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("graspctl train ", list(MODELS)),
        ("graspctl train mof --preset ", ["laptop", "paper"]),
        ("graspctl reproduce fig", [name for name in FIGURES if name.startswith("fig")]),
        ("graspctl eval --robot ", [*FLEET, "all"]),
        ("graspctl robots check kuka-3", ["kuka-3"]),
        ("graspctl collect --sim --task bottles-", [name for name in TASKS if name.startswith("bottles-")]),
        ("graspctl eval --sim --policy cem,a", ["cem,actor", "cem,actor-critic"]),
        ("graspctl eval --sim --policy actor,a", ["actor,actor-critic"]),
        ("graspctl eval --run ", ["runs/mof", "runs/night"]),
        ("graspctl report runs/n", ["runs/night"]),
        ("graspctl deploy elsewhere/", ["elsewhere/old"]),
    ],
)
def test_bash(line: str, expected: list[str], tmp_path: Path) -> None:
    for run in ("runs/mof/bundle", "runs/night/bundle", "runs/not-ended", "elsewhere/old/bundle"):
        (tmp_path / run).mkdir(parents=True)
    answer, modules = ask("bash", line, tmp_path)
    assert answer.split() == expected
    assert {"tensorflow", "apache_beam", "pybullet", "numba", "matplotlib", "scipy"} & modules == set()


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells(shell: str, tmp_path: Path) -> None:
    answer, _ = ask(shell, "graspctl eval --robot kuka-3", tmp_path)
    assert "kuka-3" in answer and "kuka-4" not in answer


def test_a_fleet_file_of_the_lab_and_one_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text('[left]\ndriver = "sim"\ntask = "blocks"\n')
    assert ask("bash", "graspctl deploy --robot ", tmp_path, GRASPCTL_FLEET="lab.toml")[0].split() == ["left"]
    assert ask("bash", "graspctl deploy --robot ", tmp_path, GRASPCTL_FLEET="none.toml")[0].split() == []


def test_the_names_of_the_policies_are_those_of_the_catalogue() -> None:
    assert list(POLICY_NAMES) == sorted(POLICIES)
