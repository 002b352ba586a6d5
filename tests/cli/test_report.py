"""`graspctl report`: one page that holds all it shows."""

import html.parser
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from graspctl.main import app
from graspctl.runs import PRETRAINED

FAR = [0.55, 0.0, 0.2, 0.0]


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), prog_name="graspctl")


def outcome(index: int, failure: str) -> dict[str, object]:
    return {
        "index": index, "success": not failure, "failure": failure, "stop_reason": "converged",
        "gripper_poses": [FAR], "final_pose": [0.55, 0.0, 0.006, 0.0],
    }  # fmt: skip


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run with a bundle, a history and an evaluation of three trials; its dataset is gone."""
    run = tmp_path / "runs" / "<mof>"
    shutil.copytree(PRETRAINED, run)
    (run / "history.csv").write_text("step,loss,nll,val_nll\n250,-4,-4.1,-3.3\n500,-4.8,-4.9,-4.7\n")
    policy = {
        "text": "1/3 = 33.3 % [6.1, 79.2]", "rate": 1 / 3, "interval": [0.061, 0.792], "mean_steps": 1.0,
        "decision_milliseconds": 1.0, "failures": {"missed": 2}, "digest": "",
        "outcomes": [outcome(0, "missed"), outcome(1, ""), outcome(2, "missed")],
    }  # fmt: skip
    report = {"robot": "kuka-3", "task": "blocks", "seed": 0, "policies": {"actor": policy}, "comparisons": []}
    (run / "eval").mkdir()
    (run / "eval" / "kuka-3.json").write_text(json.dumps(report))
    (run / "eval" / "old.json").write_text("{}")
    return run


class Reader(html.parser.HTMLParser):
    """Collects the addresses of a page and what its pictures show."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.pictures: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [str(value) for name, value in attrs if name in ("src", "href")]
        self.pictures += [str(value) for name, value in attrs if name == "alt"]


def test_the_page_holds_everything_and_asks_for_nothing(run: Path) -> None:
    result = invoke("report", str(run))
    assert result.exit_code == 0, (result.output, result.exception)
    page = (run / "report.html").read_text(encoding="utf-8")
    reader = Reader()
    reader.feed(page)
    assert all(address.startswith("data:") for address in reader.addresses)
    assert [text.split(":")[0] for text in reader.pictures[1:]] == ["held", "missed"]
    assert "1/3 = 33.3 % [6.1, 79.2]" in page and "density.components" in page
    assert "&lt;mof&gt;" in page and "<mof>" not in page
    assert "The dataset of this run is not where" in page
    assert "left out old.json" in result.stdout
    assert sorted(path.name for path in run.glob("*report*")) == ["report.html"]


def test_what_is_no_run_is_one_line(tmp_path: Path) -> None:
    result = invoke("report", str(tmp_path))
    assert result.exit_code == 2 and "No trained run in" in result.stderr
