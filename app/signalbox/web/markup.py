"""Pieces of HTML that have a rule: names from a broker, ages, live parts, htmx attributes. Everything is escaped here. Pure.

A name from a broker is hostile: it may hold markup, control and direction characters, thousands of combining marks.
"""

import unicodedata
from datetime import UTC, datetime

from markupsafe import Markup, escape

from signalbox.kernel import figures
from signalbox.kernel.feed import Version
from signalbox.web import urls

NAME_LENGTH_MAX = 249  # the longest a Kafka topic may be; longer ones are cut in the middle
TITLE_LENGTH_MAX = 2000
COMBINING_MAX = 4  # marks on one letter: more climb over the neighbouring rows
STALE_INTERVALS = 3  # an age is a warning when it is over this many reading intervals

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_SYMBOLS = frozenset({"So", "Sk", "Mn"})
JOINER = "\u200d"  # joins emoji, and hides between letters


def visible(text: str, most: int = TITLE_LENGTH_MAX, *, spaces: bool = False) -> str:
    """Return the text with what the eye cannot see written out (U+202E), and at most `most` characters of it.

    With `spaces` other spaces than the plain one are written out too; without, our own figures keep their no-break spaces.
    """
    shown = text if len(text) <= most else f"{text[: most - most // 4]}\u2026{text[-(most // 4) :]}"
    if shown.isascii() and shown.isprintable():
        return shown  # nearly every name: a page shows thousands
    pieces: list[str] = []
    marks = 0
    for index, char in enumerate(shown):
        category = unicodedata.category(char)
        marks = marks + 1 if category in {"Mn", "Me"} else 0
        hidden = category in _HIDDEN or marks > COMBINING_MAX or (spaces and category == "Zs" and char != " ")
        if hidden and not (char == JOINER and _between_symbols(shown, index)):
            pieces.append(f"\u27e8U+{ord(char):04X}\u27e9")
        else:
            pieces.append(char)
    return "".join(pieces)


def _between_symbols(text: str, index: int) -> bool:
    around = text[index - 1 : index] + text[index + 1 : index + 2]
    return len(around) == 2 and all(unicodedata.category(char) in _SYMBOLS for char in around)


def name(text: str) -> Markup:
    """Show a name that a broker gave: isolated in its direction, made visible, bounded; whole in the title when it was cut."""
    shown = visible(text, NAME_LENGTH_MAX, spaces=True)
    if len(text) <= NAME_LENGTH_MAX:
        return Markup("<bdi>{}</bdi>").format(shown)
    return Markup('<bdi title="{}">{}</bdi>').format(visible(text), shown)


def age(at: float | None, now: float, interval_s: float | None = None) -> Markup:
    """Show how long ago `at` was (epoch seconds); a small module lets it tick. Over three intervals it becomes a warning."""
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
    """Show a time of day in UTC; the local time stands in the title once the page runs."""
    return Markup('<time data-moment datetime="{}" title="{}">{}</time>').format(
        _iso(at), f"{figures.utc_time(at, now)} UTC", figures.utc_time(at, now)
    )


def live(key: str, fragment: str, seen: Version) -> Markup:
    """Write the attributes by which the page keeps an element live: what it shows, drawn by which fragment, how new."""
    return Markup('data-live="{}" data-fragment="{}" data-version="{}"').format(urls.live_key(key), fragment, str(seen))


def hx(nonce: str, *, get: str, target: str, swap: str = "outerHTML", push: bool = False, trigger: str = "") -> Markup:
    """Write htmx attributes with the nonce of this page, without which they are ignored in the browser."""
    pairs = {"hx-get": get, "hx-target": target, "hx-swap": swap, "hx-nonce": nonce}
    if push:
        pairs["hx-push-url"] = "true"
    if trigger:
        pairs["hx-trigger"] = trigger
    return Markup(" ").join(Markup('{}="{}"').format(key, value) for key, value in pairs.items())


def csp(nonce: str = "") -> str:
    """Return the content security policy: nothing but our own files, no inline script, no inline style, no framing."""
    script = f"'self' 'nonce-{escape(nonce)}'" if nonce else "'self'"
    return (
        f"default-src 'none'; script-src {script}; style-src 'self'; font-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
