"""The values of a configuration: changed by the tables of a TOML file and single overrides, names and types checked."""

import dataclasses
import math
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from grasp_tfp.errors import UsageError, unknown_name

__all__ = ["changed", "read_overrides", "read_toml", "require_positive"]


def changed(config: Any, values: Mapping[str, Any]) -> Any:
    """A dataclass of sections, themselves dataclasses, with other values.

    Args:
        config: What keeps every value that is not named.
        values: Tables by the name of the section.

    Raises:
        UsageError: A section, key or type is wrong.
    """
    sections: dict[str, Any] = {}
    for name, table in values.items():
        if name not in (known := [field.name for field in dataclasses.fields(config)]):
            raise unknown_name("configuration section", name, known)
        if not isinstance(table, Mapping):
            raise UsageError(f"Wrong type for the configuration section {name}: expected a table, received {table!r}.")
        sections[name] = _merge_section(name, getattr(config, name), table)
    return dataclasses.replace(config, **sections)


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        UsageError: It cannot be read.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"Cannot read the configuration file {path}: {error}. Give a TOML file.") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"The configuration file {path} is not TOML: {error}.") from error


def read_overrides(overrides: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Texts such as `train.learning_rate=1e-4` as tables; what is no TOML value is text.

    Raises:
        UsageError: One of them has no section, key or equals sign.
    """
    tables: dict[str, dict[str, Any]] = {}
    for override in overrides:
        section, key, value = _parse_override(override)
        tables.setdefault(section, {})[key] = value
    return tables


def require_positive(name: str, section: Any, *positive: str) -> None:
    """Refuses negative numbers in a section.

    Args:
        name: Of the section.
        section: A dataclass of numbers, tuples of them, and texts.
        positive: The fields that may not be 0 either.

    Raises:
        UsageError: A number is too small.
    """
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        for number in value if isinstance(value, tuple) else (value,):
            if isinstance(number, str):
                continue
            if number < 0 or (number == 0 and field.name in positive):
                bound = "above 0" if field.name in positive else "0 or more"
                raise UsageError(f"Invalid value for {name}.{field.name}: expected {bound}, received {number}.")


def _parse_override(override: str) -> tuple[str, str, Any]:
    name, equals, text = override.partition("=")
    section, dot, key = name.strip().partition(".")
    if not (equals and dot):
        raise UsageError(f"Cannot read the override {override!r}. Expected SECTION.KEY=VALUE, "
                         "such as train.learning_rate=1e-4.")  # fmt: skip
    try:
        return section, key, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return section, key, text.strip()


def _merge_section(name: str, section: Any, table: Mapping[str, Any]) -> Any:
    keys = [f"{name}.{field.name}" for field in dataclasses.fields(section)]
    for key in table:
        if f"{name}.{key}" not in keys:
            raise unknown_name("configuration key", f"{name}.{key}", keys)
    typed = {key: _typed(f"{name}.{key}", value, getattr(section, key)) for key, value in table.items()}
    return dataclasses.replace(section, **typed)


def _typed(name: str, value: Any, default: Any) -> Any:
    if isinstance(default, tuple) and isinstance(value, list | tuple):
        return tuple(_typed(name, item, default[0]) for item in value)
    if isinstance(default, float) and type(value) in (int, float) and math.isfinite(value):
        return float(value)
    if type(value) is type(default) and not isinstance(default, float):
        return value
    kind = f"a list of {type(default[0]).__name__}" if isinstance(default, tuple) else type(default).__name__
    raise UsageError(f"Wrong type for {name}: expected {kind} (such as {default!r}), received {value!r}.")
