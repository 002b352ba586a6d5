"""The published results say what their JSON says."""

import json
from pathlib import Path

import pytest

from grasp_tfp.experiments.reproduction import table

RESULTS = Path(__file__).parents[3] / "docs" / "results"


@pytest.mark.parametrize("name", ["ablation", "fig2", "fig3", "fig5", "fig6", "fig7", "latency", "table1"])
def test_the_page_holds_the_verdicts_and_the_table(name: str) -> None:
    page, report = (RESULTS / "README.md").read_text("utf-8"), json.loads((RESULTS / f"{name}.json").read_text("utf-8"))
    words = " ".join(page.split())
    for verdict in report["verdicts"]:
        assert f"**{verdict['status']}**: {verdict['claim']} {verdict['evidence']}" in words
    assert "\n".join(table(report["rows"])) in page
    assert (RESULTS / report["picture"]).stat().st_size < 300_000
