"""Packages of another Debian release than this machine's: a folder made by debootstrap once, kept in the cache folder.

Programs in it run by chroot inside a mount namespace of their own, so nothing stays mounted when they end. Needs root.
"""

import asyncio
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from signalbox.servers.process import ServerFailed, ServerNotInstalled, cache_folder, find_program

INSTALL = "apt-get install -y debootstrap, then run this as root"
BUILD_WAIT_S = 900.0
WORK = Path("/srv")  # where a program inside sees the folder that it was given

_ENTER = 'mount --rbind /proc "$1/proc"; mount --rbind /dev "$1/dev"; mount --bind "$2" "$1/srv"; '
_ENTER += 'root="$1"; shift 2; exec chroot "$root" "$@"'


@dataclass(frozen=True, slots=True)
class DebianRoot:
    """A folder with a whole small Debian in it."""

    folder: Path

    def argv(self, work: Path, command: Sequence[str]) -> list[str]:
        """Return the command line that runs `command` inside, where `work` is seen as /srv."""
        enter = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", _ENTER, "enter"]
        return [*enter, str(self.folder), str(work), *command]


async def debian_root(release: str, package: str) -> DebianRoot:
    """Return the root with this package; the first call on a machine takes about a minute.

    Raises:
        ServerNotInstalled: it cannot be built here; says why.
        ServerFailed: debootstrap failed; carries what it said.
    """
    server = f"{package} of Debian {release}"
    if os.geteuid() != 0:
        raise ServerNotInstalled(server, "building and entering its folder needs root", INSTALL)
    debootstrap = find_program("debootstrap", server=server, install=INSTALL)
    find_program("unshare", server=server, install="apt-get install -y util-linux")
    folder = cache_folder() / "debian" / f"{release}-{package}"
    if not folder.exists():
        await asyncio.to_thread(_build, [debootstrap, "--variant=minbase", f"--include={package}", release], folder)
    return DebianRoot(folder)


def _build(argv: Sequence[str], folder: Path) -> None:
    """Build beside and rename, so that a folder under its own name is always whole."""
    partial = folder.with_name(f"{folder.name}.{os.getpid()}")
    partial.parent.mkdir(parents=True, exist_ok=True)
    run = subprocess.run([*argv, str(partial)], capture_output=True, text=True, timeout=BUILD_WAIT_S, check=False)
    if run.returncode:
        shutil.rmtree(partial, ignore_errors=True)
        raise ServerFailed(f"debootstrap could not build {folder.name}: {(run.stdout + run.stderr)[-1500:]}")
    partial.rename(folder)
