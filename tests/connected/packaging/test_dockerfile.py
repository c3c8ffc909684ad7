"""The Dockerfile's commands in folders, where no engine is: what copies, builds and installs, but not what needs root."""

import asyncio
import re
import shutil
import sys
from pathlib import Path

import pytest

from tests.architecture.test_containers import ROOT, instructions
from tests.connected.packaging.programs import run

NEEDS_ROOT = ("groupadd",)


def stages() -> list[list[tuple[str, str]]]:
    """Return the instructions of each stage."""
    found: list[list[tuple[str, str]]] = []
    for word, text in instructions():
        if word == "FROM":
            found.append([])
        elif found:
            found[-1].append((word, text))
    return found


async def build(stage: list[tuple[str, str]], folder: Path, images: dict[str, Path]) -> None:
    """Do what a stage does to files, with this folder as its WORKDIR and the folders of the stages before it."""
    await asyncio.to_thread(folder.mkdir)
    for word, text in stage:
        if word == "COPY":
            copy(text, folder, images)
        elif word == "RUN" and not text.startswith(NEEDS_ROOT):
            command = re.sub(r"\bpython3\b", sys.executable, text)
            await run(["sh", "-ec", command], folder)


def copy(text: str, folder: Path, images: dict[str, Path]) -> None:
    *sources, target = text.split()
    if sources[0].startswith("--from="):
        image, [source] = sources[0].removeprefix("--from="), sources[1:]
        shutil.copytree(images[image] / Path(source).name, folder / target)
        return
    for source in sources:
        if (ROOT / source).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "vendor")  # as .dockerignore does
            shutil.copytree(ROOT / source, folder / target, ignore=ignored)
        else:
            shutil.copy(ROOT / source, folder / target)


@pytest.mark.timeout(300)
async def test_both_stages_build_and_install_signalbox(tmp_path: Path) -> None:
    wheel, image = stages()
    built, folder = tmp_path / "build", tmp_path / "image"
    await build(wheel, built, {})
    await build(image, folder, {"build": built})
    assert "signalbox" in await run([str(folder / "bin" / "signalbox"), "--version"], tmp_path)
    assert sorted(path.name for path in folder.iterdir() if path.is_file()) == ["pyvenv.cfg", "requirements.txt"]
    assert list(folder.glob("lib/*/site-packages/signalbox/_bundled/static/vendor/htmx.js"))
