"""Small files: what grows over its budget is two things."""

from collections.abc import Iterable

import pytest

from tests.architecture.sources import ROOT, STATIC, files

BUDGETS = [
    ("app", (".py",), 400),
    ("tests", (".py",), 400),
    ("migrations", (".py",), 400),
    ("bench", (".py",), 400),
    ("templates", (".html",), 120),
    ("static", (".js",), 80),
    ("static", (".css",), 400),
]


def over(found: Iterable[tuple[str, str]], most: int) -> list[str]:
    return [f"{path}: {lines} lines, at most {most}" for path, text in found if (lines := text.count("\n")) > most]


@pytest.mark.parametrize(("folder", "suffixes", "most"), BUDGETS)
def test_files_keep_their_budget(folder: str, suffixes: tuple[str, ...], most: int) -> None:
    assert over(files(ROOT / folder, *suffixes), most) == []


def test_a_planted_long_file_is_found() -> None:
    assert over([("app/long.py", "x = 1\n" * 401)], 400) == ["app/long.py: 401 lines, at most 400"]


def test_the_files_are_really_read() -> None:
    assert len(list(files(STATIC, ".js"))) >= 5
    assert len(list(files(ROOT / "app", ".py"))) >= 50
    assert len(list(files(ROOT / "templates", ".html"))) >= 10
