"""What stands in place of a masked value. None of them tells how long the value was."""

import hmac
from typing import Final

from signalbox.security.masking.model import Method, MethodKind

MASKED: Final = "masked"
KEPT_PREFIX: Final = "•••• "
HASH_DIGITS: Final = 8
KEEP_SHARE: Final = 4  # at most one character in so many stays


def mark(how: Method, value: str | bytes, key: bytes) -> str:
    """Return the mark of a text, of a number as text, or of bytes that are no text."""
    if how.kind is MethodKind.HASH:
        data = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
        return "h:" + hmac.digest(key, data, "sha256").hex()[:HASH_DIGITS]
    if how.kind is MethodKind.KEEP and isinstance(value, str) and how.keep <= len(value) // KEEP_SHARE:
        return KEPT_PREFIX + value[-how.keep :]
    return MASKED
