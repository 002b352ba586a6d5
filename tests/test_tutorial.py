"""The tutorial runs from its first cell to its last, and is stored without what it printed."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

NOTEBOOK = Path(__file__).parents[1] / "docs" / "tutorial.ipynb"
EXECUTE = """
import os, sys, nbformat, nbclient
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
notebook = nbformat.read(sys.argv[1], as_version=4)
where = {"metadata": {"path": sys.argv[2]}}
nbclient.NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()
nbformat.write(notebook, sys.argv[3])
"""


@pytest.fixture(scope="module")
def cells(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The notebook's code cells after a run in an empty folder."""
    folder, done = tmp_path_factory.mktemp("work"), tmp_path_factory.mktemp("done") / "done.ipynb"
    code = f"import sys; sys.path[:] = {sys.path!r}\n{EXECUTE}"
    command = [sys.executable, "-c", code, str(NOTEBOOK), str(folder), str(done)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert list(folder.iterdir()) == []
    return [cell for cell in nbformat.read(done, as_version=4).cells if cell.cell_type == "code"]


def printed(cells: list[Any]) -> str:
    return "".join(output.get("text", "") for cell in cells for output in cell.outputs)


def test_it_runs_and_shows_what_it_says(cells: list[Any]) -> None:
    text = printed(cells)
    assert "(64, 4) True" in text and "Next      graspctl convert logs/ out/" in text and "(64, 64, 3)" in text
    held = {line.split()[0]: int(line.split()[1].split("/")[0]) for line in text.splitlines() if "/10 =" in line}
    assert held["ensemble"] > held["random"]
    pictures = [output for cell in cells for output in cell.outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 2


def test_it_prints_no_warning(cells: list[Any]) -> None:
    errors = [output["text"] for cell in cells for output in cell.outputs if output.get("name") == "stderr"]
    assert errors == []


def test_it_is_stored_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert len(code) > 5 and all(cell.outputs == [] and cell.execution_count is None for cell in code)
