"""`graspctl reproduce` from words to files."""

import importlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from grasp_tfp.experiments import fig2
from graspctl.main import app
from graspctl.reproduce import FIGURES


def invoke(*words: str) -> Result:
    return CliRunner().invoke(app, list(words), prog_name="graspctl")


def test_every_figure_is_a_module_with_two_settings() -> None:
    for name in FIGURES:
        module = importlib.import_module(f"grasp_tfp.experiments.{name}")
        assert callable(module.reproduce) and type(module.FULL) is type(module.QUICK)


def test_an_unknown_figure_names_the_known_ones() -> None:
    result = invoke("reproduce", "fig33")
    assert result.exit_code == 2
    known = ", ".join(FIGURES)
    assert result.stderr == f"Error: Unknown figure 'fig33'. Expected one of: {known}. Did you mean 'fig3'?\n"


def test_prints_a_table_and_verdicts_or_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fig2, "QUICK", fig2.Settings(dimensions=4, repeats=20, steps=1, timed=1))
    result = invoke("reproduce", "fig2", "--quick")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("D  r") and "Wrote     reproduce/fig2/fig2.png, reproduce/fig2/fig2.json" in lines
    assert sum("reproduced: " in line for line in lines) == 6
    report = json.loads(invoke("reproduce", "fig2", "--quick", "--json").stdout)
    assert report["name"] == "fig2" and len(report["rows"]) == 8
    assert Path(report["picture"]).exists()


def test_table1_needs_what_was_trained_and_the_others_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    without = invoke("reproduce", "table1")
    assert without.exit_code == 2 and "Run graspctl train mof first" in without.stderr
    surplus = invoke("reproduce", "fig2", "runs/mof")
    assert surplus.exit_code == 2 and "Expected runs for table1 only" in surplus.stderr
    scaled = invoke("reproduce", "fig2", "--scale", "0.1")
    assert (
        scaled.exit_code == 2 and "Expected --scale and --seeds with ablation, fig5, fig6, fig7 only" in scaled.stderr
    )
    assert list(tmp_path.iterdir()) == []
