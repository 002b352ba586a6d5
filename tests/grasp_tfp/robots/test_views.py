"""What `--view` takes, and how it refuses the rest."""

import pytest

from grasp_tfp.errors import UsageError
from grasp_tfp.robots.views import open_viewer


@pytest.mark.parametrize(
    ("where", "phrase"),
    [
        ("rviz", "Unknown view 'rviz'"),
        ("x.mp4", "FILE.mcap"),
        ("nowhere/x.rrd", "a folder that exists"),
        ("", "view ''"),
    ],
)
def test_bad_views_are_refused(where: str, phrase: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    with pytest.raises(UsageError, match=phrase):
        open_viewer(where)


@pytest.mark.parametrize("where", ["rerun", "foxglove", "x.rrd", "x.mcap"])
def test_an_absent_sdk_is_one_line(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"is not installed. Run pip install 'graspctl\[view\]'"):
        open_viewer(where)
