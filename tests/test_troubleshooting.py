"""Troubleshooting lists only errors that exist."""

import re
from pathlib import Path

PROJECT = Path(__file__).parents[1]
PACKAGES = ["grasp_tfp", "cli/graspctl", "pipelines/grasp_pipelines", "datasets/grasp_datasets"]


def test_every_error_on_the_page_is_in_the_code() -> None:
    sources = [path.read_text("utf-8") for package in PACKAGES for path in (PROJECT / package).rglob("*.py")]
    text = re.sub(r"\{[^{}]*\}", "…", "\n".join(sources))
    page = (PROJECT / "docs" / "troubleshooting.md").read_text("utf-8")
    errors = [
        error for line in page.splitlines() if line.startswith("### ") for error in re.findall(r"`([^`]+)`", line)
    ]
    assert len(errors) > 10
    assert [error for error in errors if error.rstrip("…") not in text] == []
