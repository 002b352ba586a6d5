"""An example survives its record, and every process writes the same one."""

import os
import subprocess
import sys

import numpy as np
import pytest

from grasp_datasets.schema import features, parse, serialize

EXAMPLE = {
    "image": b"\xff\xd8 one",
    "initial_image": b"\xff\xd8 two",
    "gripper_pose": np.array([0.5, -0.1, 0.2, 1.25], np.float32),
    "action": np.array([0.1, 0.0, -0.1, -1.0, 0.0], np.float32),
    "success": False,
    "trial_id": "blocks-0-000000001",
    "step": 0,
    "num_steps": 7,
    "task": "blocks",
}


def test_an_example_comes_back() -> None:
    found = parse(serialize(EXAMPLE))
    assert list(found) == list(EXAMPLE) == list(features())
    for name, value in EXAMPLE.items():
        expected = value.encode() if isinstance(value, str) else value
        np.testing.assert_array_equal(found[name], expected)
        assert type(found[name]) is type(expected)


def test_every_process_writes_the_same_bytes_without_tensorflow() -> None:
    script = """
import sys
from grasp_datasets.schema import serialize
numbers = {"gripper_pose": [0.0] * 4, "action": [0.0] * 5, "success": True, "step": 1, "num_steps": 2}
print(serialize({"image": b"i", "initial_image": b"j", "trial_id": "t", "task": "k"} | numbers).hex())
assert "tensorflow" not in sys.modules
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    outputs = {
        subprocess.check_output([sys.executable, "-c", script], env=environment | {"PYTHONHASHSEED": seed})
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 1


@pytest.mark.parametrize("change", [{"action": np.zeros(4, np.float32)}, {"image": 3}])
def test_values_that_do_not_fit_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(change))):
        serialize(EXAMPLE | change)
