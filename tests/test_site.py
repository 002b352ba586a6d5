"""The documentation site builds without a warning, and its pages ask for nothing from elsewhere."""

import importlib.util
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
FETCHED = re.compile(
    r"<(?:script|img|iframe|source)\b[^>]*\bsrc=\"([^\"]*)|<link\b[^>]*\bhref=\"([^\"]*)|url\(([^)]*)\)"
)
"""What a browser loads by itself; a link that somebody has to click is none."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir", str(out)]
    options = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=PROJECT, env=options, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return out


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    pages = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(pages) > 20
    fetched = {next(filter(None, found), "") for page in pages for found in FETCHED.findall(page.read_text("utf-8"))}
    assert [url for url in fetched if url.startswith(("http:", "https:", "//"))] == []


def test_every_page_of_docs_is_in_the_navigation(site: Path) -> None:
    start = (site / "index.html").read_text("utf-8")
    pages = [path.relative_to(PROJECT / "docs") for path in (PROJECT / "docs").rglob("*.md")]
    links = [str(path.with_suffix(".html")).replace("README.html", "index.html") for path in pages]
    assert [link for link in links if f'href="{link}"' not in start and link != "index.html"] == []


def test_docstrings_and_sections_of_the_readme_are_there(site: Path) -> None:
    models = (site / "api" / "models.html").read_text("utf-8")
    assert 'id="grasp_tfp.models.mof.MixtureOfFlows"' in models
    assert "Frames and units." in (site / "data.html").read_text("utf-8")


def test_the_modules_of_the_papers_parts_are_there() -> None:
    rows = [line.split(" | ") for line in (PROJECT / "docs" / "paper.md").read_text("utf-8").splitlines()]
    named = {name for row in rows if len(row) == 4 for name in re.findall(r"`([^`]+)`", row[2])}
    modules = {name if name.startswith("grasp_pipelines.") else f"grasp_tfp.{name}" for name in named}
    assert len(modules) > 30
    assert [name for name in sorted(modules) if importlib.util.find_spec(name) is None] == []


def test_a_section_that_the_readme_lacks_is_an_error() -> None:
    section = runpy.run_path(str(PROJECT / "docs" / "site.py"))["section"]
    assert "](docs/" not in section("Use it") and "](deploy.md)" in section("Use it")
    with pytest.raises(LookupError, match="no section 'Nowhere'"):
        section("Nowhere")
