"""A reader never sees half a file."""

import json
from pathlib import Path

import pytest

from grasp_tfp.files import in_one_piece, write_json


def test_a_file_is_replaced_at_the_end_and_only_if_all_went_well(tmp_path: Path) -> None:
    path = tmp_path / "report.txt"
    path.write_text("old")
    with pytest.raises(OSError, match="full"), in_one_piece(path) as partial:
        partial.write_text("ne")
        raise OSError("The disk is full.")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    with in_one_piece(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_json_goes_into_a_folder_that_need_not_exist(tmp_path: Path) -> None:
    path = tmp_path / "eval" / "report.json"
    write_json(path, {"trials": 3})
    assert json.loads(path.read_text()) == {"trials": 3}
    assert path.read_text().endswith("}\n")
