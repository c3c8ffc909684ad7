"""Build the escaped HTML that templates cannot: broker names, ages, live and htmx attributes. Pure.

Broker names are hostile: they may contain markup, control and bidi characters, and thousands of combining marks.
"""

import unicodedata
from datetime import UTC, datetime

from markupsafe import Markup, escape

from signalbox.kernel import figures
from signalbox.kernel.feed import Version
from signalbox.kernel.intervals import STALE_INTERVALS
from signalbox.web import urls

NAME_LENGTH_MAX = 249  # the longest Kafka topic; longer names are cut in the middle
TITLE_LENGTH_MAX = 2000
COMBINING_MAX = 4  # per letter; more would cover the neighboring rows

_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_SYMBOLS = frozenset({"So", "Sk", "Mn"})
EMPTY_NAME = "\u27e8empty name\u27e9"
JOINER = "\u200d"  # joins emoji; invisible between letters


def visible(text: str, max_length: int = TITLE_LENGTH_MAX, *, spaces: bool = False) -> str:
    """Write invisible characters as their code point (U+202E), and cut the text in the middle at `max_length`.

    `spaces` is for names: it also writes unusual spaces and those at an end as code points, and makes the empty name
    visible. Our own figures need their no-break spaces.
    """
    if spaces and not text:
        return EMPTY_NAME
    if len(text) > max_length:
        text = f"{text[: max_length - max_length // 4]}\u2026{text[-(max_length // 4) :]}"
    if text.isascii() and text.isprintable() and not (spaces and text != text.strip(" ")):
        return text  # fast path: nearly every name, and a page shows thousands
    pieces: list[str] = []
    marks = 0
    for index, char in enumerate(text):
        category = unicodedata.category(char)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        invisible = category in _INVISIBLE or marks > COMBINING_MAX or (spaces and _is_odd_space(text, index))
        if invisible and not (char == JOINER and _between_symbols(text, index)):
            pieces.append(f"\u27e8U+{ord(char):04X}\u27e9")
        else:
            pieces.append(char)
    return "".join(pieces)


def _is_odd_space(text: str, index: int) -> bool:
    """Return whether this is another space than " ", or one with nothing before or behind it."""
    if text[index] != " ":
        return unicodedata.category(text[index]) == "Zs"
    return not text[:index].strip(" ") or not text[index:].strip(" ")


def _between_symbols(text: str, index: int) -> bool:
    neighbors = text[index - 1 : index] + text[index + 1 : index + 2]
    return len(neighbors) == 2 and all(unicodedata.category(char) in _SYMBOLS for char in neighbors)


def name(text: str) -> Markup:
    """Write a broker's name: bidi-isolated, visible, bounded. A cut name is complete in the title."""
    shown = visible(text, NAME_LENGTH_MAX, spaces=True)
    if len(text) <= NAME_LENGTH_MAX:
        return Markup("<bdi>{}</bdi>").format(shown)
    return Markup('<bdi title="{}">{}</bdi>').format(visible(text), shown)


def age(at: float | None, now: float, interval_s: float | None = None) -> Markup:
    """Write how long ago `at` was (epoch seconds); ages.js updates it. An age above three intervals is a warning."""
    if at is None:
        return Markup('<span class="age">{}</span>').format(figures.UNKNOWN_WORD)
    limit = Markup("")
    if interval_s is not None:
        limit = Markup(' data-limit="{}"').format(f"{interval_s * STALE_INTERVALS:g}")
        if now - at > interval_s * STALE_INTERVALS:
            limit += Markup(' data-tone="caution"')
    return Markup('<time class="age" data-age="{}"{} datetime="{}" title="{}">{}</time>').format(
        f"{at:.3f}", limit, _iso(at), figures.utc_time(at, now) + " UTC", figures.age(now - at)
    )


def moment(at: float, now: float) -> Markup:
    """Write a time of day in UTC; ages.js adds the local time to the title."""
    return Markup('<time data-moment datetime="{}" title="{}">{}</time>').format(
        _iso(at), f"{figures.utc_time(at, now)} UTC", figures.utc_time(at, now)
    )


def live(key: str, fragment: str, version: Version) -> Markup:
    """Write the attributes that live.js reads: the key, the fragment and the version of an element."""
    return Markup('data-live="{}" data-fragment="{}" data-version="{}"').format(
        urls.encode_key(key), fragment, str(version)
    )


def hx(nonce: str, *, get: str, target: str, swap: str = "outerHTML", push: bool = False, trigger: str = "") -> Markup:
    """Write htmx attributes with this page's nonce; the browser ignores htmx attributes without it."""
    pairs = {"hx-get": get, "hx-target": target, "hx-swap": swap, "hx-nonce": nonce}
    if push:
        pairs["hx-push-url"] = "true"
    if trigger:
        pairs["hx-trigger"] = trigger
    return Markup(" ").join(Markup('{}="{}"').format(key, value) for key, value in pairs.items())


def csp(nonce: str = "") -> str:
    """Return the content security policy: our own files only, no inline script or style, no framing."""
    script = f"'self' 'nonce-{escape(nonce)}'" if nonce else "'self'"
    return (
        f"default-src 'none'; script-src {script}; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
