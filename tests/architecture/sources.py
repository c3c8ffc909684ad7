"""The source files of the repository, for checks that read them."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APP = ROOT / "app" / "signalbox"
TEMPLATES = ROOT / "templates"
STATIC = ROOT / "static"


def files(folder: Path, *suffixes: str) -> Iterator[tuple[str, str]]:
    """Yield (path below the root, text) of the repository's own files: none vendored, none generated."""
    for file in sorted(folder.rglob("*")):
        below = file.relative_to(ROOT if file.is_relative_to(ROOT) else folder)
        if file.suffix in suffixes and not {"vendor", "__pycache__", "node_modules"} & set(below.parts):
            yield below.as_posix(), file.read_text(encoding="utf-8")
