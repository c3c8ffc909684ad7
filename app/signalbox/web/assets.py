"""Front-end files. `python -m signalbox.web.assets build` copies npm packages to static/vendor; `load` reads all files.

All files are served from memory under one hash (/static/<build>/css/base.css): relative URLs work, caches never expire.
"""

import gzip
import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from signalbox.resources import ROOT, STATIC

VENDOR = STATIC / "vendor"
BUILD_COMMAND = "npm ci --ignore-scripts && python -m signalbox.web.assets build"

VENDORED: Mapping[str, str] = {  # name in static/vendor -> file in node_modules
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "htmx-csp.js": "htmx.org/dist/ext/hx-csp.min.js",
    "uplot.js": "uplot/dist/uPlot.iife.min.js",
    "uplot.css": "uplot/dist/uPlot.min.css",
    "overpass.woff2": "@fontsource-variable/overpass/files/overpass-latin-wght-normal.woff2",
    "overpass-ext.woff2": "@fontsource-variable/overpass/files/overpass-latin-ext-wght-normal.woff2",
    "overpass-mono.woff2": "@fontsource-variable/overpass-mono/files/overpass-mono-latin-wght-normal.woff2",
    "LICENSE-htmx.txt": "htmx.org/LICENSE",
    "LICENSE-uplot.txt": "uplot/LICENSE",
    "LICENSE-overpass.txt": "@fontsource-variable/overpass/LICENSE",
    "LICENSE-overpass-mono.txt": "@fontsource-variable/overpass-mono/LICENSE",
}
TYPES: Mapping[str, str] = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".txt": "text/plain",
}
COMPRESSED = frozenset({".css", ".js", ".svg", ".txt"})


class AssetsMissing(Exception):
    """Front-end files are missing. The message names them and the command to run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One static file."""

    content: bytes
    gzipped: bytes | None  # None: the format is compressed already
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assets:
    """All files in static/, by path. `missing` lists the vendored files that were not built."""

    files: Mapping[str, Asset]
    build: str
    missing: tuple[str, ...]

    def hashed(self, path: str) -> str:
        """Return "<build>/<path>".

        Raises:
            AssetsMissing: a template names a file that does not exist.
        """
        if path not in self.files and path.removeprefix("vendor/") not in self.missing:
            raise AssetsMissing(f"static/{path} does not exist")
        return f"{self.build}/{path}"


def load(folder: Path = STATIC) -> Assets:
    """Read every file of a known type, once at startup."""
    files: dict[str, Asset] = {}
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.suffix in TYPES and file.is_file():
            path, content = file.relative_to(folder).as_posix(), file.read_bytes()
            digest.update(path.encode() + b"\0" + hashlib.sha256(content).digest())
            zipped = gzip.compress(content, 6, mtime=0) if file.suffix in COMPRESSED else None
            files[path] = Asset(content=content, gzipped=zipped, type=TYPES[file.suffix])
    missing = tuple(name for name in VENDORED if f"vendor/{name}" not in files)
    return Assets(files=files, build=digest.hexdigest()[:12], missing=missing)


def build(modules: Path = ROOT / "node_modules", vendor: Path = VENDOR) -> dict[str, str]:
    """Copy the vendored files and write vendor/manifest.json: name -> SHA-256. Return the manifest.

    Raises:
        AssetsMissing: npm did not install every file; nothing is copied.
    """
    absent = [source for source in VENDORED.values() if not (modules / source).is_file()]
    if absent:
        raise AssetsMissing(f"Missing in {modules.name}: {', '.join(absent)}. Run: npm ci --ignore-scripts")
    vendor.mkdir(parents=True, exist_ok=True)
    manifest: dict[str, str] = {}
    for name, source in VENDORED.items():
        content = (modules / source).read_bytes()
        (vendor / name).write_bytes(content)
        manifest[name] = hashlib.sha256(content).hexdigest()
    (vendor / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return manifest


def main(arguments: list[str]) -> int:
    if arguments != ["build"]:
        sys.stderr.write("usage: python -m signalbox.web.assets build\n")
        return 2
    try:
        copied = build()
    except AssetsMissing as fault:
        sys.stderr.write(f"{fault}\n")
        return 1
    sys.stdout.write(f"Copied {len(copied)} files to static/vendor\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
