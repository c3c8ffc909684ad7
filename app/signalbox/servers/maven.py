"""Download Java servers from Maven into the cache folder, once per version."""

import asyncio
import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from signalbox.servers.process import cache_folder, cache_lock, find_program, run_or_fail

INSTALL = "apt-get install -y default-jre-headless maven"
COMPLETE_MARKER = "complete"  # this file exists once every jar of the folder is downloaded
DOWNLOAD_TIMEOUT_S = 600.0

_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>signalbox</groupId><artifactId>server</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>{dependencies}</dependencies>
</project>
"""
_DEPENDENCY = "<dependency><groupId>{0}</groupId><artifactId>{1}</artifactId><version>{2}</version></dependency>"


def java(server: str) -> str:
    """Return the path of Java. Raises ServerNotInstalled, which names the command that installs it."""
    return find_program("java", server=server, install=INSTALL)


async def jars(server: str, coordinates: Sequence[str]) -> Path:
    """Return a folder with the jars of these artifacts ("group:artifact:version") and of their run-time dependencies.

    Raises ServerNotInstalled without Java or Maven, ServerFailed with Maven's output.
    """
    dependencies = "".join(_DEPENDENCY.format(*map(escape, c.split(":"))) for c in coordinates)
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime"]
    return await _cached_folder(server, coordinates, _POM.format(dependencies=dependencies), goal)


async def archive(server: str, coordinate: str) -> Path:
    """Return the file of one artifact ("group:artifact:version:zip"), without dependencies. Raises as `jars`."""
    goal = ["dependency:copy", f"-Dartifact={coordinate}"]
    folder = await _cached_folder(server, [coordinate], _POM.format(dependencies=""), goal)
    _, artifact, version, extension = coordinate.split(":")
    return folder / f"{artifact}-{version}.{extension}"


def class_path(folder: Path) -> str:
    """Return the class path (`java -cp`) of all jars in the folder."""
    return f"{folder}/*"


async def _cached_folder(server: str, coordinates: Sequence[str], pom: str, goal: Sequence[str]) -> Path:
    """Return the cache folder of these artifacts. Maven fills it the first time."""
    java(server)
    digest = hashlib.sha256("\n".join(coordinates).encode()).hexdigest()[:12]
    folder = cache_folder() / "maven" / f"{server.replace(' ', '-').lower()}-{digest}"
    if not (folder / COMPLETE_MARKER).exists():
        maven = find_program("mvn", server=server, install=INSTALL)
        await asyncio.to_thread(_download_once, maven, server, folder, pom, goal)
    return folder


def _download_once(maven: str, server: str, folder: Path, pom: str, goal: Sequence[str]) -> None:
    with cache_lock(folder.name):
        if not (folder / COMPLETE_MARKER).exists():
            _download(maven, server, folder, pom, goal)


def _download(maven: str, server: str, folder: Path, pom: str, goal: Sequence[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    file = folder / "pom.xml"
    file.write_text(pom)
    argv = [maven, "-B", "-q", "-f", str(file), *goal, f"-DoutputDirectory={folder}"]
    run_or_fail(argv, f"Maven cannot download {server}", timeout_s=DOWNLOAD_TIMEOUT_S)
    (folder / COMPLETE_MARKER).touch()
