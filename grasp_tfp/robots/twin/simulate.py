"""Serving a simulated arm: its settings, the arm's process, and the bridge's."""

import asyncio
import contextlib
import functools
import importlib.resources
import math
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grasp_tfp.errors import RobotError
from grasp_tfp.robots.chain import read_urdf
from grasp_tfp.robots.fleet import FleetEntry
from grasp_tfp.robots.settings import CellSettings, parse
from grasp_tfp.robots.twin import relay
from grasp_tfp.robots.twin.cell import TwinCell
from grasp_tfp.robots.twin.server import TwinServer
from grasp_tfp.sim.geometry import TRAY
from grasp_tfp.sim.tasks import find_task

__all__ = ["fleet_text", "simulate", "twin_table"]


def twin_table(entry: FleetEntry, url: str, dialect: str) -> dict[str, Any]:
    """The table of a fleet file that reaches the simulated arm of a robot.

    Args:
        entry: The robot; its own settings where it is behind rosbridge, otherwise those of `twin.toml`.
        url: Where the simulated arm is served.
        dialect: `ros1` or `ros2`.
    """
    text = importlib.resources.files("grasp_tfp.robots.twin").joinpath("twin.toml").read_text(encoding="utf-8")
    shipped = tomllib.loads(text)
    table = shipped | (dict(entry.settings) if entry.driver == "rosbridge" else {})
    half, (x, y) = find_task(entry.task).workspace, TRAY.centre
    if entry.driver != "rosbridge":
        width = half.half_width
        table["limits"] |= {
            "workspace_min_m": [round(x - width, 6), round(y - width, 6), half.z_low],
            "workspace_max_m": [round(x + width, 6), round(y + width, 6), half.z_high],
        }
    own = {"driver": "rosbridge", "task": entry.task, "seed": entry.seed, "url": url, "dialect": dialect, "twin": True}
    return table | own


def fleet_text(name: str, table: dict[str, Any]) -> str:
    """A fleet file with one robot, as TOML."""
    plain = {key: value for key, value in table.items() if not isinstance(value, dict)}
    sections = {key: value for key, value in table.items() if isinstance(value, dict)}
    lines = [f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in plain.items())]
    for section, values in sections.items():
        lines += ["", f"[{name}.{section}]", *(f"{key} = {_toml(value)}" for key, value in values.items())]
    return "\n".join(lines) + "\n"


async def simulate(
    entry: FleetEntry,
    table: dict[str, Any],
    *,
    host: str = "127.0.0.1",
    port: int = 9090,
    started: Callable[[int, int], None],
    **options: Any,
) -> None:
    """Serves a simulated arm until it is cancelled or its bridge has ended.

    Args:
        entry: The robot.
        table: See `twin_table`.
        host: Address to listen at.
        port: 0 for any that is free.
        started: Called with the port and the process id of the bridge.
        **options: Of `TwinServer`.

    Raises:
        RobotError: The port is taken, or the bridge has ended.
    """
    settings = parse(CellSettings, {k: v for k, v in table.items() if k not in ("driver", "task", "seed")}, entry.name)
    arm = settings.arm
    home = [math.radians(angle) for angle in arm.home_deg]
    chain = read_urdf(arm.urdf, arm.base, arm.tip, home, arm.tcp_offset_m, math.radians(arm.flange_yaw_deg))
    cell = TwinCell(entry.name, entry.task, entry.seed, chain)
    server = TwinServer(cell, settings, chain, **options)
    try:
        await server.run("127.0.0.1", 0, functools.partial(_bridge, host, port, started))
    finally:
        cell.close()


async def _bridge(host: str, port: int, started: Callable[[int, int], None], inner: int) -> None:
    """Serves `host`:`port` from port `inner` in a process of its own, until that ends or this is cancelled."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(relay.__file__)), host, str(port), str(inner), stdout=asyncio.subprocess.PIPE
    )
    try:
        line = await process.stdout.readline() if process.stdout else b""
        if not line:
            raise RobotError(f"Cannot serve at {host}:{port}: the port is taken or not ours. Choose another --port.")
        started(int(line), process.pid)
        await process.wait()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"[{', '.join(map(_toml, value))}]" if isinstance(value, list | tuple) else repr(value)
