"""Packages of another Debian release: debootstrap creates a root file system once, in the cache directory.

Its programs run with chroot in their own mount namespace, so that no mount remains when they end. Requires root.
"""

import asyncio
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from signalbox.servers.process import (
    ServerFailed,
    ServerNotInstalled,
    cache_folder,
    cache_lock,
    find_program,
    run_or_fail,
)

INSTALL = "apt-get install -y debootstrap, then run this as root"
BUILD_WAIT_S = 900.0
WORK = Path("/srv")  # the path inside the root of the directory given to `argv`

_ENTER = 'mount --rbind /proc "$1/proc"; mount --rbind /dev "$1/dev"; mount --bind "$2" "$1/srv"; '
_ENTER += 'root="$1"; shift 2; exec chroot "$root" "$@"'


@dataclass(frozen=True, slots=True)
class DebianRoot:
    """A directory with a minimal Debian system."""

    folder: Path

    def argv(self, work: Path, command: Sequence[str]) -> list[str]:
        """Return the command line that runs `command` inside the root, with `work` mounted at /srv."""
        enter = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", _ENTER, "enter"]
        return [*enter, str(self.folder), str(work), *command]


async def debian_root(release: str, package: str) -> DebianRoot:
    """Return the root with this package. The first call on a machine takes about a minute.

    Raises ServerNotInstalled if this machine cannot build it, ServerFailed with debootstrap's output.
    """
    server = f"{package} of Debian {release}"
    if os.geteuid() != 0:
        raise ServerNotInstalled(server, "building and entering its root directory requires root", INSTALL)
    debootstrap = find_program("debootstrap", server=server, install=INSTALL)
    find_program("unshare", server=server, install="apt-get install -y util-linux")
    folder = cache_folder() / "debian" / f"{release}-{package}"
    if not folder.exists():
        await asyncio.to_thread(
            _build_once, [debootstrap, "--variant=minbase", f"--include={package}", release], folder
        )
    return DebianRoot(folder)


def _build_once(argv: Sequence[str], folder: Path) -> None:
    with cache_lock(folder.name):
        if not folder.exists():
            _build(argv, folder)


def _build(argv: Sequence[str], folder: Path) -> None:
    """Build under a temporary name and rename, so that the final directory is always complete."""
    partial = folder.with_name(f"{folder.name}.{os.getpid()}")
    partial.parent.mkdir(parents=True, exist_ok=True)
    try:
        run_or_fail([*argv, str(partial)], f"debootstrap could not build {folder.name}", timeout_s=BUILD_WAIT_S)
    except ServerFailed:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    partial.rename(folder)
