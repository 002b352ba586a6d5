"""Optional packages."""

import pytest

from grasp_tfp.errors import UsageError
from grasp_tfp.extras import require


def test_an_absent_package_is_one_line_with_the_extra() -> None:
    require("numpy", "any", "count")
    with pytest.raises(UsageError) as error:
        require("no_such_package", "lerobot", "write MP4")
    assert str(error.value) == (
        "Cannot write MP4: no_such_package is not installed. Run pip install 'graspctl[lerobot]'."
    )
