"""`graspctl convert` from words to a dataset."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from graspctl.main import app


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), prog_name="graspctl")


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("collected") / "logs"
    assert invoke("collect", "--sim", "--trials", "30", "--workers", "1", "--out", str(folder)).exit_code == 0
    return folder


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_converts_where_the_next_command_looks(logs: Path, empty_folder: Path) -> None:
    result = invoke("convert", str(logs), "out/", "--image-size", "32")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Wrote     out/ (")
    assert "from 30 trials in" in lines[1] and "/30 = " in lines[2]
    assert lines[-1] == "Next      graspctl train mof"
    assert (empty_folder / "out" / "dataset_info.json").exists()


def test_json_and_beam_options(logs: Path) -> None:
    result = invoke(
        "convert", str(logs), "small", "--image-size", "32", "--failures", "0", "--json", "--",
        "--direct_num_workers=1", "--direct_running_mode=in_memory",
    )  # fmt: skip
    report = json.loads(result.stdout)
    assert result.exit_code == 0
    assert report["trials"] == 30
    assert sum(report["examples"].values()) <= (10 + 6) * report["successes"]


@pytest.mark.parametrize(
    ("words", "code", "phrase"),
    [
        (["nowhere", "out"], 2, "graspctl collect --sim"),
        ([".", "out"], 2, "graspctl collect --sim"),
        (["logs", "out", "extra"], 2, "received a third argument 'extra'"),
        (["logs"], 2, "Missing argument 'OUT'"),
        (["logs", "out", "--image-size", "0"], 2, "--image-size"),
        (["logs", "out", "--failures", "1.5"], 2, "--failures"),
        (["logs", "out", "--size", "64"], 2, "--size"),
    ],
)
def test_bad_words_write_nothing(empty_folder: Path, words: list[str], code: int, phrase: str) -> None:
    result = invoke("convert", *words)
    assert result.exit_code == code
    assert phrase in result.stderr and len(result.stderr.splitlines()) == 1
    assert list(empty_folder.iterdir()) == []


def test_a_folder_in_use_stays_as_it_is(logs: Path, empty_folder: Path) -> None:
    (empty_folder / "out").mkdir()
    (empty_folder / "out" / "mine.txt").write_text("kept")
    result = invoke("convert", str(logs), "out")
    assert result.exit_code == 2 and len(result.stderr.splitlines()) == 1
    assert [path.name for path in empty_folder.rglob("*")] == ["out", "mine.txt"]
