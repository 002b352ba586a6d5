"""Deploying to another machine over ssh: copied aside, verified there, and only then made the active one.

On the target stand the same folders as here, and nothing is needed there but a shell and `sha256sum`; where graspctl is
installed, it also replays the recorded answers. The programs are `ssh` and `scp`, which ask for no password.
"""

import shlex
import subprocess
from pathlib import Path
from typing import NamedTuple

from grasp_tfp.errors import BundleRejected, RobotError
from grasp_tfp.robots.sealing import SUMS

__all__ = ["Target", "roll_back_on", "send"]

REJECTED = 4
OPTIONS = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=10")

INSTALL = """
set -e
cd {home}
reject() {{ rm -rf {aside}; echo "$1" >&2; exit 4; }}
(cd {aside} && sha256sum --quiet -c {sums}) >/dev/null 2>&1 || reject "its files do not match {sums}"
replayed=no
if command -v graspctl >/dev/null 2>&1; then
    graspctl deploy --robot {robot} --verify {aside} >/dev/null || reject "graspctl there rejects it"
    replayed=yes
fi
if [ -e {name} ]; then
    cmp -s {aside}/{sums} {name}/{sums} && (cd {name} && sha256sum --quiet -c {sums}) >/dev/null 2>&1 ||
        reject "another {name} is there"
    cp {aside}/{sums}* {name}/
    rm -rf {aside}
else
    mv {aside} {name}
fi
if [ -L active ] && [ "$(readlink active)" != {name} ]; then
    ln -s "$(readlink active)" .previous-new && mv -T .previous-new previous
fi
ln -s {name} .active-new && mv -T .active-new active
echo $replayed
"""

ROLL_BACK = """
set -e
cd {home}
[ -L previous ] && [ -L active ] || {{ echo "no earlier bundle is there" >&2; exit 4; }}
old=$(readlink previous); new=$(readlink active)
(cd "$old" && sha256sum --quiet -c {sums}) >/dev/null 2>&1 || {{ echo "$old was altered" >&2; exit 4; }}
ln -s "$old" .active-new && mv -T .active-new active
ln -s "$new" .previous-new && mv -T .previous-new previous
echo "$old"
"""


class Target(NamedTuple):
    """A folder on another machine."""

    host: str
    path: str

    @classmethod
    def parse(cls, text: str) -> "Target | None":
        """`HOST:PATH`, or None for a path of this machine, where no colon comes before the first slash."""
        host, colon, path = text.partition(":")
        return cls(host, path or ".") if colon and host and "/" not in host else None


def send(copy: Path, target: Target, robot: str) -> bool:
    """Copies an installed bundle to the target, verifies it there and activates it.

    Args:
        copy: The bundle, sealed.
        target: Where the robots' folders stand.
        robot: Whose folder.

    Returns:
        Whether the recorded answers were replayed there too.

    Raises:
        BundleRejected: What arrived is not what was sent; what was active there still is.
        RobotError: The machine cannot be reached.
    """
    home, aside = f"{target.path}/{robot}", f".incoming-{copy.name}"
    quoted = {"home": shlex.quote(home), "aside": shlex.quote(aside), "name": shlex.quote(copy.name)}
    _run(target, f"mkdir -p {quoted['home']} && rm -rf {quoted['home']}/{quoted['aside']}")
    _call(["scp", "-q", "-r", *OPTIONS, str(copy), f"{target.host}:{home}/{aside}"], target)
    return _run(target, INSTALL.format(**quoted, robot=shlex.quote(robot), sums=SUMS)).strip() == "yes"


def roll_back_on(target: Target, robot: str) -> str:
    """Makes the bundle active again that was so before, and returns its name.

    Raises:
        BundleRejected: There is none, or it was altered.
        RobotError: The machine cannot be reached.
    """
    return _run(target, ROLL_BACK.format(home=shlex.quote(f"{target.path}/{robot}"), sums=SUMS)).strip()


def _run(target: Target, script: str) -> str:
    return _call(["ssh", *OPTIONS, target.host, script], target)


def _call(command: list[str], target: Target) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError as error:
        raise RobotError(f"Cannot find {command[0]}: expected OpenSSH's programs. Install them.") from error
    reason = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
    if done.returncode == REJECTED:
        raise BundleRejected(f"{target.host} rejects the bundle: {reason}. What was active there still is.")
    if done.returncode:
        raise RobotError(f"Cannot deploy to {target.host!r}: {command[0]} says {reason}. Try ssh {target.host} first.")
    return done.stdout
