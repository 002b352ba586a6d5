"""Experiments made of commands: each part is done once, and the verdicts follow from the trials."""

import dataclasses
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from grasp_tfp.errors import GraspError
from grasp_tfp.experiments import ablation, fig5, fig6, fig7
from grasp_tfp.experiments.study import Result, Study, Training


class Commands:
    """Writes what graspctl's commands write, with a success that depends on the line."""

    def __init__(self, success: Callable[[str], float]) -> None:
        self.lines: list[str] = []
        self._success = success

    def __call__(self, words: Sequence[str], folder: Path) -> dict[str, Any]:
        self.lines.append(" ".join(words))
        given = dict(zip(words, words[1:], strict=False))
        if words[0] == "collect":
            (folder / "logs").mkdir(parents=True, exist_ok=True)
            for start in range(0, int(given["--trials"]), 1000):
                (folder / "logs" / f"{given['--task']}-0-{start:09d}.mcap").write_bytes(b"log %d" % start)
        elif words[0] == "convert":
            (folder / words[2]).mkdir()
        elif words[0] == "train":
            run = folder / "runs" / given["--name"]
            (run / "bundle").mkdir(parents=True)
            rate = self._success(run.name)
            (run / "history.csv").write_text(f"step,success\n250,nan\n500,{rate / 2}\n1000,{rate}\n", "utf-8")
        elif words[0] == "eval":
            rate, trials = self._success(Path(given["--run"]).name), int(given["-n"])
            rows = [{"success": bool(place < rate * trials)} for place in range(trials)]
            return {"policies": {given["--policy"]: {"outcomes": rows}}}
        return {}


def count(commands: Commands, word: str) -> int:
    return sum(line.startswith(word) for line in commands.lines)


def training(model: str, seed: int) -> Training:
    return Training(f"{model}-{seed}", (model, "--seed", str(seed)), "blocks")


def test_logs_are_collected_once_and_a_part_of_them_is_linked(tmp_path: Path) -> None:
    commands = Commands(lambda run: 0)
    work = Study(tmp_path, commands, None)
    names = [[path.name for path in sorted(work.logs("blocks", 2000, first).iterdir())] for first in (2000, 0)]
    assert names == [
        ["blocks-0-000002000.mcap", "blocks-0-000003000.mcap"],
        ["blocks-0-000000000.mcap", "blocks-0-000001000.mcap"],
    ]
    assert commands.lines == ["collect --sim --task blocks --trials 4000 --out logs"]
    assert work.dataset("blocks", 2000) == work.dataset("blocks", 2000) != work.dataset("blocks", 2000, recorded=True)
    assert commands.lines[1:] == [
        "convert logs-0-2000/ dataset-0-2000/",
        "convert logs-0-2000/ dataset-0-2000-recorded/ --views 0",
    ]


def test_a_training_that_ended_is_neither_trained_nor_evaluated_again(tmp_path: Path) -> None:
    commands = Commands(lambda run: 0.5)
    shown: list[tuple[int, int, str]] = []

    def results(seeds: int, trials: int) -> list[Result]:
        work = Study(tmp_path, commands, lambda *state: shown.append(state))
        return work.results(training, ["mof"], range(seeds), trials)["mof"]

    [first] = results(1, 10)
    assert (first.steps, first.curve, str(first.rate)) == ((500, 1000), (0.25, 0.5), "5/10 = 50.0 % [23.7, 76.3]")
    assert results(1, 10) == [first]
    assert (count(commands, "train"), count(commands, "eval")) == (1, 1)
    results(1, 20)
    assert (count(commands, "train"), count(commands, "eval")) == (1, 2)
    shown.clear()
    assert len(results(2, 20)) == 2
    assert (count(commands, "train"), count(commands, "eval")) == (2, 3)
    assert shown == [(1, 2, ""), (2, 2, "mof-1")]


def test_a_command_that_fails_ends_the_study(tmp_path: Path) -> None:
    def fail(words: Sequence[str], folder: Path) -> dict[str, Any]:
        raise GraspError("The disk is full.")

    with pytest.raises(GraspError, match="The disk is full"):
        Study(tmp_path, fail, None).results(training, ["mof"], [0], 10)


NOT = "not reproduced"
FIG5 = {"gmm-trainable-variance": 0.2, "gmm-fixed-variance": 0.4, "real-nvp": 0.3, "mof": 0.6}
FIG7 = {"actor-own-grasps-entropy": 0.8, "actor-own-grasps": 0.6, "actor-random-grasps": 0.4, "critic-own-grasps": 0.6}


def by_prefix(rates: dict[str, float]) -> Callable[[str], float]:
    return lambda run: next(rate for name, rate in rates.items() if re.match(rf"{name}(-blocks|-bottles)?-250", run))


def trainable_unstable(run: str) -> float:
    return 0.05 if run == "gmm-trainable-variance-250-1" else by_prefix(FIG5)(run)


def random_weak_on_bottles(run: str) -> float:
    return 0.92 if "own" in run else 0.6 if "blocks" in run else 0.3


def critic_ahead(run: str) -> float:
    return 0.2 + 0.1 * ("-3000-" in run) + run.startswith("critic") * (0.5 if "bottles" in run else 0.3)


def critic_a_trial_further_ahead(run: str) -> float:
    return 0.4 + run.startswith("critic") * (0.305 if "bottles" in run else 0.3)


@pytest.mark.parametrize(
    ("module", "success", "expected"),
    [
        (fig5, by_prefix(FIG5), ["reproduced", "reproduced", NOT]),
        (fig5, trainable_unstable, ["reproduced", "reproduced", "reproduced"]),
        (fig5, by_prefix(FIG5 | {"mof": 0.35}), ["partly reproduced", "reproduced", NOT]),
        (fig5, by_prefix(dict.fromkeys(FIG5, 0.5)), [NOT] * 3),
        (fig6, critic_ahead, ["reproduced", "reproduced", "reproduced"]),
        (fig6, lambda run: 0.4, ["reproduced", NOT, NOT]),
        (fig6, critic_a_trial_further_ahead, ["reproduced", "reproduced", NOT]),
        (fig7, by_prefix(FIG7), ["reproduced", NOT, "reproduced", "reproduced", NOT, NOT]),
        (fig7, random_weak_on_bottles, ["reproduced", "reproduced", NOT, "reproduced", NOT, "reproduced"]),
        (fig7, critic_ahead, [NOT, NOT, NOT, NOT, "reproduced", NOT]),
        (ablation, lambda run: 0.5, [NOT] * 3),
        (ablation, lambda run: 0.6 if run.startswith("joint") else 0.4, ["partly reproduced"] + [NOT] * 2),
    ],
)
def test_the_verdicts_follow_the_trials(
    module: Any, success: Callable[[str], float], expected: list[str], tmp_path: Path
) -> None:
    settings = dataclasses.replace(module.QUICK, seeds=2, evaluated=200)
    done = module.reproduce(tmp_path, graspctl=Commands(success), settings=settings)
    assert [verdict.status for verdict in done.verdicts] == expected
    written = json.loads((tmp_path / f"{done.name}.json").read_text("utf-8"))
    assert written["rows"] == done.rows and Path(done.picture).stat().st_size > 10_000


@pytest.mark.parametrize("module", [ablation, fig5, fig6, fig7])
def test_the_plan_says_what_it_takes(module: Any) -> None:
    assert "core-hours" in module.plan(module.FULL)
