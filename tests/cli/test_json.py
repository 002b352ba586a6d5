"""`--json`: every command that has it prints the keys that the documentation names."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from grasp_tfp.experiments.reproduction import Reproduction
from grasp_tfp.training.off_policy import TrainingReport
from graspctl.main import app
from graspctl.runs import PRETRAINED

PAGE = Path(__file__).parents[2] / "docs" / "scripting.md"
LINES = {
    "collect": "collect --sim --trials 40",
    "logs": "logs",
    "logs show": "logs show",
    "logs sheet": "logs sheet",
    "convert": "convert logs out",
    "export": "export logs episodes",
    "compare": "compare one.json two.json",
    "report": "report run",
    "deploy": f"deploy {PRETRAINED} --robot kuka-3",
    "deploy --list": "deploy --robot kuka-3 --list",
    "robots check": "robots check kuka-3",
    "doctor": "doctor --no-self-test",
}


def documented() -> dict[str, set[str]]:
    """The keys of each command; of `train` and `eval` those that are always there."""
    rows = re.findall(r"^\| `([a-z -]+)` \| (.*) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    return {command: set(re.findall(r"`([a-z_]+)`", keys.split(";")[0])) for command, keys in rows}


def printed(line: str) -> dict[str, object]:
    result = CliRunner().invoke(app, [*line.split(), "--json"], prog_name="graspctl")
    assert result.exit_code in ((0, 1) if line.startswith("doctor") else (0,)), (line, result.output)
    return dict(json.loads(result.stdout))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """What each line prints, one after the other in one folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("work"))
        evaluation = printed("eval --sim --policy random -n 2")
        for name in ("one.json", "two.json"):
            Path(name).write_text(json.dumps(evaluation))
        Path("run").symlink_to(PRETRAINED)
        found = {command: set(printed(f"{line} --out page.html" if command == "report" else line))
                 for command, line in LINES.items()}  # fmt: skip
    return found | {"eval": set(evaluation) - {"picture"}}


def test_every_command_prints_the_keys_that_are_documented(keys: dict[str, set[str]]) -> None:
    pages = documented()
    assert {command: pages[command] for command in keys} == keys


def test_trainings_and_reproductions_report_the_keys_that_are_documented() -> None:
    names = {kind: {field.name for field in dataclasses.fields(kind)} for kind in (TrainingReport, Reproduction)}
    assert documented()["train"] == names[TrainingReport]
    assert documented()["reproduce"] == names[Reproduction]


def test_every_command_with_json_is_documented() -> None:
    import typer

    def commands(command: object, *words: str) -> list[tuple[str, ...]]:
        own = [words] if any("--json" in option.opts for option in getattr(command, "params", [])) else []
        return own + [
            path for name, part in getattr(command, "commands", {}).items() for path in commands(part, *words, name)
        ]

    having = {" ".join(words).removesuffix(" list") for words in commands(typer.main.get_command(app))}
    assert having <= {command.removesuffix(" list") for command in documented()} and len(having) > 12
