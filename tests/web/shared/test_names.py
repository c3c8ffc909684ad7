"""Whatever the name, its page exists and shows the name harmlessly."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar import Litestar
from litestar.testing import TestClient
from typing_extensions import override

from signalbox.web import markup, urls
from signalbox.web.monitoring import urls as monitoring_urls
from tests.web.application import application
from tests.web.hostile_names import HOSTILE


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient[Litestar]]:
    with TestClient(application(), base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


class Elements(HTMLParser):
    """The tag and attribute names of a page, and the text of its headline."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.headline = ""
        self._inside = False
        self.feed(html)

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._inside = self._inside or tag == "h1"

    @override
    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "h1"

    @override
    def handle_data(self, data: str) -> None:
        self.headline += data if self._inside else ""


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_a_page_shows_any_name_harmlessly(client: TestClient[Litestar], name: str) -> None:
    plain = Elements(client.get("/probe/c/orders").text)
    answer = client.get(urls.build("probe", "c", name))
    assert answer.status_code == 200
    page = Elements(answer.text)
    assert page.names == plain.names
    assert page.attributes - {"title"} == plain.attributes - {"title"}
    assert page.headline == markup.visible(name, markup.NAME_LENGTH_MAX, spaces=True)
    assert not re.search("[\x00-\x08\x0e-\x1f\u202a-\u202e\u2066-\u2069]", answer.text)


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_a_partial_shows_any_name_harmlessly(client: TestClient[Litestar], name: str) -> None:
    answer = client.get(urls.build("probe", "c", name), headers={"HX-Request": "true", "HX-Request-Type": "partial"})
    assert answer.text.startswith("<tr data-live=")
    assert Elements(answer.text).names == {"tr", "td", "bdi"}
    assert "HX-Request-Type" in answer.headers["vary"]


@settings(deadline=None)  # the machine may be busy
@given(st.one_of(st.text(max_size=60), st.text("~.", max_size=5)))
def test_a_url_round_trips_its_name(name: str) -> None:
    path = monitoring_urls.group("c", name)
    routed = urls.decode_path(path.encode())
    assert routed.count("/") == 3
    assert urls.decode_segment(routed.split("/")[3]) == name
    assert routed.split("/")[3] not in {".", ".."}
    assert path.split("/")[3].replace("%2E", ".").replace("%2e", ".") not in {".", ".."}


@settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=400))
def test_invisible_characters_become_visible(text: str) -> None:
    visible = markup.visible(text, 249)
    assert not re.search("[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]", visible)
    visible.encode()


def test_a_cut_name_is_complete_in_the_title() -> None:
    html = str(markup.name("a" * 200 + "<end>" + "b" * 200))
    assert html.startswith('<bdi title="aaa')
    assert "&lt;end&gt;" in html
    assert "\u2026" in html


def test_emoji_stay_intact_and_joiners_between_letters_become_visible() -> None:
    assert markup.visible("\U0001f469\u200d\U0001f680") == "\U0001f469\u200d\U0001f680"
    assert markup.visible("a\u200db") == "a\u27e8U+200D\u27e9b"


def test_a_lone_surrogate_becomes_visible_and_can_be_sent() -> None:
    assert markup.name("a\ud800b") == "<bdi>a\u27e8U+D800\u27e9b</bdi>"
    assert monitoring_urls.group("c", "a\ud800b") == "/groups/c/a%3Fb"


def test_unusual_spaces_become_visible_in_names_but_not_in_figures() -> None:
    assert markup.name("a\u00a0b") == "<bdi>a\u27e8U+00A0\u27e9b</bdi>"
    assert markup.visible("8\u00a0h") == "8\u00a0h"
