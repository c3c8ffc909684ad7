"""Every address of Signalbox is built here, and every name taken out of an address is read here. Pure.

A name is whatever UTF-8 a broker gave. In an address it is one percent-encoded segment, slashes included. Browsers resolve
the segments "." and ".." even when encoded, so a name that is only dots bears a tilde, and one that looks so gets another.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote, unquote, unquote_to_bytes, urlencode

HEALTH = "/health/"
HEALTH_LIVE = "/health/live"
HEALTH_READY = "/health/ready"
METRICS = "/metrics"
LIVE = "/live"
STATIC = "/static"
API = "/api/v1"
OPENAPI = "/api/v1/openapi.json"

_ONLY_DOTS = re.compile(r"~*\.{1,2}\Z")

_NOT_AS_IT_IS = re.compile("[\\x00-\\x1f\\x7f%\\ud800-\\udfff]")  # what HTML or JSON would change or refuse
_WRITTEN = re.compile("%([0-9A-F]{4})")

Query = str | int | float | None


def encode_segment(name: str) -> str:
    """Write a name as one segment of a path."""
    marked = f"~{name}" if _ONLY_DOTS.match(name) else name
    return quote(marked, safe="", errors="replace")


def decode_path(raw_path: bytes) -> str:
    """Turn a path as it came over the wire into what routes match: decoded, but with slashes inside names still encoded."""
    segments = raw_path.partition(b"?")[0].split(b"/")
    texts = (unquote_to_bytes(part).decode("utf-8", "replace") for part in segments)
    return "/".join(text.replace("%", "%25").replace("/", "%2F") for text in texts)


def decode_segment(routed_segment: str) -> str:
    """Return the name that `encode_segment` wrote, from a segment of a path that `decode_path` made."""
    name = unquote(routed_segment)
    return name[1:] if name.startswith("~") and _ONLY_DOTS.match(name) else name


def encode_key(key: str) -> str:
    """Write a feed key as pages hold and send it: any character survives HTML and JSON."""
    return _NOT_AS_IT_IS.sub(lambda match: f"%{ord(match.group()):04X}", key)


def decode_key(written: str) -> str:
    """Return the feed key that `encode_key` wrote."""
    return _WRITTEN.sub(lambda match: chr(int(match.group(1), 16)), written)


def build(*names: str, **query: Query) -> str:
    """Return "/a/b?x=1"; parameters that are None or empty are left out, and a trailing underscore of a key is dropped."""
    path = "/" + "/".join(encode_segment(name) for name in names)
    asked = {key.rstrip("_"): str(value) for key, value in query.items() if value not in (None, "")}
    return path + ("?" + urlencode(asked, errors="replace") if asked else "")


def with_query(path: str, query: Mapping[str, Query]) -> str:
    """Return a path that was built here with these parameters."""
    asked = {key: str(value) for key, value in query.items() if value not in (None, "")}
    return path + ("?" + urlencode(asked, errors="replace") if asked else "")


def home() -> str:
    return "/"


def sign_in(**query: Query) -> str:
    return build("sign-in", **query)


def set_up() -> str:
    return build("set-up")


def join(secret: str) -> str:
    """Return the address of a one-time link."""
    return build("join", secret)


def profile(*part: str, **query: Query) -> str:
    return build("profile", *part, **query)


def search(**query: Query) -> str:
    return build("search", **query)


def api(*names: str, **query: Query) -> str:
    return build("api", "v1", *names, **query)


def static(hashed: str) -> str:
    """Return the address of a static file by the name that the manifest gave it."""
    return f"{STATIC}/{quote(hashed)}"
