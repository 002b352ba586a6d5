"""All pages of help, and the options across commands."""

import collections
import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from graspctl.main import app

ELSEWHERE = {"--policy"}
"""`collect --policy RUN` takes what one trained; `eval --policy A,B` takes ways to choose a grasp by their names."""


def commands(command: Any, *words: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group, with the words that call it."""
    yield words, command
    for name, part in getattr(command, "commands", {}).items():
        yield from commands(part, *words, name)


COMMANDS = dict(commands(typer.main.get_command(app)))


def test_the_walk_finds_commands_of_groups_too() -> None:
    assert {(), ("eval",), ("logs", "show"), ("robots", "list")} <= set(COMMANDS)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_help_fits_a_screen_and_begins_with_an_example_that_could_run(words: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, [*words, "--help"], prog_name="graspctl", env={"COLUMNS": "100"})
    lines = [line.strip() for line in result.stdout.splitlines() if line.strip()]
    assert result.exit_code == 0 and len(result.stdout.splitlines()) <= 60
    example = re.fullmatch(r"Example: graspctl (.+)", lines[1])
    assert example, lines[1]
    typed = example[1].split()
    assert typed[: len(words)] == list(words)
    called = next(typed[:length] for length in (2, 1) if tuple(typed[:length]) in COMMANDS)
    known = {name for option in COMMANDS[tuple(called)].params for name in option.opts}
    assert {word for word in typed if word.startswith("-")} <= known


def test_an_option_takes_the_same_wherever_it_is() -> None:
    taken = collections.defaultdict(set)
    for _, command in COMMANDS.items():
        for option in command.params:
            for name in option.opts:
                if name.startswith("-"):
                    taken[name].add((option.is_flag, option.metavar, str(option.bare_type)))
    assert {name: kinds for name, kinds in taken.items() if len(kinds) > 1 and name not in ELSEWHERE} == {}
    assert all(len(taken[name]) > 1 for name in ELSEWHERE), "one that no longer differs"


def test_every_option_says_what_it_does() -> None:
    silent = [(words, option.opts) for words, command in COMMANDS.items() for option in command.params
              if option.opts[0].startswith("-") and not option.help]  # fmt: skip
    assert silent == []
