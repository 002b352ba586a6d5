"""Packages that only some commands need, and that an extra of this one brings."""

import importlib.util

from grasp_tfp.errors import UsageError

__all__ = ["require"]


def require(package: str, extra: str, what: str) -> None:
    """Refuses what cannot be done without a package that is not installed.

    Args:
        package: Name under which it is imported.
        extra: The extra that brings it.
        what: What it is needed for, such as `log to mlflow`.

    Raises:
        UsageError: It is not installed.
    """
    if importlib.util.find_spec(package) is None:
        raise UsageError(f"Cannot {what}: {package} is not installed. Run pip install 'graspctl[{extra}]'.")
