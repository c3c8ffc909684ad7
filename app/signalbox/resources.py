"""Find the files that are not code: in the wheel they lie inside the package, in a clone at the root of the repository."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_BUNDLED = _PACKAGE / "_bundled"

ROOT = _BUNDLED if _BUNDLED.is_dir() else _PACKAGE.parents[1]
TEMPLATES = ROOT / "templates"
STATIC = ROOT / "static"
MIGRATIONS = ROOT / "migrations"
