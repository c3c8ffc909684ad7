"""Build every URL and decode every name in a URL. A name is any UTF-8 from a broker: one percent-encoded segment.

Browsers resolve the segments "." and ".." even when encoded, and the empty name would leave no segment. So such a name gets
a tilde, and one with a tilde gets another.
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

_MARKED = re.compile(r"~*\.{0,2}\Z")

_UNSAFE_IN_KEY = re.compile("[\\x00-\\x1f\\x7f%\\ud800-\\udfff]")  # HTML or JSON would change or refuse these
_ENCODED_IN_KEY = re.compile("%([0-9A-F]{4})")

Query = str | int | float | None


def encode_segment(name: str) -> str:
    """Return a name as one segment of a path."""
    marked = f"~{name}" if _MARKED.match(name) else name
    return quote(marked, safe="", errors="replace")


def decode_path(raw_path: bytes) -> str:
    """Decode the path of a request for routing; slashes inside names stay encoded."""
    segments = raw_path.partition(b"?")[0].split(b"/")
    texts = (unquote_to_bytes(part).decode("utf-8", "replace") for part in segments)
    return "/".join(text.replace("%", "%25").replace("/", "%2F") for text in texts)


def decode_segment(segment: str) -> str:
    """Return the name that `encode_segment` encoded, from a segment of the result of `decode_path`."""
    name = unquote(segment)
    return name[1:] if name.startswith("~") and _MARKED.match(name) else name


def encode_key(key: str) -> str:
    """Encode a feed key for pages and live messages, so that every character survives HTML and JSON."""
    return _UNSAFE_IN_KEY.sub(lambda match: f"%{ord(match.group()):04X}", key)


def decode_key(encoded: str) -> str:
    """Return the feed key that `encode_key` encoded."""
    return _ENCODED_IN_KEY.sub(lambda match: chr(int(match.group(1), 16)), encoded)


def build(*names: str, **query: Query) -> str:
    """Return "/a/b?x=1" without parameters that are None or empty. A trailing underscore of a parameter name is removed."""
    path = "/" + "/".join(encode_segment(name) for name in names)
    parameters = {key.rstrip("_"): str(value) for key, value in query.items() if value not in (None, "")}
    return path + ("?" + urlencode(parameters, errors="replace") if parameters else "")


def with_query(path: str, query: Mapping[str, Query]) -> str:
    """Return a path with these parameters; those that are None or empty are left out."""
    parameters = {key: str(value) for key, value in query.items() if value not in (None, "")}
    return path + ("?" + urlencode(parameters, errors="replace") if parameters else "")


def home() -> str:
    return "/"


def sign_in(**query: Query) -> str:
    return build("sign-in", **query)


def set_up() -> str:
    return build("set-up")


def join(secret: str) -> str:
    """Return the URL of a one-time link."""
    return build("join", secret)


def profile(*part: str, **query: Query) -> str:
    return build("profile", *part, **query)


def search(**query: Query) -> str:
    return build("search", **query)


def api(*names: str, **query: Query) -> str:
    return build("api", "v1", *names, **query)


def static(hashed: str) -> str:
    """Return the URL of a static file, by its name in the manifest."""
    return f"{STATIC}/{quote(hashed)}"
