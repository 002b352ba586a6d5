"""`graspctl export` from words to a dataset."""

import json
from pathlib import Path

import pytest
import tensorflow_datasets as tfds
from typer.testing import CliRunner, Result

from graspctl.main import app


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), prog_name="graspctl")


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("collected") / "logs"
    assert invoke("collect", "--sim", "--trials", "20", "--workers", "1", "--out", str(folder)).exit_code == 0
    return folder


def test_ends_with_what_it_wrote(logs: Path, tmp_path: Path) -> None:
    result = invoke("export", str(logs), str(tmp_path / "rlds"), "--image-size", "32")
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith(f"Wrote     {tmp_path / 'rlds'}/ (")
    assert lines[1].startswith("Measured  20 episodes of ") and "/20 = " in lines[2]
    assert "export: 1/1" in result.stderr and "20 trials" in result.stderr
    splits = tfds.builder_from_directory(tmp_path / "rlds").info.splits
    assert sum(split.num_examples for split in splits.values()) == 20


def test_json_and_lerobot(logs: Path, tmp_path: Path) -> None:
    out = tmp_path / "lerobot"
    result = invoke("export", str(logs), str(out), "--format", "lerobot", "--failures", "0", "--json")
    report = json.loads(result.stdout)
    assert result.exit_code == 0 and report["trials"] == report["successes"] > 0
    assert json.loads((out / "meta" / "info.json").read_text())["total_episodes"] == report["trials"]


def test_a_damaged_log_ends_with_1_unless_accepted(logs: Path, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for path in logs.iterdir():
        if path.is_file():
            content = path.read_bytes()
            (tmp_path / "logs" / path.name).write_bytes(content[: len(content) // 2])
    result = invoke("export", str(tmp_path / "logs"), str(tmp_path / "a"))
    assert result.exit_code == 1 and "1 log damaged" in result.stderr and "is damaged: byte" in result.stdout
    assert invoke("export", str(tmp_path / "logs"), str(tmp_path / "b"), "--skip-damaged").exit_code == 0


@pytest.mark.parametrize(
    ("words", "phrase"),
    [
        (["nowhere", "out"], "graspctl collect --sim"),
        (["logs"], "Missing argument 'OUT'"),
        (["logs", "out", "--format", "hdf5"], "'hdf5' is not one of"),
    ],
)
def test_bad_words_are_one_line(words: list[str], phrase: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("export", *words)
    assert result.exit_code == 2 and phrase in result.stderr and len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []
