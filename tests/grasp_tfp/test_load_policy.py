"""`from grasp_tfp import load_policy`, as docs/python.md shows it."""

import doctest
import subprocess
import sys
from pathlib import Path

import pytest

import grasp_tfp
from grasp_tfp.errors import BundleRejected

GUIDE = Path(__file__).parents[2] / "docs" / "python.md"


def test_the_guide_is_true() -> None:
    found = doctest.testfile(str(GUIDE), module_relative=False)
    assert found.failed == 0 and found.attempted > 8


def test_the_package_loads_without_tensorflow() -> None:
    code = "import sys, grasp_tfp; print(grasp_tfp.load_policy.__name__, 'tensorflow' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert done.stdout.split() == ["load_policy", "False"]


def test_no_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleRejected, match="is no bundle"):
        grasp_tfp.load_policy(tmp_path)
