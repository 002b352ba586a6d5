"""The pipeline's one step, in other processes."""

import os
import sys
import threading
from pathlib import Path

import pytest

from grasp_pipelines.beam_map import polled, run_map
from grasp_tfp.errors import GraspError

MODULE = """
import pathlib

def note(element, folder):
    from apache_beam.io.filesystems import FileSystems
    from apache_beam.options.pipeline_options import S3Options
    options = FileSystems._pipeline_options
    (pathlib.Path(folder) / str(element)).write_text(str(options and options.view_as(S3Options).s3_region_name))
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_file_systems_in_the_workers_know_the_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    (tmp_path / "noting_options.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
    from noting_options import note  # type: ignore[import-not-found]

    out = tmp_path / "out"
    out.mkdir()
    run_map(
        "Note", note, [1, 2], str(out), workers=workers, beam_args=["--s3_region_name=here"],
        printed=tmp_path / "printed", failed="It failed",
    )  # fmt: skip
    assert {path.name: path.read_text() for path in out.iterdir()} == {"1": "here", "2": "here"}


def test_a_look_that_fails_is_followed_by_the_next() -> None:
    looks, seen = 0, threading.Event()

    def look() -> None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise GraspError("Cannot reach the bucket.")
        seen.set()

    with polled(look, 0.01):
        assert seen.wait(30)
