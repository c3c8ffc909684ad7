"""Browser names from User-Agent headers, genuine and forged."""

import pytest

from signalbox.web.security.user_agents import PRODUCT_LENGTH_MAX, browser_name, is_phone

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
LINUX = f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/143.0.0.0 Safari/537.36"
ANDROID = f"Mozilla/5.0 (Linux; Android 16; K) {WEBKIT} Chrome/143.0.0.0 Mobile Safari/537.36"
TABLET = f"Mozilla/5.0 (Linux; Android 16; K) {WEBKIT} Chrome/143.0.0.0 Safari/537.36"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile/15E148 Safari/604.1"
EDGE = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/143.0.0.0 Safari/537.36 Edg/143.0.0.0"
FIREFOX = "Mozilla/5.0 (Macintosh; Intel Mac OS X 15.7; rv:145.0) Gecko/20100101 Firefox/145.0"


@pytest.mark.parametrize(
    ("agent", "words", "phone"),
    [
        (LINUX, "Chromium on Linux", False),
        (ANDROID, "Chromium on Android", True),
        (TABLET, "Chromium on Android", False),
        (IPHONE, "Safari on an iPhone", True),
        (EDGE, "Edge on Windows", False),
        (FIREFOX, "Firefox on a Mac", False),
        ("curl/8.5.0", "curl", False),
        ("", "unknown", False),
        ("/", "unknown", False),
        ("x" * 200, "x" * PRODUCT_LENGTH_MAX, False),
        ("Firefox/1", "Firefox", False),
    ],
)
def test_browser_name_and_phone(agent: str, words: str, phone: bool) -> None:
    assert (browser_name(agent), is_phone(agent)) == (words, phone)
