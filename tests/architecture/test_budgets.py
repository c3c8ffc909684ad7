"""The line budgets of files: a file over its budget should be split."""

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


def over(sources: Iterable[tuple[str, str]], maximum: int) -> list[str]:
    return [
        f"{path}: {lines} lines, at most {maximum}" for path, text in sources if (lines := text.count("\n")) > maximum
    ]


@pytest.mark.parametrize(("folder", "suffixes", "maximum"), BUDGETS)
def test_files_keep_their_budget(folder: str, suffixes: tuple[str, ...], maximum: int) -> None:
    assert over(files(ROOT / folder, *suffixes), maximum) == []


def test_a_planted_long_file_is_found() -> None:
    assert over([("app/long.py", "x = 1\n" * 401)], 400) == ["app/long.py: 401 lines, at most 400"]


def test_the_folders_are_not_empty() -> None:
    assert len(list(files(STATIC, ".js"))) >= 5
    assert len(list(files(ROOT / "app", ".py"))) >= 50
    assert len(list(files(ROOT / "templates", ".html"))) >= 10
