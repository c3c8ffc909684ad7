"""Text for a terminal. Names from brokers are hostile: control and bidi characters are made visible."""

import unicodedata
from collections.abc import Sequence

import msgspec

NAME_WIDTH_MAX = 60
INVISIBLE = {"Cc", "Cf", "Zl", "Zp", "Cs", "Co", "Cn"}


def safe(text: str) -> str:
    """Return the text with control, format and bidi characters written as code points."""
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in INVISIBLE else c for c in text)


def encoded(document: object) -> bytes:
    """Return a document as JSON. What is no UTF-8 in a name becomes a question mark: one name must not cost all others."""
    try:
        return msgspec.json.encode(document)
    except UnicodeEncodeError:
        return msgspec.json.encode(_as_utf8(msgspec.to_builtins(document)))


def _as_utf8(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case list() | tuple():
            return [_as_utf8(item) for item in value]
        case dict():
            return {key: _as_utf8(item) for key, item in value.items()}
        case _:
            return value


def shortened(text: str) -> str:
    """Return `safe` text cut in the middle to NAME_WIDTH_MAX characters; a name without a visible character in quotes."""
    shown = safe(text) if text.strip() else f'"{safe(text)}"'
    half = NAME_WIDTH_MAX // 2
    return shown if len(shown) <= NAME_WIDTH_MAX else f"{shown[: half - 1]}…{shown[-half:]}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> str:
    """Return rows as aligned columns; `right` lists right-aligned columns."""
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        cells = (c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        return "  ".join(cells).rstrip()

    return "\n".join(line(row) for row in (head, *rows))
