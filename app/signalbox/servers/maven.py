"""Java servers from Maven artefacts: downloaded once into the cache folder and run with the installed Java."""

import asyncio
import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from signalbox.servers.process import ServerFailed, cache_folder, program

INSTALL = "apt-get install -y default-jre-headless maven"
DONE = "complete"  # the file that says that every jar of the folder is there
DOWNLOAD_WAIT_S = 600.0

_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>signalbox</groupId><artifactId>server</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>{dependencies}</dependencies>
</project>
"""
_DEPENDENCY = "<dependency><groupId>{0}</groupId><artifactId>{1}</artifactId><version>{2}</version></dependency>"


def java(server: str) -> str:
    """Return the path of Java.

    Raises:
        ServerMissing: it is not installed; names the line that installs it.
    """
    return program("java", server=server, install=INSTALL)


async def jars(server: str, coordinates: Sequence[str]) -> Path:
    """Return a folder with the jars of these artefacts ("group:artefact:version") and all that they need at run time.

    Raises:
        ServerMissing: Java or Maven is not installed.
        ServerFailed: Maven could not get them; carries what it said.
    """
    dependencies = "".join(_DEPENDENCY.format(*map(escape, c.split(":"))) for c in coordinates)
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime"]
    return await _kept(server, coordinates, _POM.format(dependencies=dependencies), goal)


async def archive(server: str, coordinate: str) -> Path:
    """Return one artefact ("group:artefact:version:zip") as it is, without what it needs at run time.

    Raises:
        ServerMissing: Java or Maven is not installed.
        ServerFailed: Maven could not get it; carries what it said.
    """
    goal = ["dependency:copy", f"-Dartifact={coordinate}"]
    folder = await _kept(server, [coordinate], _POM.format(dependencies=""), goal)
    _, artefact, version, kind = coordinate.split(":")
    return folder / f"{artefact}-{version}.{kind}"


def class_path(folder: Path) -> str:
    """Return what `java -cp` takes to find every jar of the folder."""
    return f"{folder}/*"


async def _kept(server: str, coordinates: Sequence[str], pom: str, goal: Sequence[str]) -> Path:
    """Return the folder of the cache with these, which Maven fills the first time."""
    java(server)
    digest = hashlib.sha256("\n".join(coordinates).encode()).hexdigest()[:12]
    folder = cache_folder() / "maven" / f"{server.replace(' ', '-').lower()}-{digest}"
    if not (folder / DONE).exists():
        maven = program("mvn", server=server, install=INSTALL)
        await asyncio.to_thread(_download, maven, server, folder, pom, goal)
    return folder


def _download(maven: str, server: str, folder: Path, pom: str, goal: Sequence[str]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    file = folder / "pom.xml"
    file.write_text(pom)
    argv = [maven, "-B", "-q", "-f", str(file), *goal, f"-DoutputDirectory={folder}"]
    run = subprocess.run(argv, capture_output=True, text=True, timeout=DOWNLOAD_WAIT_S, check=False)
    if run.returncode:
        raise ServerFailed(f"{server}: Maven could not get it: {(run.stdout + run.stderr)[-1500:]}")
    (folder / DONE).touch()
