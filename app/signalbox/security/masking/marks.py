"""The marks that replace masked values. No mark reveals the value's length."""

import hmac
from typing import Final

from signalbox.security.masking.model import Method, MethodKind

MASKED: Final = "masked"
KEPT_PREFIX: Final = "•••• "
HASH_DIGITS: Final = 8
KEEP_SHARE: Final = 4  # at most a quarter of the characters stays visible


def mark(how: Method, value: str | bytes, key: bytes) -> str:
    """Return the mark of a text, a number as text, or bytes that are not text."""
    if how.kind is MethodKind.HASH:
        data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
        return "h:" + hmac.digest(key, data, "sha256").hex()[:HASH_DIGITS]
    if how.kind is MethodKind.KEEP and isinstance(value, str) and how.keep <= len(value) // KEEP_SHARE:
        return KEPT_PREFIX + value[-how.keep :]
    return MASKED
