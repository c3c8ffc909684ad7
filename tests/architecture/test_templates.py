"""What no template, script or style may hold: what the content security policy blocks, and what bypasses escaping."""

import re
from collections.abc import Iterable, Mapping

import pytest
from jinja2.filters import FILTERS as JINJA_FILTERS

from signalbox.web.rendering import FILTERS
from tests.architecture.sources import APP, STATIC, TEMPLATES, files

IN_TEMPLATES: Mapping[str, str] = {
    "a style attribute": r"\sstyle\s*=",
    "an inline style": r"<style\b",
    "an inline script": r"<script\b(?![^>]*\bsrc=)",
    "an event attribute": r"\son[a-z]+\s*=",
    "a literal address": r"""(?:href|src|action|hx-[a-z]+)\s*=\s*["']/(?!["'])""",
    "an htmx attribute without hx()": r"\shx-[a-z-]+(?::[a-z]+)*\s*=",
    "an unescaped value": r"\|\s*safe\b|\bautoescape\b|\bMarkup\b",
    "a script address": r"javascript:",
    "a comment that is sent": r"<!--",
    "a target that hands over the page": r"target\s*=\s*[\"']_blank",
}
IN_SCRIPTS: Mapping[str, str] = {
    "evaluated text": r"\beval\(|new Function\(|setTimeout\(\s*[\"']|document\.write",
    "a style attribute": r"setAttribute\(\s*[\"']style",
    "HTML that no template drew": r"insertAdjacentHTML|outerHTML|\.innerHTML\s*=(?!=)",
}
DRAWN_BY_TEMPLATES = {"static/js/morph.js", "static/js/palette.js"}  # they take fragments of our own server
THIRD_PARTY = re.compile(r"""(?:https?:)?//(?!www\.w3\.org/)[a-z0-9-]+(?:\.[a-z0-9-]+)+""", re.IGNORECASE)


def banned(found: Iterable[tuple[str, str]], bans: Mapping[str, str]) -> list[str]:
    return [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1} has {what}"
        for path, text in found
        for what, pattern in bans.items()
        if not (what == "HTML that no template drew" and path in DRAWN_BY_TEMPLATES)
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]


def strangers(found: Iterable[tuple[str, str]]) -> list[str]:
    return [f"{path}: {match.group()}" for path, text in found for match in THIRD_PARTY.finditer(text)]


def test_templates_hold_nothing_that_is_banned() -> None:
    assert banned(files(TEMPLATES, ".html"), IN_TEMPLATES) == []


def test_scripts_hold_nothing_that_is_banned() -> None:
    assert banned(files(STATIC, ".js"), IN_SCRIPTS) == []


def test_only_one_module_makes_trusted_html() -> None:
    makers = [path for path, text in files(APP, ".py") if re.search(r"\bMarkup\(", text)]
    assert makers == ["app/signalbox/web/markup.py"]


def test_no_filter_of_ours_replaces_one_of_jinja() -> None:
    assert FILTERS.keys() & JINJA_FILTERS.keys() == set()


def test_no_page_loads_anything_from_another_host() -> None:
    assert strangers([*files(TEMPLATES, ".html"), *files(STATIC, ".js", ".css", ".svg")]) == []


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
    [fault, *_] = banned([("templates/x.html", f"<p>fine</p>\n{line}\n")], IN_TEMPLATES)
    assert fault.startswith("templates/x.html:2 has ")


@pytest.mark.parametrize(
    "line", ["eval(x)", "new Function(x)", "el.innerHTML = x", 'el.setAttribute("style", x)', 'setTimeout("x")']
)
def test_a_planted_fault_in_a_script_is_found(line: str) -> None:
    assert banned([("static/js/x.js", line)], IN_SCRIPTS)


@pytest.mark.parametrize("line", ["https://cdn.example.org/x.js", 'url("//fonts.example.com/x")', "http://example.com"])
def test_a_planted_stranger_is_found(line: str) -> None:
    assert strangers([("static/css/x.css", line)])


@pytest.mark.parametrize(
    "line", ['<a href="{{ it.href }}">', '<a class="next" href="">', '<input data-on="1">', "<p>{{ one }}</p>"]
)
def test_what_is_allowed_is_not_found(line: str) -> None:
    assert banned([("templates/x.html", line)], IN_TEMPLATES) == []
