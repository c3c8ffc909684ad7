"""Templates, scripts and styles contain nothing that the content security policy blocks or that bypasses escaping."""

import re
from collections.abc import Iterable, Mapping

import pytest
from jinja2.filters import FILTERS as JINJA_FILTERS

from signalbox.web.rendering import FILTERS
from tests.architecture.sources import APP, STATIC, TEMPLATES, files

BANNED_IN_TEMPLATES: Mapping[str, str] = {
    "a style attribute": r"\sstyle\s*=",
    "an inline style": r"<style\b",
    "an inline script": r"<script\b(?![^>]*\bsrc=)",
    "an event attribute": r"\son[a-z]+\s*=",
    "a literal address": r"""(?:href|src|action|hx-[a-z]+)\s*=\s*["']/(?!["'])""",
    "an htmx attribute without hx()": r"\shx-[a-z-]+(?::[a-z]+)*\s*=",
    "an unescaped value": r"\|\s*safe\b|\bautoescape\b|\bMarkup\b",
    "a script address": r"javascript:",
    "an HTML comment": r"<!--",
    "a target with access to the opener": r"target\s*=\s*[\"']_blank",
}
BANNED_IN_SCRIPTS: Mapping[str, str] = {
    "evaluated text": r"\beval\(|new Function\(|setTimeout\(\s*[\"']|document\.write",
    "a style attribute": r"setAttribute\(\s*[\"']style",
    "HTML from outside the templates": r"insertAdjacentHTML|outerHTML|\.innerHTML\s*=(?!=)",
}
INSERT_FRAGMENTS = {"static/js/morph.js", "static/js/palette.js"}  # they insert fragments of the server
THIRD_PARTY = re.compile(r"""(?:https?:)?//(?!www\.w3\.org/)[a-z0-9-]+(?:\.[a-z0-9-]+)+""", re.IGNORECASE)


def banned(sources: Iterable[tuple[str, str]], bans: Mapping[str, str]) -> list[str]:
    return [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1} has {what}"
        for path, text in sources
        for what, pattern in bans.items()
        if not (what == "HTML from outside the templates" and path in INSERT_FRAGMENTS)
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]


def external_urls(sources: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{path}: {match.group()}" for path, text in sources for match in THIRD_PARTY.finditer(text)]


def test_templates_contain_nothing_banned() -> None:
    assert banned(files(TEMPLATES, ".html"), BANNED_IN_TEMPLATES) == []


def test_scripts_contain_nothing_banned() -> None:
    assert banned(files(STATIC, ".js"), BANNED_IN_SCRIPTS) == []


def test_only_one_module_creates_trusted_html() -> None:
    creators = [path for path, text in files(APP, ".py") if re.search(r"\bMarkup\(", text)]
    assert creators == ["app/signalbox/web/markup.py"]


def test_no_filter_of_ours_replaces_one_of_jinja() -> None:
    assert FILTERS.keys() & JINJA_FILTERS.keys() == set()


def test_no_page_loads_anything_from_another_host() -> None:
    assert external_urls([*files(TEMPLATES, ".html"), *files(STATIC, ".js", ".css", ".svg")]) == []


PLANTED = [
    '<p style="color: red">',
    "<script>alert(1)</script>",
    "<style>p {}</style>",
    '<b onclick="x()">',
    '<a href="/groups">',
    "<form action='/groups'>",
    '<div hx-get="{{ urls.groups() }}">',
    '<div hx-swap:inherited="x">',
    "{{ page.name|safe }}",
    "{{ page.name | safe }}",
    "{% autoescape false %}",
    '<a href="javascript:x()">',
    "<!-- here -->",
    '<a target="_blank">',
]


@pytest.mark.parametrize("line", PLANTED)
def test_a_planted_fault_in_a_template_is_found(line: str) -> None:
    [fault, *_] = banned([("templates/x.html", f"<p>fine</p>\n{line}\n")], BANNED_IN_TEMPLATES)
    assert fault.startswith("templates/x.html:2 has ")


@pytest.mark.parametrize(
    "line", ["eval(x)", "new Function(x)", "el.innerHTML = x", 'el.setAttribute("style", x)', 'setTimeout("x")']
)
def test_a_planted_fault_in_a_script_is_found(line: str) -> None:
    assert banned([("static/js/x.js", line)], BANNED_IN_SCRIPTS)


@pytest.mark.parametrize("line", ["https://cdn.example.org/x.js", 'url("//fonts.example.com/x")', "http://example.com"])
def test_a_planted_external_url_is_found(line: str) -> None:
    assert external_urls([("static/css/x.css", line)])


@pytest.mark.parametrize(
    "line", ['<a href="{{ row.href }}">', '<a class="next" href="">', '<input data-on="1">', "<p>{{ row }}</p>"]
)
def test_allowed_markup_passes(line: str) -> None:
    assert banned([("templates/x.html", line)], BANNED_IN_TEMPLATES) == []
