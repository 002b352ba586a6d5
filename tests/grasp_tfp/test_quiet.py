"""Silencing stderr ends where it should."""

import os

import pytest

from grasp_tfp.quiet import quiet_stderr


def test_only_what_is_written_meanwhile_is_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    os.write(2, b"before ")
    with pytest.raises(ValueError), quiet_stderr():
        os.write(2, b"meanwhile ")
        raise ValueError
    os.write(2, b"after")
    assert capfd.readouterr().err == "before after"
