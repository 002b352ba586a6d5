"""What a command costs: time, CPU, and the memory of its whole tree of processes."""

import dataclasses
import os
import pathlib
import subprocess
import sys
import time

PAGE, TICK = os.sysconf("SC_PAGE_SIZE"), os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass
class Cost:
    """What a command took."""

    seconds: float
    cpu_seconds: float
    tree_mb: float
    """Most memory of all its processes together [MB]."""

    largest_mb: float
    """Most memory of one of its processes [MB]."""


def cost_of(command: list[str], printed: pathlib.Path) -> Cost:
    """Runs a command, watches its processes, and keeps what they print in a file.

    Raises:
        SystemExit: It failed.
    """
    began, before = time.monotonic(), children_cpu()
    with open(printed, "w+b") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream, env=environment())
        cpu: dict[int, float] = {}
        tree = largest = 0.0
        while process.poll() is None:
            memory = [look(pid, cpu) for pid in family(process.pid)]
            tree, largest = max(tree, sum(memory)), max(largest, *memory, 0.0)
            time.sleep(0.05)
        seconds = time.monotonic() - began
        stream.seek(0)
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} failed: {stream.read().decode(errors='replace')[-2000:]}")
    return Cost(seconds, max(sum(cpu.values()), children_cpu() - before), tree / 1e6, largest / 1e6)


def children_cpu() -> float:
    """CPU seconds of the processes below this one that have ended, exact where they were waited for."""
    now = os.times()
    return now.children_user + now.children_system


def family(root: int) -> list[int]:
    """A process and all below it."""
    parents: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                parent = int(pathlib.Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            parents.setdefault(parent, []).append(int(entry))
    found = [root]
    for pid in found:
        found += parents.get(pid, [])
    return found


def look(pid: int, cpu: dict[int, float]) -> float:
    """Notes the CPU seconds of a process; returns the memory that it has for itself [bytes]."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        _, resident, shared, *_ = map(int, pathlib.Path(f"/proc/{pid}/statm").read_text().split())
    except OSError:
        return 0.0
    cpu[pid] = (int(fields[11]) + int(fields[12])) / TICK
    return float((resident - shared) * PAGE)


def environment() -> dict[str, str]:
    """Lets the processes find the packages."""
    roots = [path for path in sys.path if path]
    return os.environ | {"PYTHONPATH": os.pathsep.join(roots), "TF_CPP_MIN_LOG_LEVEL": "2"}
